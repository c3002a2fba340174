extension Endpoint {
    /// Usage by user, and usage that comes signed instead of with a token.
    static let furtherUsageEndpoints: [Endpoint] = [
        .post("/api/marketplace-component-usages/{uuid}/set_user_usage/", setUserUsage),
        .get("/api/marketplace-component-user-usages/", listUserUsages),
        Endpoint(
            path: "/api/marketplace-public-api/set_usage/",
            handlers: ["POST": setSignedUsage],
            isOpen: true
        ),
    ]

    private static let setUserUsage: Handler = { (model, call) throws(Refusal) in
        let user = try call.caller()
        guard let row = model.usages[ID(call.key)], let resource = model.resources[row.key.resource]
        else { throw .notFound("ComponentUsage") }
        guard model.maySetUsage(user, of: resource) else { throw .forbidden }
        var fields = try BodyFields(call)
        let username = fields.text("username", longest: 100)
        let usage = fields.decimal("usage", places: 2, required: false)
        try fields.check()
        try model.setUserUsage(of: row, username: username, usage: usage)
        return Answer(status: 201)
    }

    /// Shown to every user, like the rows themselves.
    private static let listUserUsages: Handler = { (model, call) throws(Refusal) in
        _ = try call.caller()
        var filters = Filters(call)
        let resource = filters.uuid("resource_uuid")
        let type = filters.text("type")
        try filters.check()
        let found = model.userUsages.rows.filter { usage in
            guard let row = model.usages[usage.row] else { return false }
            return (resource ?? row.key.resource) == row.key.resource
                && (type ?? row.type) == row.type
        }
        let serializer = Serializer(model, call)
        return try Pagination.answer(found, call, serializer.userUsage)
    }

    /// Checks the signature of the customer that the request names, and never whether the resource is
    /// of an offering of that customer's: any provider may write any resource.
    private static let setSignedUsage: Handler = { (model, call) throws(Refusal) in
        var fields = try BodyFields(call)
        let id = ID(fields.text("customer"))
        let token = fields.text("data")
        try fields.check()
        guard let customer = model.customers[id], customer.serviceProvider != nil else {
            throw .invalid(["customer": ["Object with uuid does not exist."]])
        }
        guard let payload = WebToken.payload(token, secret: customer.apiSecret) else {
            throw .invalid(["non_field_errors": ["Signature verification failed."]])
        }
        let report = try UsageReport.parse(payload, in: model, at: call.now)
        try model.setUsage(report, by: nil, at: max(call.now, model.stamp()))
        return Answer(status: 201)
    }
}
