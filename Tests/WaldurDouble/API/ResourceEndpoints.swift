extension Endpoint {
    /// Resources as the provider and as the buyer see them.
    static let resourceEndpoints: [Endpoint] =
        side("/api/marketplace-provider-resources/") { $0.provides($1, $2) }
        + side("/api/marketplace-resources/") { $0.consumes($1, $2) }
        + [
            .post("/api/marketplace-resources/{uuid}/switch_plan/", switchPlan),
            .post("/api/marketplace-resources/{uuid}/terminate/", terminate),
        ]

    private typealias Sees = @Sendable (WaldurModel, User, Resource) -> Bool

    private static func side(_ root: String, _ sees: @escaping Sees) -> [Endpoint] {
        let find = { @Sendable (model: WaldurModel, call: Call) throws(Refusal) -> Resource in
            let user = try call.caller()
            guard let resource = model.resources[ID(call.key)], sees(model, user, resource) else {
                throw .notFound("Resource")
            }
            return resource
        }
        return [
            .get(root) { (model, call) throws(Refusal) in
                let user = try call.caller()
                let found = try filter(model, call) { sees(model, user, $0) }
                let serializer = Serializer(model, call)
                return try Pagination.answer(found, call) {
                    call.select(serializer.resource($0, inList: true))
                }
            },
            .get(root + "{uuid}/") { (model, call) throws(Refusal) in
                let resource = try find(model, call)
                return .ok(call.select(Serializer(model, call).resource(resource, inList: false)))
            },
            .get(root + "{uuid}/plan_periods/") { (model, call) throws(Refusal) in
                let resource = try find(model, call)
                let serializer = Serializer(model, call)
                let periods = model.planPeriods(of: resource.id)
                    .filter { $0.end.map { $0 >= call.now.month.start } ?? true }
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

    private static func consumed(_ model: WaldurModel, _ call: Call) throws(Refusal) -> Resource {
        let user = try call.caller()
        guard let resource = model.resources[ID(call.key)], model.consumes(user, resource) else {
            throw .notFound("Resource")
        }
        guard model.mayOrder(user, for: resource) else { throw .forbidden }
        return resource
    }

    private static let switchPlan: Handler = { (model, call) throws(Refusal) in
        let resource = try consumed(model, call)
        guard let given = try call.json()["plan"] else {
            throw .invalid(["plan": ["This field is required."]])
        }
        let key = given.string?.split(separator: "/").last.map(String.init) ?? ""
        guard let plan = model.plans[ID(key)] else {
            throw .invalid(["plan": ["Invalid hyperlink - Object does not exist."]])
        }
        guard plan.offering == resource.offering else {
            throw .invalid(["plan": ["Plan is not available for this offering."]])
        }
        guard resource.state == .ok else { throw .conflict("Valid states for operation: OK.") }
        let order = try model.order(resource, switchTo: plan, by: try call.caller())
        return .ok(["order_uuid": .string(order.id.hex)])
    }

    private static let terminate: Handler = { (model, call) throws(Refusal) in
        let resource = try consumed(model, call)
        guard resource.state == .ok || resource.state == .erred else {
            throw .conflict("Valid states for operation: OK, Erred.")
        }
        let order = try model.order(resource, switchTo: nil, by: try call.caller())
        return .ok(["order_uuid": .string(order.id.hex)])
    }
}
