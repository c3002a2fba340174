extension WaldurModel {
    /// Whether the user may report usage of a resource: the owner of the offering's organisation,
    /// a manager of the offering, or staff. Managers of the organisation may not.
    func maySetUsage(_ user: User, of resource: Resource) -> Bool {
        guard let offering = offerings[resource.offering] else { return false }
        return user.isStaff || user.has([.owner], on: .customer(offering.customer))
            || user.has([.manager], on: .offering(offering.id))
    }

    /// Writes the totals of a report, in order.
    ///
    /// Not atomic: a refusal at one component leaves those before it written and billed. The month
    /// of each row is that of `now`, whatever plan period was named.
    ///
    /// - Parameter user: nil for a report that came signed and without a token.
    mutating func setUsage(_ report: UsageReport, by user: User?, at now: Moment) throws(Refusal) {
        guard let resource = resources[report.resource],
            let offering = offerings[resource.offering]
        else { return }
        // Waldur asks the resource's plan for the offering and stumbles when there is none.
        guard resource.plan != nil else { throw .server("the resource has no plan") }
        var period = report.planPeriod
        for entry in report.entries {
            guard let component = offering.component(entry.type) else { continue }
            if component.billingType == .usage {
                try checkLimit(component, of: resource.id, adding: entry.amount, at: now)
            }
            clearRecurring(component, of: resource.id, in: month(of: now))
            if period == nil { period = planPeriod(of: resource.id, at: now)?.id }
            let key = UsageKey(
                resource: resource.id,
                component: component.id,
                planPeriod: period,
                month: month(of: now)
            )
            try write(entry, under: key, by: user?.number, at: now)
        }
        var current: [JSON.Member] = []
        for entry in report.entries {
            let amount = JSON.string(entry.amount.text(places: 2))
            if let place = current.firstIndex(where: { $0.key == entry.type }) {
                current[place].value = amount
            } else {
                current.append(.init(key: entry.type, value: amount))
            }
        }
        let modified = stamp()
        resources.update(resource.id) {
            $0.currentUsages = current
            $0.modified = modified
        }
    }

    /// How many components of a report differ from what is stored, which is what a real Waldur
    /// takes its time for.
    func changedComponents(_ report: UsageReport, at now: Moment) -> Int {
        guard let offering = resources[report.resource].flatMap({ offerings[$0.offering] }) else {
            return 0
        }
        let period = report.planPeriod ?? planPeriod(of: report.resource, at: now)?.id
        return report.entries.count { entry in
            guard let component = offering.component(entry.type) else { return false }
            let key = UsageKey(
                resource: report.resource,
                component: component.id,
                planPeriod: period,
                month: month(of: now)
            )
            return usageByKey[key].flatMap { usages[$0] }?.usage != entry.amount
        }
    }

    /// Creates or replaces one row; date, description and author change even when the amount
    /// does not, the bill only when it does.
    mutating func write(
        _ entry: UsageReport.Entry,
        under key: UsageKey,
        by author: Int?,
        at now: Moment
    ) throws(Refusal) {
        let old = usageByKey[key].flatMap { usages[$0] }
        var row =
            old
            ?? UsageRow(
                id: ID(),
                key: key,
                type: entry.type,
                created: stamp(),
                date: now,
                usage: entry.amount,
                description: "",
                recurring: false,
                modifiedBy: nil
            )
        row.usage = entry.amount
        row.date = now
        row.description = entry.description
        row.recurring = entry.recurring
        row.modifiedBy = author
        usages.insert(row)
        usageByKey[key] = row.id
        if old?.usage != entry.amount { try bill(row) }
    }

    private mutating func clearRecurring(_ component: Component, of resource: ID, in month: Month) {
        let periods: [ID?] = [nil] + (periodsOfResource[resource] ?? [])
        for period in periods {
            let key = UsageKey(
                resource: resource,
                component: component.id,
                planPeriod: period,
                month: month
            )
            if let id = usageByKey[key] { usages.update(id) { $0.recurring = false } }
        }
    }

    /// Waldur's check, with its two defects: the row that is being replaced counts beside its new
    /// value, and a monthly limit sees no stored row at all.
    private func checkLimit(
        _ component: Component,
        of resource: ID,
        adding amount: Decimal10,
        at now: Moment
    ) throws(Refusal) {
        guard let period = component.limitPeriod, let limit = component.limitAmount, limit != 0
        else { return }
        var total = amount
        for row in usages.rows(of: resource) where row.key.component == component.id {
            switch period {
            case .total: total += row.usage
            case .annual where zone.local(row.date).civil.year == zone.local(now).civil.year:
                total += row.usage
            case .annual: break
            case .month where row.date == month(of: now).start: total += row.usage
            case .month: break
            }
        }
        if total > Decimal10(limit) {
            let sum = total.text(places: 2)
            let text = "Total amount exceeds limit. Total amount: \(sum), limit: \(limit)."
            throw .invalid([.string(text)])
        }
    }
}
