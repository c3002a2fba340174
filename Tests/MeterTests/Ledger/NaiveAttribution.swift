import Meter
import MeterWire

/// The rules of design §5 applied to one event after the other, by somebody who knows no windows.
struct NaiveAttribution {
    enum Fate: Hashable {
        case told(ResourceKey, Name, PlanPeriodID)
        case waits(ResourceKey, Name)
        case notBilled(ResourceKey, Name, NotBillableClass)
        case elsewhere(Name, Name)
        case unassigned(Name, Name, AccessID?, Name, UnassignedReason)
    }

    let decisions: BookState
    let declarations: [CountingDeclaration]
    let period: BillingPeriod

    /// In hundredths of a smallest unit; without those of nothing.
    func fates(_ events: [LedgerWorld.Event]) -> [Fate: Int128] {
        var sums: [Fate: Int128] = [:]
        for event in events where period.start <= event.minute && event.minute < period.end {
            sums[fate(event), default: 0] += Int128(event.amount) * 100
        }
        return sums.filter { $0.value != 0 }
    }

    /// Of the agent's own declarations that began, or else its tenant's, the one that began last.
    private func counts(_ event: LedgerWorld.Event) -> Bool {
        var way = UsageWay.native
        for agent in [nil, event.agent] {
            var latest: CountingDeclaration?
            for declaration in declarations
            where declaration.tenant == event.tenant && declaration.agent == agent
                && declaration.from <= event.minute
                && declaration.from >= latest?.from ?? declaration.from
            {
                latest = declaration
            }
            way = latest?.way ?? way
        }
        return way == event.way
    }

    private func fate(_ event: LedgerWorld.Event) -> Fate {
        let counts = counts(event)
        func unassigned(_ reason: UnassignedReason) -> Fate {
            .unassigned(
                event.tenant,
                event.agent,
                event.access,
                event.component,
                counts ? reason : .advisory
            )
        }
        let all = decisions.allBindings
        let binding: Binding
        if let id = event.access {
            guard let access = decisions.accesses[id] else { return unassigned(.unknownAccess) }
            if access.tenant != event.tenant { return unassigned(.accessOfAnotherTenant) }
            let valid = all.filter {
                $0.access == id && $0.from <= event.minute
                    && event.minute < ($0.to ?? Minute(rawValue: .max))
            }
            guard let only = valid.first else { return unassigned(.notBound) }
            binding = only
        } else {
            let mine = decisions.accesses.values.filter {
                $0.tenant == event.tenant && $0.agent == event.agent
            }
            if mine.isEmpty { return unassigned(.noAccess) }
            let bound = all.filter { binding in
                mine.contains { $0.id == binding.access } && binding.from <= event.minute
                    && event.minute < (binding.to ?? Minute(rawValue: .max))
            }
            let neverBound = mine.filter { access in !all.contains { $0.access == access.id } }
            if bound.count + neverBound.count > 1 { return unassigned(.ambiguous) }
            guard let only = bound.first else { return unassigned(.notBound) }
            binding = only
        }
        if binding.waldur != period.waldur { return .elsewhere(event.tenant, event.component) }
        let key = ResourceKey(waldur: binding.waldur, resource: binding.resource)
        if !counts { return .notBilled(key, event.component, .advisory) }
        switch binding.class {
        case .free: return .notBilled(key, event.component, .free)
        case .trial: return .notBilled(key, event.component, .trial)
        case .internal: return .notBilled(key, event.component, .internal)
        case .shadow: return .notBilled(key, event.component, .shadow)
        case .live: break
        }
        if event.component == "undeclared" {
            return .notBilled(key, event.component, .notInOffering)
        }
        guard let resource = decisions.resources[key] else { return .waits(key, event.component) }
        if event.component == "unoffered" {
            return .notBilled(key, event.component, .notInOffering)
        }
        let alive = resource.periods.enumerated().filter { index, period in
            let next = resource.periods.dropFirst(index + 1).first
            guard let end = period.end ?? next?.start else { return true }
            return end.milliseconds >= Int64(self.period.start.rawValue) * 60_000
        }.map(\.element)
        var holder: PlanPeriod?
        for (index, period) in alive.enumerated() {
            let minute = period.start.milliseconds / 60_000 + (index == 0 ? 0 : 1)
            if minute <= Int64(event.minute.rawValue) { holder = period }
        }
        if let last = alive.last, holder == last, let end = last.end,
            Int64(event.minute.rawValue) > end.milliseconds / 60_000
        {
            holder = nil
        }
        guard let holder else { return .notBilled(key, event.component, .noPlan) }
        let billed = decisions.billing.offeringUnits.values.first {
            $0.offering == resource.offering && $0.component == event.component
        }?.bills?.texts
        if let billed, !billed.contains("\(event.outcome)") {
            return .notBilled(key, event.component, .unbilledOutcome)
        }
        return .told(key, event.component, holder.id)
    }
}
