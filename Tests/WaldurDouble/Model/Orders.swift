extension WaldurModel {
    /// A resource starts to be billed: its plan period begins and its items are entered.
    mutating func activate(_ id: ID, planPeriod: ID?, withPeriod: Bool) throws(Refusal) {
        resources.update(id) { $0.state = .ok }
        guard let resource = resources[id], let customer = customer(of: resource) else { return }
        if withPeriod, let plan = resource.plan {
            insert(
                PlanPeriod(
                    id: planPeriod ?? ID(),
                    resource: id,
                    plan: plan,
                    start: stamp(),
                    end: nil
                )
            )
        }
        try register(resource, of: customer, for: .create)
    }

    private mutating func register(
        _ resource: Resource,
        of customer: ID,
        for kind: Order.Kind
    ) throws(Refusal) {
        let now = stamp()
        if let invoice = invoice(of: customer, in: now.month) {
            enter(resource, in: invoice.id, from: now, for: kind)
        } else {
            _ = try openInvoice(of: customer, at: now, for: kind)
        }
    }

    /// Places an order to switch the plan, or, without plan, to terminate. It waits for the
    /// provider, since the one who places it may approve it for the buyer.
    mutating func order(
        _ resource: Resource,
        switchTo plan: Plan?,
        by user: User
    ) throws(Refusal) -> Order {
        guard !orders.rows.contains(where: { $0.resource == resource.id && $0.state.isOpen }) else {
            throw .invalid(["Pending order for resource already exists."])
        }
        var order = Order(
            id: ID(),
            kind: plan == nil ? .terminate : .update,
            state: .pendingProvider,
            resource: resource.id,
            plan: plan?.id,
            oldPlan: plan == nil ? nil : resource.plan,
            limits: plan == nil ? [] : resource.limits,
            attributes: [:],
            cost: nil,
            oldCost: resource.cost,
            created: stamp(),
            modified: resource.created,
            createdBy: user.username
        )
        if let plan {
            order.cost = estimate(plan, resource.limits) + sum(plan, .few)
        }
        order.consumerReview = .init(
            username: user.username,
            fullName: user.fullName,
            time: stamp()
        )
        order.modified = stamp()
        orders.insert(order)
        return order
    }

    /// The provider's approval. Offerings of type Basic carry the order out at once; here the
    /// background task that does it has always run by the time of the answer.
    mutating func approve(_ order: Order, by user: User) throws(Refusal) {
        try expectPending(order)
        let review = Order.Review(username: user.username, fullName: user.fullName, time: stamp())
        switch order.kind {
        case .create: try activate(order.resource, planPeriod: nil, withPeriod: true)
        case .update: if let plan = order.plan { try switchPlan(of: order.resource, to: plan) }
        case .terminate: terminate(order.resource)
        }
        let modified = stamp()
        orders.update(order.id) {
            $0.providerReview = review
            $0.state = .done
            $0.modified = modified
        }
    }

    mutating func reject(_ order: Order, by user: User) throws(Refusal) {
        try expectPending(order)
        let now = stamp()
        orders.update(order.id) {
            $0.providerReview = .init(username: user.username, fullName: user.fullName, time: now)
            $0.state = .rejected
            $0.modified = now
        }
        if order.kind == .create { resources.update(order.resource) { $0.state = .terminated } }
    }

    private func expectPending(_ order: Order) throws(Refusal) {
        guard order.state == .pendingProvider else {
            throw .conflict("Valid states for operation: pending-provider.")
        }
    }

    /// The order of the four stamps is Waldur's: the old period ends, the new one starts, the old
    /// items end, the new items start.
    mutating func switchPlan(of id: ID, to plan: ID) throws(Refusal) {
        guard let before = resources[id], before.plan != plan, let customer = customer(of: before)
        else { return }
        let ended = stamp()
        for period in planPeriods(of: id) where period.end == nil {
            planPeriods.update(period.id) { $0.end = ended }
        }
        insert(PlanPeriod(id: ID(), resource: id, plan: plan, start: stamp(), end: nil))
        let cost = estimate(plans[plan], before.limits)
        let modified = stamp()
        resources.update(id) {
            $0.plan = plan
            $0.cost = cost
            $0.modified = modified
        }
        _ = try openInvoice(of: customer, at: stamp())
        endItems(of: id, customer: customer)
        if let resource = resources[id] { try register(resource, of: customer, for: .update) }
    }

    private mutating func endItems(of resource: ID, customer: ID) {
        let now = stamp()
        for item in items(of: resource) where item.end == now.month.end {
            guard let invoice = invoices[item.invoice], invoice.state == .pending,
                invoice.customer == customer, invoice.month == now.month
            else { continue }
            let component = resources[resource].flatMap { offerings[$0.offering] }?
                .component(item.details.componentType)
            let fixed = quantity(item.unit, item.start, now)
            items.update(item.id) { item in
                item.end = now
                if component?.billingType == .fixed { item.quantity = fixed }
                // A limit item ends with the sum over its days, not with their share.
                if let last = item.details.limitPeriods.indices.last {
                    item.details.limitPeriods[last].end = now
                    item.quantity = Decimal10(item.details.limitPeriods.map(\.total).reduce(0, +))
                }
            }
        }
    }

    /// The plan period ends; items stay as they are, to the end of the month.
    mutating func terminate(_ id: ID) {
        let now = stamp()
        for period in planPeriods(of: id) where period.end == nil {
            planPeriods.update(period.id) { $0.end = now }
        }
        resources.update(id) {
            $0.state = .terminated
            $0.modified = now
        }
    }
}
