extension WaldurModel {
    /// The first quantity that the column of an item cannot hold.
    private static let tooLarge = Decimal10(1_000_000_000_000)

    /// Brings the invoice item of a usage row up to date, or makes it.
    ///
    /// Nothing happens for limit components, for a row without plan period and for a component
    /// without price in the period's plan.
    mutating func bill(_ row: UsageRow) throws(Refusal) {
        guard let resource = resources[row.key.resource],
            let offering = offerings[resource.offering],
            let component = offering.component(row.type), component.billingType == .usage,
            let period = planPeriods[row.key.planPeriod], let plan = plans[period.plan]
        else { return }
        let found = try item(of: row, in: period)
        if found == nil && plan.prices[row.type] == nil { return }
        guard Decimal10(units: Int128(row.usage.units.magnitude)) < Self.tooLarge else {
            throw .server("numeric field overflow: quantity \(row.usage.text(places: 2))")
        }
        if let found {
            items.update(found.id) { $0.quantity = row.usage }
            return
        }
        guard let price = plan.prices[row.type], let customer = customer(of: resource) else {
            return
        }
        let invoice = try openInvoice(of: customer, at: row.date)
        let month = self.month(of: row.date)
        insert(
            InvoiceItem(
                id: ID(),
                invoice: invoice,
                resource: resource.id,
                project: resource.project,
                name: "\(resource.name) / \(component.name)",
                unit: .quantity,
                measuredUnit: component.measuredUnit,
                articleCode: component.articleCode,
                start: max(period.start, month.start),
                end: min(period.end ?? month.end, month.end),
                unitPrice: price.price,
                quantity: row.usage,
                details: details(of: resource, component: component, price: price)
            )
        )
    }

    /// The item that lies inside the row's plan period. The items of a period that a plan switch
    /// ended lie a few microseconds beyond its end, so they are not found, and a changed row of
    /// such a period is billed a second time.
    private func item(of row: UsageRow, in period: PlanPeriod) throws(Refusal) -> InvoiceItem? {
        let end = period.end ?? row.key.month.end
        let found = items(of: row.key.resource).filter { item in
            item.type == row.type && item.start >= period.start
                && item.end <= end && invoices[item.invoice]?.month == row.key.month
        }
        guard found.count < 2 else { throw .server("get() returned more than one InvoiceItem") }
        return found.first
    }

    func details(
        of resource: Resource,
        component: Component,
        price: PlanPrice
    ) -> InvoiceItem.Details {
        InvoiceItem.Details(
            plan: resource.plan,
            planName: plans[resource.plan]?.name ?? "",
            resourceName: resource.name,
            planComponent: price.number,
            componentType: component.type,
            componentName: component.name,
            limitPeriods: []
        )
    }
}
