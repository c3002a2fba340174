extension Endpoint {
    /// Offerings of the caller's organisations, and plans with their prices.
    static let offeringEndpoints: [Endpoint] = [
        Endpoint(
            path: "/api/marketplace-provider-offerings/",
            handlers: ["GET": listOfferings, "POST": makeOffering]
        ),
        .get("/api/marketplace-provider-offerings/{uuid}/") { (model, call) throws(Refusal) in
            let user = try call.caller()
            guard let offering = model.offerings[ID(call.key)], model.sees(user, offering) else {
                throw .notFound("Offering")
            }
            return .ok(call.select(Serializer(model, call).offering(offering)))
        },
        Endpoint(
            path: "/api/marketplace-plans/",
            handlers: ["GET": listPlans, "POST": makePlan]
        ),
        .get("/api/marketplace-plans/{uuid}/") { (model, call) throws(Refusal) in
            _ = try call.caller()
            guard let plan = model.plans[ID(call.key)] else { throw .notFound("Plan") }
            return .ok(Serializer(model, call).plan(plan, alone: true))
        },
        .post("/api/marketplace-plans/{uuid}/update_prices/", updatePrices),
    ]

    private static let listOfferings: Handler = { (model, call) throws(Refusal) in
        let user = try call.caller()
        var filters = Filters(call)
        let customer = filters.uuid("customer_uuid")
        let exact = filters.text("name_exact")
        let name = filters.text("name")
        let states = filters.choices(
            "state",
            ["Draft", "Active", "Paused", "Archived", "Unavailable"]
        )
        let order = filters.order(["name", "created", "type", "total_customers", "total_cost"])
        try filters.check()
        var found = model.offerings.rows.filter { row in
            model.sees(user, row) && (customer ?? row.customer) == row.customer
                && (exact ?? row.name) == row.name
                && name.map { row.name.lowercased().contains($0.lowercased()) } ?? true
                && (states.isEmpty || states.contains(row.state))
        }
        if let order {
            found =
                order.hasSuffix("name")
                ? found.ordered(order, by: \.name) : found.ordered(order, by: \.created)
        }
        let serializer = Serializer(model, call)
        return try Pagination.answer(found, call) { call.select(serializer.offering($0)) }
    }

    private static let listPlans: Handler = { (model, call) throws(Refusal) in
        _ = try call.caller()
        var filters = Filters(call)
        let offering = filters.uuid("offering_uuid")
        try filters.check()
        let found = model.plans.rows
            .filter { (offering ?? $0.offering) == $0.offering }
            .sorted { $0.name < $1.name }
        let serializer = Serializer(model, call)
        return try Pagination.answer(found, call) { serializer.plan($0, alone: true) }
    }

    private static let updatePrices: Handler = { (model, call) throws(Refusal) in
        let plan = try plan(model, call)
        guard let given = try call.json()["prices"]?.members else {
            throw .invalid(["prices": ["This field is required."]])
        }
        var prices: [String: Decimal10] = [:]
        var complaints: [JSON.Member] = []
        for member in given {
            let text = member.value.string ?? member.value.number ?? ""
            let complaint: String?
            if let parsed = PythonDecimal(text) {
                complaint =
                    parsed.complaint(maxDigits: 22, places: 10)
                    ?? (parsed.isNegative && parsed.digits != [0]
                        ? "Ensure this value is greater than or equal to 0." : nil)
            } else {
                complaint = "A valid number is required."
            }
            if let complaint {
                complaints.append(.init(key: member.key, value: [.string(complaint)]))
            } else {
                prices[member.key] = Decimal10(text.trimmingWhitespace)
            }
        }
        guard complaints.isEmpty else { throw .invalid(["prices": .object(complaints)]) }
        try model.updatePrices(plan, prices)
        return Answer(status: 200)
    }
}
