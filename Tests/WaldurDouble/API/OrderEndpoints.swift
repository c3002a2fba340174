extension Endpoint {
    /// Orders, as both sides see them, and the provider's decision.
    static let orderEndpoints: [Endpoint] = [
        Endpoint(
            path: "/api/marketplace-orders/",
            handlers: ["GET": listOrders, "POST": makeOrder]
        ),
        .get("/api/marketplace-orders/{uuid}/") { (model, call) throws(Refusal) in
            let order = try visible(model, call)
            return .ok(call.select(Serializer(model, call).order(order)))
        },
        .post("/api/marketplace-orders/{uuid}/approve_by_provider/") {
            (model, call) throws(Refusal) in
            let order = try reviewable(model, call)
            try model.approve(order, by: try call.caller())
            return Answer(status: 200)
        },
        .post("/api/marketplace-orders/{uuid}/reject_by_provider/") {
            (model, call) throws(Refusal) in
            let order = try reviewable(model, call)
            try model.reject(order, by: try call.caller())
            return Answer(status: 200)
        },
        .post("/api/marketplace-orders/{uuid}/set_state_done/") { (model, call) throws(Refusal) in
            let order = try reviewable(model, call)
            try model.finish(order)
            return Answer(status: 200)
        },
    ]

    /// `callback_url` is ignored, as Waldur ignores it.
    private static let makeOrder: Handler = { (model, call) throws(Refusal) in
        let user = try call.caller()
        var fields = try BodyFields(call)
        let offering = fields.link("offering") { model.offerings[$0] }
        let project = fields.link("project") { model.projects[$0] }
        let plan = fields.link("plan") { model.plans[$0] }
        try fields.check()
        guard let offering, let project, let plan, plan.offering == offering.id else {
            throw .invalid(["plan": ["This plan is not available for selected offering."]])
        }
        guard model.sees(user, project) else {
            throw .invalid(["project": ["Invalid hyperlink - Object does not exist."]])
        }
        guard offering.state == "Active" else {
            throw .invalid(["offering": ["Offering is not available."]])
        }
        var limits: [Limit] = []
        for member in fields.json("limits").members ?? [] {
            guard let amount = member.value.number.flatMap({ Int($0) }) else { continue }
            limits.append(Limit(type: member.key, amount: amount))
        }
        let order = model.order(
            plan,
            in: project,
            attributes: fields.json("attributes"),
            limits: limits,
            by: user
        )
        let serializer = Serializer(model, call)
        var answer = Answer.created(serializer.placedOrder(order, by: user))
        if let url = serializer.url("marketplace-orders", order.id).string {
            answer.headers.append(("Location", url))
        }
        return answer
    }

    private static func visible(_ model: WaldurModel, _ call: Call) throws(Refusal) -> Order {
        let user = try call.caller()
        guard let order = model.orders[ID(call.key)], model.sees(user, order) else {
            throw .notFound("Order")
        }
        return order
    }

    private static func reviewable(_ model: WaldurModel, _ call: Call) throws(Refusal) -> Order {
        let order = try visible(model, call)
        guard model.mayReview(try call.caller(), order) else { throw .forbidden }
        return order
    }

    private static let listOrders: Handler = { (model, call) throws(Refusal) in
        let user = try call.caller()
        var filters = Filters(call)
        let offering = filters.uuid("offering_uuid")
        let resource = filters.uuid("resource_uuid")
        let project = filters.uuid("project_uuid")
        let customer = filters.uuid("customer_uuid")
        let provider = filters.uuid("provider_uuid")
        let created = filters.time("created")
        let modified = filters.time("modified")
        let states = filters.choices("state", Order.State.allCases.map(\.rawValue))
        let types = filters.choices("type", ["Create", "Update", "Terminate"])
        let order = filters.order(["created", "consumer_reviewed_at", "cost", "state"])
        try filters.check()
        let found = model.orders.rows.filter { row in
            guard let target = model.resources[row.resource], model.sees(user, row) else {
                return false
            }
            return (offering ?? target.offering) == target.offering
                && (resource ?? target.id) == target.id
                && (project ?? target.project) == target.project
                && (customer == nil || customer == model.customer(of: target))
                && (provider == nil || provider == model.offerings[target.offering]?.customer)
                && created.map { row.created >= $0 } ?? true
                && modified.map { row.modified >= $0 } ?? true
                && (states.isEmpty || states.contains(row.state.rawValue))
                && (types.isEmpty || types.contains(row.kind.rawValue))
        }
        let serializer = Serializer(model, call)
        return try Pagination.answer(found.ordered(order ?? "created", by: \.created), call) {
            call.select(serializer.order($0))
        }
    }
}
