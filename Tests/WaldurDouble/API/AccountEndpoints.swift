extension Endpoint {
    /// Version, configuration and the caller's own account.
    static let accountEndpoints: [Endpoint] = [
        .get("/api/version/") { (_, call) throws(Refusal) in
            guard try call.caller().isStaff else { throw .forbidden }
            return .ok(["version": "7.3.0"])
        },
        Endpoint(
            path: "/api/configuration/",
            handlers: [
                "GET": { (model, _) throws(Refusal) in .ok(Serializer.configuration(model)) }
            ],
            isOpen: true
        ),
        .get("/api/users/me/") { (model, call) throws(Refusal) in
            let user = try call.caller()
            return .ok(call.select(Serializer(model, call).user(user)))
        },
    ]
}
