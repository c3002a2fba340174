extension Endpoint {
    /// Resources as the provider and as the buyer see them.
    static let resourceEndpoints: [Endpoint] =
        side("/api/marketplace-provider-resources/") { $0.provides($1, $2) }
        + side("/api/marketplace-resources/", change: changeResource) { $0.consumes($1, $2) }

    private typealias Sees = @Sendable (WaldurModel, User, Resource) -> Bool

    private static func side(
        _ root: String,
        change: Handler? = nil,
        _ sees: @escaping Sees
    ) -> [Endpoint] {
        let find = { @Sendable (model: WaldurModel, call: Call) throws(Refusal) -> Resource in
            let user = try call.caller()
            guard let resource = model.resources[ID(call.key)], sees(model, user, resource) else {
                throw .notFound("Resource")
            }
            return resource
        }
        var single = Endpoint.get(root + "{uuid}/") { (model, call) throws(Refusal) in
            let resource = try find(model, call)
            return .ok(call.select(Serializer(model, call).resource(resource, inList: false)))
        }
        single.handlers["PATCH"] = change
        return [
            .get(root) { (model, call) throws(Refusal) in
                let user = try call.caller()
                let found = try filter(model, call) { sees(model, user, $0) }
                let serializer = Serializer(model, call)
                return try Pagination.answer(found, call) {
                    call.select(serializer.resource($0, inList: true))
                }
            },
            single,
            .get(root + "{uuid}/plan_periods/") { (model, call) throws(Refusal) in
                let resource = try find(model, call)
                let serializer = Serializer(model, call)
                let periods = model.planPeriods(of: resource.id)
                    .filter { $0.end.map { $0 >= model.month(of: call.now).start } ?? true }
                return .ok(.array(periods.map(serializer.planPeriod)))
            },
        ]
    }

    private static func filter(
        _ model: WaldurModel,
        _ call: Call,
        sees: (Resource) -> Bool
    ) throws(Refusal) -> [Resource] {
        var filters = Filters(call)
        let offering = filters.uuid("offering_uuid")
        let project = filters.uuid("project_uuid")
        let customer = filters.uuid("customer_uuid")
        let provider = filters.uuid("provider_uuid")
        let backend = filters.text("backend_id")
        let name = filters.text("name")
        let exact = filters.text("name_exact")
        let created = filters.date("created")
        let modified = filters.date("modified")
        let states = filters.choices(
            "state",
            ["Creating", "OK", "Erred", "Updating", "Terminating", "Terminated"]
        )
        let order = filters.order(["name", "created"])
        try filters.check()
        let found = model.resources.rows.filter { row in
            sees(row) && (offering ?? row.offering) == row.offering
                && (project ?? row.project) == row.project
                && (customer == nil || customer == model.customer(of: row))
                && (provider == nil || provider == model.offerings[row.offering]?.customer)
                && (backend ?? row.backendID) == row.backendID
                && name.map { row.name.lowercased().contains($0.lowercased()) } ?? true
                && (exact ?? row.name) == row.name
                && created.map { row.created >= $0 } ?? true
                && modified.map { row.modified >= $0 } ?? true
                && (states.isEmpty || states.contains(row.state.rawValue))
        }
        guard let order else { return found }
        return order.hasSuffix("name")
            ? found.ordered(order, by: \.name) : found.ordered(order, by: \.created)
    }
}
