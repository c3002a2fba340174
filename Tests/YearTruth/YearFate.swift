/// What becomes of usage.
package enum YearClass: String, CaseIterable, Sendable {
    /// Billed in the month in which it was used.
    case billed
    /// Billed in a later month, since its own was over: at the same price, or because somebody wants it.
    case carried
    case takenBack = "taken back"
    case changedInWaldur = "changed in Waldur"
    /// Of what was taken back: billed, and more than what the next two months could be lowered by.
    case creditDue = "credit requested: taken back"
    case creditRequested = "credit requested"
    case writtenOff = "written off"
    case otherPrice = "waits: other price"
    case otherPlan = "waits: other plan"
    case otherCustomer = "waits: other customer"
    case resourceGone = "waits: resource gone"
    case free, trial, shadow
    case notInOffering = "not in the offering"
    case noPlan = "no plan"
    case unbilledOutcome = "unbilled outcome"
    case unassigned
    /// Less than a hundredth of the offering's unit, left over at the end of the year.
    case residue
}

/// A row of Waldur's usage.
struct YearRowKey: Hashable, Comparable {
    let resource: String
    let component: String
    let month: YearMonth
    let period: Int

    static func < (left: Self, right: Self) -> Bool {
        if left.resource != right.resource { return left.resource < right.resource }
        if left.component != right.component { return left.component < right.component }
        return (left.month, left.period) < (right.month, right.period)
    }
}

/// Where one amount ends up.
struct YearFate {
    let kind: YearClass
    /// Whose it is; nil where nobody knows.
    let resource: String?
    /// In which row it is billed, if it is.
    var row: YearRowKey?
    /// What a unit of the offering's costs where it is billed, or would have cost in its own month.
    var price: Int128 = 0
}

extension YearFacts {
    /// What becomes of one use.
    func fate(of row: YearRow) -> YearFate? {
        guard
            case .uses(let tenant, let component, _, let agent, let access, let outcome, _) = row
                .act
        else { return nil }
        let minute = row.minute
        let meant = bindings.filter { binding in
            binding.tenant == tenant && binding.agent == agent
                && access.map { $0 == binding.access } ?? true
                && binding.from <= minute && binding.to.map { minute < $0 } ?? true
        }
        guard meant.count == 1, let binding = meant.first else {
            return YearFate(kind: .unassigned, resource: nil)
        }
        let resource = binding.resource
        func unbilled(_ kind: YearClass) -> YearFate { YearFate(kind: kind, resource: resource) }
        switch binding.kind {
        case "free": return unbilled(.free)
        case "trial": return unbilled(.trial)
        case "shadow": return unbilled(.shadow)
        default: break
        }
        guard let sold = YearResource.named(resource).offer.component(component) else {
            return unbilled(.notInOffering)
        }
        if isGone(resource, at: minute) { return unbilled(.noPlan) }
        if let bills = sold.bills, !bills.contains(outcome) { return unbilled(.unbilledOutcome) }
        return billing(
            resource,
            component,
            used: minute,
            known: max(row.arrival, binding.known, minute),
            site: row.site
        )
    }

    /// In which row it is billed, or why in none.
    private func billing(
        _ resource: String,
        _ component: String,
        used: Int,
        known: Int,
        site: Site
    ) -> YearFate {
        let month = site.month(of: used)
        let period = period(resource, at: used)
        let own = YearRowKey(resource: resource, component: component, month: month, period: period)
        guard let report = firstReport(resource, component, after: known) else {
            preconditionFailure("\(resource) is used after the script's last report")
        }
        let isInTime = site.month(of: report) == month
        let end = isInTime ? report : site.start(of: month.next) - 1
        let price = price(resource, component, period: period, at: end)
        if isGone(resource, at: report) {
            return YearFate(kind: .resourceGone, resource: resource, price: price)
        }
        if isInTime, !isFixed(own, at: report, site) {
            return YearFate(kind: .billed, resource: resource, row: own, price: price)
        }
        let customer = customer(resource, at: end)
        func obstacle(at moment: Int) -> YearClass? {
            let present = self.period(resource, at: moment)
            let plans = periods(resource)
            if isGone(resource, at: moment) { return .resourceGone }
            if self.customer(resource, at: moment) != customer { return .otherCustomer }
            if plans[present].plan != plans[period].plan { return .otherPlan }
            let now = self.price(resource, component, period: present, at: moment)
            return now == price ? nil : .otherPrice
        }
        guard obstacle(at: report) == nil else {
            // Why it waits in the end.
            let kind = obstacle(at: lastReport(site)) ?? .otherPrice
            return YearFate(kind: kind, resource: resource, price: price)
        }
        let target = YearRowKey(
            resource: resource,
            component: component,
            month: site.month(of: report),
            period: self.period(resource, at: report)
        )
        return YearFate(kind: .carried, resource: resource, row: target, price: price)
    }

    /// The plan period is over, and its row was told before it ended: its item is never changed again.
    private func isFixed(_ row: YearRowKey, at report: Int, _ site: Site) -> Bool {
        let period = periods(row.resource)[row.period]
        guard let end = period.end, end < report else { return false }
        let start = max(period.start, site.start(of: row.month))
        return firstReport(row.resource, row.component, after: start).map { $0 < end } ?? false
    }
}
