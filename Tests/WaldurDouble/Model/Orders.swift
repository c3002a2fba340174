extension WaldurModel {
    /// Places an order for a new resource, which exists from then on in state Creating.
    ///
    /// The provider has to approve it; before that the buyer has to, unless who places it may do so.
    mutating func order(
        _ plan: Plan,
        in project: Project,
        attributes: JSON,
        limits: [Limit],
        by user: User
    ) -> Order {
        let name = attributes["name"]?.string ?? ""
        let created = stamp()
        let resource = Resource(
            id: ID(),
            name: name,
            slug: slug(for: name) { slug in resources.rows.contains { $0.slug == slug } },
            offering: plan.offering,
            plan: plan.id,
            project: project.id,
            state: .creating,
            attributes: attributes,
            limits: limits,
            backendID: "",
            created: created,
            modified: created,
            endDate: nil,
            cost: estimate(plan, limits),
            currentUsages: []
        )
        resources.insert(resource)
        let cost = resource.cost + sum(plan, .one)
        return place(.create, of: resource, plan: plan, cost: cost, attributes, by: user)
    }

    /// Places an order to switch the plan, or, without plan, to terminate.
    mutating func order(
        _ resource: Resource,
        switchTo plan: Plan?,
        by user: User
    ) throws(Refusal) -> Order {
        guard openOrder(of: resource.id) == nil else {
            throw .invalid(["Pending order for resource already exists."])
        }
        let cost = plan.map { estimate($0, resource.limits) + sum($0, .few) }
        let kind: Order.Kind = plan == nil ? .terminate : .update
        return place(kind, of: resource, plan: plan, cost: cost, [:], by: user)
    }

    private mutating func place(
        _ kind: Order.Kind,
        of resource: Resource,
        plan: Plan?,
        cost: Decimal10?,
        _ attributes: JSON,
        by user: User
    ) -> Order {
        var order = Order(
            id: ID(),
            kind: kind,
            state: .pendingConsumer,
            resource: resource.id,
            project: resource.project,
            plan: plan?.id,
            oldPlan: kind == .update ? resource.plan : nil,
            limits: kind == .terminate ? [] : resource.limits,
            attributes: attributes,
            cost: cost,
            oldCost: resource.cost,
            created: stamp(),
            modified: resource.created,
            createdBy: user.username
        )
        if mayOrder(user, for: resource) {
            order.consumerReview = review(by: user)
            order.state = .pendingProvider
        }
        order.modified = stamp()
        orders.insert(order)
        return order
    }

    private mutating func review(by user: User) -> Order.Review {
        Order.Review(username: user.username, fullName: user.fullName, time: stamp())
    }

    func openOrder(of resource: ID) -> Order? {
        orders.rows(of: resource).last { $0.state.isOpen }
    }

    /// The provider's approval. A worker carries the order out later, on offerings of type Basic by
    /// itself; on others the provider does, and says so.
    mutating func approve(_ order: Order, by user: User) throws(Refusal) {
        try expect(order, in: [.pendingProvider])
        let review = review(by: user)
        let modified = stamp()
        orders.update(order.id) {
            $0.providerReview = review
            $0.state = .executing
            $0.modified = modified
        }
        if isBasic(order) { work.append(Work(task: .carryOut(order.id), since: modified)) }
    }

    /// The provider's word that it has carried the order out.
    mutating func finish(_ order: Order) throws(Refusal) {
        try expect(order, in: [.executing])
        try carryOut(order)
        if order.kind == .create, !isBasic(order) {
            work.append(Work(task: .allocate(order.resource), since: stamp()))
        }
    }

    mutating func reject(_ order: Order, by user: User) throws(Refusal) {
        try expect(order, in: [.pendingProvider])
        let review = review(by: user)
        orders.update(order.id) {
            $0.providerReview = review
            $0.state = .rejected
            $0.modified = review.time
        }
        if order.kind == .create { resources.update(order.resource) { $0.state = .terminated } }
    }

    func isBasic(_ order: Order) -> Bool {
        resources[order.resource].flatMap { offerings[$0.offering] }?.type == "Marketplace.Basic"
    }

    private func expect(_ order: Order, in states: [Order.State]) throws(Refusal) {
        guard states.contains(order.state) else {
            let names = states.map(\.rawValue).joined(separator: ", ")
            throw .conflict("Valid states for operation: \(names).")
        }
    }
}

extension WaldurModel {
    /// What a background worker will do once it comes to it.
    struct Work: Sendable {
        enum Task: Sendable {
            case carryOut(ID)
            /// The plugin makes the object behind a resource.
            case allocate(ID)
        }

        var task: Task
        var since: Moment
    }

    /// Lets the worker do what has waited since before a moment.
    mutating func work(since moment: Moment) throws(Refusal) {
        let due = work.filter { $0.since <= moment }
        work.removeAll { $0.since <= moment }
        for item in due {
            switch item.task {
            case .carryOut(let id):
                guard let order = orders[id], order.state == .executing else { continue }
                try carryOut(order)
            case .allocate(let id): resources.update(id) { $0.scope = ID() }
            }
        }
    }

    /// The order of stamps is Waldur's, and differs from kind to kind.
    private mutating func carryOut(_ order: Order) throws(Refusal) {
        switch order.kind {
        case .create:
            close(order)
            let modified = stamp()
            resources.update(order.resource) { $0.modified = modified }
            try activate(order.resource, planPeriod: nil, withPeriod: true)
        case .update:
            if let plan = order.plan { try switchPlan(of: order.resource, to: plan) }
            close(order)
        case .terminate:
            terminate(order.resource)
            close(order)
            let modified = stamp()
            resources.update(order.resource) { $0.modified = modified }
        }
    }

    private mutating func close(_ order: Order) {
        let modified = stamp()
        orders.update(order.id) {
            $0.state = .done
            $0.modified = modified
        }
    }
}
