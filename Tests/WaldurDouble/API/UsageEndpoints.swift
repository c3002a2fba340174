extension Endpoint {
    /// Reporting and reading back usage.
    static let usageEndpoints: [Endpoint] = [
        .get("/api/marketplace-component-usages/", listUsages),
        .get("/api/marketplace-component-usages/{uuid}/") { (model, call) throws(Refusal) in
            _ = try call.caller()
            guard let row = model.usages[ID(call.key)] else { throw .notFound("ComponentUsage") }
            return .ok(call.select(Serializer(model, call).usage(row)))
        },
        Endpoint(
            path: "/api/marketplace-component-usages/set_usage/",
            handlers: ["POST": setUsage],
            changes: { model, call in
                guard let body = try? call.json(),
                    let report = try? UsageReport.parse(body, in: model, at: call.now)
                else { return 0 }
                return model.changedComponents(report, at: call.now)
            }
        ),
    ]

    /// Validation comes before permission, so a stranger learns whether a uuid exists.
    private static let setUsage: Handler = { (model, call) throws(Refusal) in
        let user = try call.caller()
        let report = try UsageReport.parse(try call.json(), in: model, at: call.now)
        guard let resource = model.resources[report.resource],
            model.maySetUsage(user, of: resource)
        else { throw .forbidden }
        try model.setUsage(report, by: user, at: max(call.now, model.stamp()))
        return Answer(status: 201)
    }

    private static let listUsages: Handler = { (model, call) throws(Refusal) in
        _ = try call.caller()
        var filters = Filters(call)
        let resource = filters.uuid("resource_uuid")
        let resourceURL = filters.url("resource")
        let offering = filters.uuid("offering_uuid")
        let project = filters.uuid("project_uuid")
        let customer = filters.uuid("customer_uuid")
        let type = filters.text("type")
        let month = filters.date("billing_period")
        let before = filters.date("date_before")
        let after = filters.date("date_after")
        try filters.check()
        let rows = (resource ?? resourceURL).map { model.usages.rows(of: $0) } ?? model.usages.rows
        let found = rows.filter { row in
            guard let owner = model.resources[row.key.resource] else { return false }
            return (resource ?? owner.id) == owner.id && (resourceURL ?? owner.id) == owner.id
                && (offering ?? owner.offering) == owner.offering
                && (project ?? owner.project) == owner.project
                && (customer == nil || customer == model.customer(of: owner))
                && (type ?? row.type) == row.type
                && month.map { $0.date == row.key.month.name } ?? true
                && before.map { row.date < $0.advanced(bySeconds: 86_400) } ?? true
                && after.map { row.date >= $0 } ?? true
        }
        let serializer = Serializer(model, call)
        return try Pagination.answer(
            found.sorted { ($1.date, $0.type) < ($0.date, $1.type) },
            call
        ) { call.select(serializer.usage($0)) }
    }
}
