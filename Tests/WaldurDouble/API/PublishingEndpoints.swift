extension Endpoint {
    /// Making offerings: drafts, components, plans and their quotas, states.
    static let publishingEndpoints: [Endpoint] = [
        .post(offerings + "{uuid}/create_offering_component/") { (model, call) throws(Refusal) in
            let offering = try owned(model, call)
            let component = try component(try call.json())
            try model.addComponent(component, to: offering.id)
            return Answer(status: 201)
        },
        .post(offerings + "{uuid}/update_offering_component/") { (model, call) throws(Refusal) in
            let offering = try owned(model, call)
            let component = try named(call, in: offering)
            let name = try call.json()["name"]?.string
            let unit = try call.json()["measured_unit"]?.string
            model.offerings.update(offering.id) { offering in
                guard let place = offering.components.firstIndex(where: { $0.id == component.id })
                else { return }
                if let name { offering.components[place].name = name }
                if let unit { offering.components[place].measuredUnit = unit }
            }
            return Answer(status: 200)
        },
        .post(offerings + "{uuid}/remove_offering_component/") { (model, call) throws(Refusal) in
            let offering = try owned(model, call)
            try model.removeComponent(try named(call, in: offering), from: offering.id)
            return Answer(status: 200)
        },
        .post(offerings + "{uuid}/activate/") { (model, call) throws(Refusal) in
            let offering = try visible(model, call)
            guard try call.caller().isStaff else { throw .forbidden }
            guard !model.plans(of: offering.id).isEmpty else {
                throw .invalid(["Offering state is invalid."])
            }
            return try change(&model, offering, to: "Active", from: ["Draft", "Unavailable"])
        },
        .post(offerings + "{uuid}/pause/") { (model, call) throws(Refusal) in
            try change(&model, try owned(model, call), to: "Paused", from: ["Active"])
        },
        .post(offerings + "{uuid}/unpause/") { (model, call) throws(Refusal) in
            try change(&model, try owned(model, call), to: "Active", from: ["Paused"])
        },
        .post(offerings + "{uuid}/archive/") { (model, call) throws(Refusal) in
            let states = ["Draft", "Active", "Paused"]
            return try change(&model, try owned(model, call), to: "Archived", from: states)
        },
        .post("/api/marketplace-plans/{uuid}/update_quotas/") { (model, call) throws(Refusal) in
            let plan = try plan(model, call)
            var quotas: [String: Int] = [:]
            for member in try call.json()["quotas"]?.members ?? [] {
                quotas[member.key] = (member.value.number ?? member.value.string).flatMap {
                    Int($0)
                }
            }
            try model.updateQuotas(plan, quotas)
            return Answer(status: 200)
        },
    ]

    private static let offerings = "/api/marketplace-provider-offerings/"

    private static func visible(_ model: WaldurModel, _ call: Call) throws(Refusal) -> Offering {
        let user = try call.caller()
        guard let offering = model.offerings[ID(call.key)], model.sees(user, offering) else {
            throw .notFound("Offering")
        }
        return offering
    }

    private static func owned(_ model: WaldurModel, _ call: Call) throws(Refusal) -> Offering {
        let offering = try visible(model, call)
        guard model.mayPublish(try call.caller(), for: offering.customer) else { throw .forbidden }
        return offering
    }

    static func plan(_ model: WaldurModel, _ call: Call) throws(Refusal) -> Plan {
        let user = try call.caller()
        guard let plan = model.plans[ID(call.key)], let offering = model.offerings[plan.offering]
        else { throw .notFound("Plan") }
        guard model.mayPublish(user, for: offering.customer) else { throw .forbidden }
        return plan
    }

    private static func named(
        _ call: Call,
        in offering: Offering
    ) throws(Refusal) -> Component {
        let id = try call.json()["uuid"]?.string.flatMap { ID($0) }
        guard let component = offering.components.first(where: { $0.id == id }) else {
            throw .invalid(["uuid": ["This field is required."]])
        }
        return component
    }

    private static func change(
        _ model: inout WaldurModel,
        _ offering: Offering,
        to state: String,
        from states: [String]
    ) throws(Refusal) -> Answer {
        guard states.contains(offering.state) else {
            throw .invalid(["Offering state is invalid."])
        }
        model.offerings.update(offering.id) { $0.state = state }
        return .ok(["detail": "Offering state updated.", "state": .string(state)])
    }

    /// A component as a request describes it.
    private static func component(_ json: JSON) throws(Refusal) -> Component {
        let isBoolean = json["is_boolean"]?.bool ?? false
        guard let type = json["type"]?.string,
            let billing = json["billing_type"]?.string.flatMap(BillingType.init)
        else { throw .invalid(["components": ["type and billing_type are required."]]) }
        let period = json["limit_period"]?.string.flatMap(Component.LimitPeriod.init)
        let limit = json["limit_amount"].flatMap { ($0.number ?? $0.string).flatMap { Int($0) } }
        return Component(
            id: ID(),
            type: type,
            name: json["name"]?.string ?? type,
            measuredUnit: json["measured_unit"]?.string ?? "",
            billingType: billing,
            limitPeriod: isBoolean ? .month : period,
            limitAmount: isBoolean ? nil : limit,
            isBoolean: isBoolean,
            articleCode: json["article_code"]?.string ?? ""
        )
    }

    /// `POST /api/marketplace-provider-offerings/`. Prices are not taken here.
    static let makeOffering: Handler = { (model, call) throws(Refusal) in
        let user = try call.caller()
        var fields = try BodyFields(call)
        let name = fields.text("name")
        let category = fields.text("category")
        let type = fields.text("type")
        try fields.check()
        let customer = fields.optional("customer").flatMap(BodyFields.id(in:))
        guard let customer = model.customers[customer],
            model.mayPublish(user, for: customer.id)
        else { throw .forbidden }
        var components: [Component] = []
        for json in fields.json("components").array ?? [] { components.append(try component(json)) }
        let known = model.offerings.rows.last
        let draft = Offering(
            id: ID(),
            customer: customer.id,
            name: name,
            slug: model.slug(for: name) { slug in
                model.offerings.rows.contains { $0.slug == slug }
            },
            description: fields.optional("description") ?? "",
            type: type,
            category: BodyFields.id(in: category) ?? ID(),
            categoryTitle: known?.categoryTitle ?? "AI agents",
            backendID: fields.optional("backend_id") ?? "",
            state: "Draft",
            created: model.stamp(),
            options: fields.json("options"),
            components: components.sorted { $0.type < $1.type }
        )
        let plans = (fields.json("plans").array ?? []).map { json in
            (
                name: json["name"]?.string ?? "", description: json["description"]?.string ?? "",
                unit: json["unit"]?.string.flatMap(Plan.Unit.init) ?? .month
            )
        }
        let made = model.publish(draft, plans: plans)
        var answer = Answer.created(Serializer(model, call).offering(made, isNew: true))
        answer.headers.append(
            ("Location", "http://\(call.request.host)\(offerings)\(made.id.hex)/"))
        return answer
    }

    static let makePlan: Handler = { (model, call) throws(Refusal) in
        let user = try call.caller()
        var fields = try BodyFields(call)
        let name = fields.text("name")
        let offering = fields.link("offering") { model.offerings[$0] }
        try fields.check()
        guard let offering, model.mayPublish(user, for: offering.customer) else {
            throw .forbidden
        }
        let unit = fields.optional("unit").flatMap(Plan.Unit.init) ?? .month
        let description = fields.optional("description") ?? ""
        let plan = model.addPlan((name, description, unit), to: offering)
        return .created(Serializer(model, call).plan(plan, alone: true, isNew: true))
    }
}
