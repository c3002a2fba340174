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
    /// It has come since the last totals.
    case untold = "not told yet"
}

/// A row of Waldur's usage.
package struct YearRowKey: Hashable, Comparable, Sendable {
    package let resource: String
    package let component: String
    package let month: YearMonth
    /// Which of the resource's plan periods, from its first on.
    package let period: Int

    package static func < (left: Self, right: Self) -> Bool {
        if left.resource != right.resource { return left.resource < right.resource }
        if left.component != right.component { return left.component < right.component }
        return (left.month, left.period) < (right.month, right.period)
    }
}

/// Where one amount ends up.
struct YearFate {
    var kind: YearClass
    /// Whose it is; nil where nobody knows.
    let resource: String?
    /// In which row it is billed, if it is.
    var row: YearRowKey?
    /// What a unit of the offering's costs where it is billed, or would have cost in its own month.
    var price: Int128 = 0
    /// The row of the time of its use, if somebody would pay for it.
    var origin: YearRowKey?
    /// Why it left that row, and when.
    var leaving: YearLeaving?
}

/// Why and when something left its row.
struct YearLeaving: Hashable {
    let reason: YearCarry.Reason
    let minute: Int
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
            return YearFate(kind: .untold, resource: resource, origin: own)
        }
        let isInTime = site.month(of: report) == month
        let end = isInTime ? report : site.start(of: month.next) - 1
        let price = price(resource, component, period: period, at: end)
        var fate = YearFate(kind: .billed, resource: resource, price: price, origin: own)
        if isInTime, !isGone(resource, at: report), !isFixed(own, at: report, site) {
            fate.row = own
            return fate
        }
        fate.leaving = leaving(own, known: known, report: report, site)
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
            fate.kind = obstacle(at: lastReport(site)) ?? .otherPrice
            return fate
        }
        fate.kind = .carried
        fate.row = YearRowKey(
            resource: resource,
            component: component,
            month: site.month(of: report),
            period: self.period(resource, at: report)
        )
        return fate
    }

    /// What cannot be told in its row leaves it when the plan period has ended, when the month ends, or when
    /// it comes after that.
    private func leaving(
        _ row: YearRowKey,
        known: Int,
        report: Int,
        _ site: Site
    ) -> YearLeaving {
        let end = site.start(of: row.month.next)
        if known >= end { return YearLeaving(reason: .late, minute: report) }
        if report < end, !isGone(row.resource, at: report) {
            return YearLeaving(reason: .planEnded, minute: report)
        }
        let isAway = !hasReported(site, in: end - 60..<end)
        return YearLeaving(reason: isAway ? .outage : .tail, minute: end)
    }

    /// The plan period is over, and its row was told before it ended: its item is never changed again.
    private func isFixed(_ row: YearRowKey, at report: Int, _ site: Site) -> Bool {
        let period = periods(row.resource)[row.period]
        guard let end = period.end, end < report else { return false }
        let start = max(period.start, site.start(of: row.month))
        return firstReport(row.resource, row.component, after: start).map { $0 < end } ?? false
    }
}
