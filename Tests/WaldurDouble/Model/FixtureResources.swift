/// Resources: what a fixture says of them, and what follows from it.
extension FixtureLoader {
    /// Runs the monthly task at the start of the present month, once the time comes to it.
    mutating func openMonth(before time: Moment) {
        guard !opened, time >= model.month(of: now).start else { return }
        opened = true
        model.begin(at: model.month(of: now).start)
        // It can refuse only what a report may cause, and no report was made yet.
        try? model.runMonthlyTask()
    }

    mutating func add(_ entry: Fixture.ResourceEntry, created: Moment) throws {
        let offering = try find(entry.offering, in: model.offerings, by: \.name, "offering")
        let project = try find(entry.project, in: model.projects, by: \.name, "project")
        var plan: Plan?
        if let name = entry.plan {
            plan = model.plans(of: offering.id).first { $0.id == ID(name) || $0.name == name }
            if plan == nil { throw FixtureError(description: "plan '\(name)' of \(offering.name)") }
        }
        guard let state = Resource.State(rawValue: entry.state ?? "OK") else {
            throw FixtureError(description: "state of resource \(entry.name)")
        }
        let activated = try entry.activated.map { try moment($0, "activated of \(entry.name)") }
        openMonth(before: activated ?? created)
        model.begin(at: created)
        let created = model.stamp()
        let limits = (entry.limits ?? [:]).sorted { $0.key < $1.key }
            .map { Limit(type: $0.key, amount: $0.value) }
        let slug = model.slug(for: entry.name) { slug in
            model.resources.rows.contains { $0.slug == slug }
        }
        var attributes: [JSON.Member] = [.init(key: "name", value: .string(entry.name))]
        if let agent = entry.agent {
            attributes.append(.init(key: "agent_slug", value: .string(agent)))
        }
        let resource = Resource(
            id: try id(entry.uuid, "resource \(entry.name)"),
            name: entry.name,
            slug: entry.slug ?? slug,
            offering: offering.id,
            plan: plan?.id,
            project: project.id,
            state: .creating,
            attributes: .object(attributes),
            limits: limits,
            backendID: entry.backendID ?? "",
            created: created,
            modified: created,
            endDate: try day(entry.endDate, "end_date of resource \(entry.name)"),
            cost: model.estimate(plan, limits),
            currentUsages: []
        )
        model.resources.insert(resource)
        let order = try placeOrder(entry, resource, plan)
        let active = entry.billed ?? (state != .creating && state != .erred)
        let start = activated ?? created
        // The approval's three stamps come just before the plan period's start.
        model.begin(at: Moment(micros: start.micros - (activated == nil ? 0 : 3)))
        finish(order, of: resource, approved: state != .creating && state != .erred)
        if active {
            try model.activate(
                resource.id,
                planPeriod: try entry.planPeriodUUID.map { try id($0, "plan period") },
                withPeriod: entry.hasPlanPeriod ?? true
            )
        }
        model.resources.update(resource.id) { $0.state = state }
        if state == .terminated && active {
            model.begin(at: try entry.terminated.map { try moment($0, "terminated") } ?? start)
            terminate(resource)
        }
    }

    private mutating func placeOrder(
        _ entry: Fixture.ResourceEntry,
        _ resource: Resource,
        _ plan: Plan?
    ) throws -> Order {
        let buyer = try entry.orderedBy.map {
            try find($0, in: model.users, by: \.username, "user")
        }
        let cost = plan.map { model.estimate($0, resource.limits) + model.sum($0, .one) }
        var order = Order(
            id: try id(entry.orderUUID, "order of \(entry.name)"),
            kind: .create,
            state: .pendingProvider,
            resource: resource.id,
            project: resource.project,
            plan: plan?.id,
            oldPlan: nil,
            limits: resource.limits,
            attributes: resource.attributes,
            cost: cost,
            oldCost: resource.cost,
            created: model.stamp(),
            modified: resource.created,
            createdBy: buyer?.username ?? "buyer"
        )
        order.consumerReview = .init(
            username: order.createdBy,
            fullName: buyer?.fullName ?? "",
            time: model.stamp()
        )
        return order
    }

    private mutating func finish(_ order: Order, of resource: Resource, approved: Bool) {
        var order = order
        if approved {
            let owner = model.offerings[resource.offering]?.customer
            let provider = model.users.rows.first { user in
                owner.map { user.has([.owner], on: .customer($0)) } ?? false
            }
            order.providerReview = .init(
                username: provider?.username ?? "provider",
                fullName: provider?.fullName ?? "",
                time: model.stamp()
            )
            order.state = .done
        }
        order.modified = model.stamp()
        model.orders.insert(order)
        let modified = model.stamp()
        model.resources.update(resource.id) { $0.modified = modified }
    }

    private mutating func terminate(_ resource: Resource) {
        let created = model.stamp()
        model.orders.insert(
            Order(
                id: ID(),
                kind: .terminate,
                state: .done,
                resource: resource.id,
                project: resource.project,
                plan: nil,
                oldPlan: nil,
                limits: [],
                attributes: [:],
                cost: nil,
                oldCost: resource.cost,
                created: created,
                modified: model.stamp(),
                createdBy: "buyer"
            )
        )
        model.terminate(resource.id)
    }
}
