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
        if let invoice = invoice(of: customer, in: month(of: now)) {
            enter(resource, in: invoice.id, from: now, for: kind)
        } else {
            _ = try openInvoice(of: customer, at: now, for: kind)
        }
    }

    /// The order of the stamps is Waldur's: the resource is saved, the old period ends, the new one
    /// starts, the old items end, the new items start.
    mutating func switchPlan(of id: ID, to plan: ID) throws(Refusal) {
        guard let before = resources[id], before.plan != plan, let customer = customer(of: before)
        else { return }
        let modified = stamp()
        let ended = stamp()
        for period in planPeriods(of: id) where period.end == nil {
            planPeriods.update(period.id) { $0.end = ended }
        }
        insert(PlanPeriod(id: ID(), resource: id, plan: plan, start: stamp(), end: nil))
        resources.update(id) {
            $0.plan = plan
            $0.modified = modified
        }
        _ = try openInvoice(of: customer, at: stamp())
        endItems(of: id, customer: customer)
        if let resource = resources[id] { try register(resource, of: customer, for: .update) }
    }

    private mutating func endItems(of resource: ID, customer: ID) {
        let now = stamp()
        for item in items(of: resource) where item.end == month(of: now).end {
            guard let invoice = invoices[item.invoice], invoice.state == .pending,
                invoice.customer == customer, invoice.month == month(of: now)
            else { continue }
            let component = resources[resource].flatMap { offerings[$0.offering] }?
                .component(item.type)
            let fixed = quantity(item.unit, item.start, now)
            items.update(item.id) { item in
                item.end = now
                if component?.billingType == .fixed { item.quantity = fixed }
                // A limit item ends with the sum over its days, not with their share.
                if let last = item.details?.limitPeriods.indices.last {
                    item.details?.limitPeriods[last].end = now
                    item.quantity = Decimal10(
                        (item.details?.limitPeriods ?? []).map(\.total).reduce(0, +)
                    )
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
