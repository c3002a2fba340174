extension Endpoint {
    /// Customers, their projects, and what makes one of them a provider.
    static let organisationEndpoints: [Endpoint] = [
        Endpoint(
            path: "/api/customers/{uuid}/",
            handlers: ["GET": showCustomer, "PATCH": changeCustomer]
        ),
        .post("/api/projects/", makeProject),
        Endpoint(
            path: "/api/projects/{uuid}/",
            handlers: ["GET": showProject, "PATCH": changeProject]
        ),
        .post("/api/marketplace-service-providers/", makeProvider),
        .post("/api/marketplace-service-providers/{uuid}/api_secret_code/", renewSecret),
    ]

    private static func customer(_ model: WaldurModel, _ call: Call) throws(Refusal) -> Customer {
        let user = try call.caller()
        guard let customer = model.customers[ID(call.key)], model.sees(user, customer) else {
            throw .notFound("Customer")
        }
        return customer
    }

    private static let showCustomer: Handler = { (model, call) throws(Refusal) in
        .ok(call.select(Serializer(model, call).customer(try customer(model, call))))
    }

    private static let changeCustomer: Handler = { (model, call) throws(Refusal) in
        let customer = try customer(model, call)
        guard try call.caller().isStaff else { throw .forbidden }
        var fields = try BodyFields(call)
        let tax = fields.decimal("default_tax_percent", places: 2, required: false)
        try fields.check()
        model.customers.update(customer.id) { $0.taxPercent = tax ?? $0.taxPercent }
        return .ok(Serializer(model, call).customer(model.customers[customer.id] ?? customer))
    }

    private static func project(_ model: WaldurModel, _ call: Call) throws(Refusal) -> Project {
        let user = try call.caller()
        guard let project = model.projects[ID(call.key)], model.sees(user, project) else {
            throw .notFound("Project")
        }
        return project
    }

    private static let showProject: Handler = { (model, call) throws(Refusal) in
        .ok(call.select(Serializer(model, call).project(try project(model, call))))
    }

    private static let makeProject: Handler = { (model, call) throws(Refusal) in
        let user = try call.caller()
        var fields = try BodyFields(call)
        let name = fields.text("name", longest: 500)
        let customer = fields.link("customer") { model.customers[$0] }
        try fields.check()
        guard let customer else { throw .forbidden }
        guard user.isStaff || user.has([.owner], on: .customer(customer.id)) else {
            throw .forbidden
        }
        let project = Project(
            id: ID(),
            name: name,
            slug: model.slug(for: name) { slug in
                model.projects.rows.contains { $0.slug == slug }
            },
            description: fields.optional("description") ?? "",
            customer: customer.id,
            created: model.stamp()
        )
        model.projects.insert(project)
        return .created(Serializer(model, call).project(project))
    }

    /// Whoever sets an end date is who its daily task acts for.
    private static let changeProject: Handler = { (model, call) throws(Refusal) in
        let project = try project(model, call)
        let user = try call.caller()
        guard user.isStaff || user.has([.owner], on: .customer(project.customer)) else {
            throw .forbidden
        }
        var fields = try BodyFields(call)
        let day = fields.day("end_date")
        try fields.check()
        model.projects.update(project.id) { project in
            if let text = fields.optional("name") { project.name = text }
            if let text = fields.optional("description") { project.description = text }
            if fields.has("end_date") {
                project.endDate = day
                project.endDateRequestedBy = user.id
            }
        }
        return .ok(Serializer(model, call).project(model.projects[project.id] ?? project))
    }

    private static let makeProvider: Handler = { (model, call) throws(Refusal) in
        guard try call.caller().isStaff else { throw .forbidden }
        var fields = try BodyFields(call)
        let customer = fields.link("customer") { model.customers[$0] }
        try fields.check()
        guard let customer else { throw .forbidden }
        if customer.serviceProvider != nil {
            throw .invalid(["customer": ["This field must be unique."]])
        }
        let (provider, created) = (ID(), model.stamp())
        model.customers.update(customer.id) { $0.serviceProvider = provider }
        return .created(
            Serializer(model, call).serviceProvider(provider, of: customer, created: created)
        )
    }

    private static let renewSecret: Handler = { (model, call) throws(Refusal) in
        let user = try call.caller()
        guard let id = ID(call.key),
            let customer = model.customers.rows.first(where: { $0.serviceProvider == id }),
            user.isStaff || user.has([.owner], on: .customer(customer.id))
        else { throw .notFound("ServiceProvider") }
        let secret = WaldurModel.newSecret()
        model.customers.update(customer.id) { $0.apiSecret = secret }
        return .ok(["detail": "Api secret code updated.", "api_secret_code": .string(secret)])
    }
}
