extension WaldurModel {
    /// The customer's invoice of the month of `date`, opened when there is none.
    ///
    /// Opening enters the fixed and limit items of all the customer's resources from `date` on, at
    /// the prices of this moment. `kind` is the order that caused it: with `.create` the one-time
    /// and with `.update` the switch components of all of them are entered too.
    mutating func openInvoice(
        of customer: ID,
        at date: Moment,
        for kind: Order.Kind? = nil
    ) throws(Refusal) -> ID {
        let month = self.month(of: date)
        if let open = invoice(of: customer, in: month) { return open.id }
        lastInvoice += 1
        let invoice = Invoice(
            id: ID(),
            number: 100_000 + lastInvoice,
            customer: customer,
            month: month,
            state: .pending,
            taxPercent: customers[customer]?.taxPercent ?? .zero
        )
        invoices.insert(invoice)
        try copyRecurringUsage(of: customer)
        for resource in resources.rows where self.customer(of: resource) == customer {
            guard resource.state != .creating && resource.state != .terminated else { continue }
            enter(resource, in: invoice.id, from: date, for: kind)
        }
        return invoice.id
    }

    func invoice(of customer: ID, in month: Month) -> Invoice? {
        invoices.rows.first { $0.customer == customer && $0.month == month }
    }

    /// Enters the items of a resource that do not depend on usage.
    mutating func enter(
        _ resource: Resource,
        in invoice: ID,
        from start: Moment,
        for kind: Order.Kind?
    ) {
        guard let plan = plans[resource.plan], let offering = offerings[resource.offering] else {
            return
        }
        let end = month(of: start).end
        for component in offering.components {
            guard let price = plan.prices[component.type] else { continue }
            var item = InvoiceItem(
                id: ID(),
                invoice: invoice,
                resource: resource.id,
                project: resource.project,
                name: "\(resource.name) (\(offering.name) / \(plan.name)) / \(component.name)",
                unit: plan.unit,
                measuredUnit: component.measuredUnit,
                articleCode: component.articleCode,
                start: start,
                end: end,
                unitPrice: price.price,
                quantity: .zero,
                details: details(of: resource, component: component, price: price)
            )
            switch component.billingType {
            case .usage: continue
            case .fixed:
                item.unitPrice = price.price * price.quota
                item.quantity = quantity(plan.unit, start, end)
            case .one, .few:
                guard kind == (component.billingType == .one ? .create : .update) else { continue }
                item.unit = .quantity
                item.quantity = Decimal10(1)
            case .limit:
                let limit = resource.limits.first { $0.type == component.type }?.amount ?? 0
                let once = component.limitPeriod == .total
                guard limit != 0, limit != -1, !once || kind == .create else { continue }
                if once { item.unit = .quantity }
                item.quantity = Decimal10(plan.unit == .day ? limit * fullDays(start, end) : limit)
                item.details?.limitPeriods = [.init(start: start, end: end, quantity: limit)]
            }
            insert(item)
        }
    }

    /// Usage marked as recurring is carried into the month whose invoice opens.
    private mutating func copyRecurringUsage(of customer: ID) throws(Refusal) {
        let now = stamp()
        let previous = month(of: now).previous
        for row in usages.rows where row.recurring && row.key.month >= previous {
            guard let resource = resources[row.key.resource], resource.state != .terminated,
                self.customer(of: resource) == customer
            else { continue }
            var key = row.key
            key.month = month(of: now)
            try write(
                UsageReport.Entry(
                    type: row.type,
                    amount: row.usage,
                    description: row.description,
                    recurring: true
                ),
                under: key,
                by: row.modifiedBy,
                at: now
            )
        }
    }

    /// How many billing units a fixed component was used.
    func quantity(_ unit: Plan.Unit, _ start: Moment, _ end: Moment) -> Decimal10 {
        let days = month(of: start).days
        let (first, last) = (zone.local(start).civil.day, zone.local(end).civil.day)
        switch unit {
        case .hour:
            let hour = 3600 * Moment.second
            return Decimal10(Int((end.micros - start.micros + hour - 1) / hour))
        case .day: return Decimal10(fullDays(start, end))
        case .halfMonth:
            // Shares are of half a month: twice the days, of the days of the month.
            if (first == 1 && last == 15) || (first == 16 && last == days) { return Decimal10(1) }
            if first == 1 && last == days { return Decimal10(2) }
            if first == 1 && last > 15 {
                return .ratioRoundedUp(days + 2 * (last - 15), days)
            }
            if first < 16 && last == days { return .ratioRoundedUp(days + 2 * (16 - first), days) }
            return .ratioRoundedUp(2 * (last - first + 1), days)
        case .month, .quantity:
            if first == 1 && last == days { return Decimal10(1) }
            let used = Int((end.micros - start.micros) / Moment.day) + 1
            return .ratioRoundedUp(used, days)
        }
    }
}
