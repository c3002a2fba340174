internal import Meter
internal import MeterWire

/// `POST /api/v1/portal-tokens`: a platform lets a page read one tenant's usage for a while.
struct PortalTokenRoute {
    let tokens: PortalTokens
    let now: @Sendable () -> Timestamp

    static let secondsMax: UInt64 = 3_600
    private static let secondsDefault: UInt64 = 900

    var route: APIRoute {
        APIRoute(
            .post,
            "/api/v1/portal-tokens",
            scopes: .usage,
            bodyByteCountMax: 1 << 14
        ) { call throws(Problem) in try make(call) }
    }

    private func make(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow([])
        guard case .holder(let credential) = call.caller, credential.principal.isPlatform else {
            throw .platformKey
        }
        let fields = try RequestFields(
            call.body,
            allowed: ["tenant", "agents", "components", "users", "seconds"]
        )
        let tenant = try fields.name("tenant")
        guard credential.principal.reaches(tenant) else { throw .unknownTenant }
        let seesUsers = try fields.boolean("users") ?? false
        if seesUsers, !call.caller.has(.usageUsers) { throw .scope("usage-users") }
        let seconds = try fields.natural("seconds") ?? Self.secondsDefault
        guard (1...Self.secondsMax).contains(seconds) else {
            throw .badBody("`seconds` is 1 to \(Self.secondsMax): a token lives an hour at most.")
        }
        let grant = PortalGrant(
            issuer: credential.key,
            tenant: tenant,
            agents: try Self.names("agents", fields),
            components: try Self.names("components", fields),
            seesUsers: seesUsers,
            expires: now().advanced(byMilliseconds: Int64(seconds) * 1_000)
        )
        guard let token = tokens.token(grant) else {
            throw .badBody(
                "The token would be longer than \(PortalTokens.byteCountMax) bytes; name fewer "
                    + "`agents` and `components`, or none for all."
            )
        }
        return .json(
            [
                "token": .string(token), "tenant": .string(tenant.description),
                "agents": Self.list(grant.agents), "components": Self.list(grant.components),
                "users": .boolean(seesUsers), "expires": .string(RFC3339.text(grant.expires)),
            ],
            status: 201
        )
    }

    /// An empty list would be a token for nothing, or for everything by mistake.
    private static func names(
        _ field: String,
        _ fields: RequestFields
    ) throws(Problem) -> Set<Name>? {
        guard let texts = try fields.texts(field) else { return nil }
        guard !texts.isEmpty else {
            throw .badBody("`\(field)` names at least one; leave it out for all.")
        }
        var names: Set<Name> = []
        for text in texts { names.insert(try RequestFields.name(text, field)) }
        return names
    }

    private static func list(_ names: Set<Name>?) -> JSONOutput {
        names.map { .array($0.sorted().map { .string($0.description) }) } ?? .null
    }
}

extension Principal {
    /// Whether it acts for tenants rather than being one.
    fileprivate var isPlatform: Bool {
        switch kind {
        case .platform, .platformForAll: true
        case .tenant: false
        }
    }
}
