import Meter
import MeterTesting
import MeterWire

/// A small random world: a few tenants, agents and resources in an hour-long "month", so that bindings,
/// plan switches and events collide in every way.
struct LedgerWorld {
    struct Event {
        let tenant: Name
        let agent: Name
        let access: AccessID?
        let component: Name
        let minute: Minute
        let amount: UInt64
        var way = UsageWay.native
        var outcome = Outcome.ok
    }

    static let start: UInt32 = 1000
    static let end: UInt32 = 1060

    let book: Book
    var events: [Event] = []
    private(set) var declarations: [CountingDeclaration] = []
    /// By place among the events.
    private var voided: Set<Int> = []
    let period: BillingPeriod
    private let tenants: [Name] = ["acme", "nordix"]
    private let agents: [Name] = ["bot", "scout"]
    private let components: [Name] = ["tokens", "seconds", "undeclared", "unoffered"]

    init(_ seed: inout Seed) throws {
        book = try Book.open(BookDisk()).book
        guard
            let period = BillingPeriod(
                waldur: Fixture.waldur,
                month: Fixture.november,
                start: Minute(rawValue: Self.start),
                end: Minute(rawValue: Self.end)
            )
        else { preconditionFailure() }
        self.period = period
        try book.append(
            [
                Fixture.component("tokens"), Fixture.component("seconds", units: 1000),
                Fixture.component("unoffered"),
            ],
            author: "test",
            at: Fixture.time
        )
        for access in 0..<UInt64(2 + seed.below(6)) {
            let tenant = seed.pick(tenants)
            let agent = seed.pick(agents)
            try book.append(
                Fixture.made(access, tenant: tenant, agent: agent),
                author: "test",
                at: Fixture.time
            )
            for _ in 0..<seed.below(4) {
                let from = UInt32(980 + seed.below(90))
                let binding = Fixture.binding(
                    access,
                    tenant: tenant,
                    agent: agent,
                    resource: UInt64(seed.below(4)),
                    from: from,
                    to: seed.oneIn(3) ? nil : from + 1 + UInt32(seed.below(40)),
                    class: seed.oneIn(3) ? seed.pick(BindingClass.allCases) : .live,
                    waldur: seed.oneIn(6) ? "other" : Fixture.waldur
                )
                // Bindings that overlap are refused; the world then has one less.
                _ = try? book.append(.bindingSet(binding), author: "test", at: Fixture.time)
                if seed.oneIn(4) {
                    _ = try? book.append(
                        .bindingEnded(
                            BindingEnd(
                                access: binding.access,
                                from: binding.from,
                                to: Minute(rawValue: from + UInt32(seed.below(30)))
                            )
                        ),
                        author: "test",
                        at: Fixture.time
                    )
                }
            }
        }
        for resource in 0..<UInt64(4) where !seed.oneIn(5) {
            try see(resource, &seed)
        }
        for _ in 0..<seed.below(4) {
            let declaration = CountingDeclaration(
                tenant: seed.pick(tenants),
                agent: seed.oneIn(2) ? seed.pick(agents) : nil,
                way: seed.oneIn(3) ? .native : .otlp,
                from: Minute(rawValue: 15 * UInt32(66 + seed.below(5))),
                reason: "test"
            )
            try book.append(.countingDeclared(declaration), author: "test", at: Fixture.time)
            declarations.append(declaration)
        }
        if seed.oneIn(2) { try bill(seed.pick([["ok"], ["ok", "cached"], ["ok", "error"]])) }
        for _ in 0..<200 { addEvent(&seed) }
    }

    /// One of the two offerings bills only these outcomes of one component.
    private func bill(_ outcomes: [String]) throws {
        let unit = OfferingUnitSet(
            waldur: Fixture.waldur,
            offering: OfferingID(high: 9, low: 0),
            component: "tokens",
            reportedUnit: "token",
            unitsPerReported: 1,
            bills: BilledOutcomes(outcomes)
        )
        try book.append(.offeringUnitSet(unit), author: "test", at: Fixture.time)
    }

    /// Reads a resource's plan periods from a Waldur that switches plans often.
    private func see(_ resource: UInt64, _ seed: inout Seed) throws {
        var periods: [PlanPeriod] = []
        var start = Int64(950 + seed.below(80)) * 60_000 + Int64(seed.below(60_000))
        for number in 0..<UInt64(seed.below(5)) {
            let end =
                start + (seed.oneIn(3) ? Int64(seed.below(50_000)) : Int64(seed.below(3_000_000)))
            periods.append(
                PlanPeriod(
                    id: Fixture.period(resource * 100 + number),
                    start: Timestamp(milliseconds: start),
                    end: Timestamp(milliseconds: end)
                )
            )
            start = end + (seed.oneIn(4) ? 1 : 0)
        }
        if let last = periods.last, !seed.oneIn(3) {
            periods[periods.count - 1] = PlanPeriod(id: last.id, start: last.start, end: nil)
        }
        // Waldur lists them in any order.
        periods.shuffle(using: &seed)
        periods.sort { $0.start < $1.start || ($0.start == $1.start && $0.id < $1.id) }
        try book.append(
            .planPeriodsSeen(
                PlanPeriodsSeen(
                    waldur: Fixture.waldur,
                    resource: Fixture.resource(resource),
                    offering: OfferingID(high: 9, low: resource % 2),
                    periods: periods,
                    components: ["tokens", "seconds"]
                )
            ),
            author: "test",
            at: Fixture.time
        )
    }

    mutating func addEvent(_ seed: inout Seed) {
        let state = book.state
        let known = state.accesses.keys.sorted()
        let access: AccessID? =
            switch seed.below(4) {
            case 0: nil
            case 1: seed.oneIn(5) ? AccessID(high: 0, low: 0) : nil
            default: seed.pick(known)
            }
        let owner = access.flatMap { state.accesses[$0] }
        let isForeign = seed.oneIn(20)
        events.append(
            Event(
                tenant: isForeign ? seed.pick(tenants) : owner?.tenant ?? seed.pick(tenants),
                agent: owner?.agent ?? seed.pick(agents),
                access: access,
                component: seed.oneIn(6) ? seed.pick(components) : components[seed.below(2)],
                minute: Minute(rawValue: UInt32(990 + seed.below(80))),
                amount: seed.oneIn(30) ? UInt64(Int64.max) : UInt64(seed.below(100_000)),
                way: seed.oneIn(4) ? .otlp : .native,
                outcome: seed.oneIn(2) ? seed.pick(Outcome.allCases) : .ok
            )
        )
    }

    /// Corrects usage of anybody's, within the month and outside of it.
    mutating func correct(_ seed: inout Seed) throws {
        var amounts: [CorrectionCell: LedgerAmount] = [:]
        for _ in 0..<12 {
            let like = seed.pick(events)
            let cell = CorrectionCell(
                tenant: like.tenant,
                agent: like.agent,
                access: like.access,
                component: like.component,
                minute: Minute(rawValue: UInt32(990 + seed.below(80)))
            )
            amounts[cell] = LedgerAmount(Int128(seed.below(20_000_000)) - 8_000_001)
        }
        try book.append(
            CorrectionMade.entries(
                number: book.state.billing.lastAdjustmentNumber + 1,
                kind: .amend,
                lines: CorrectionPlan.lines(amounts),
                reason: "test"
            ),
            author: "test",
            at: Fixture.time
        )
    }

    /// Events that nobody voided.
    var counted: [Event] {
        events.indices.filter { !voided.contains($0) }.map { events[$0] }
    }

    func naive() -> NaiveAttribution {
        NaiveAttribution(decisions: book.state, declarations: declarations, period: period)
    }

    /// Takes some of the events back that are counted.
    mutating func void(_ seed: inout Seed) throws {
        var amounts: [CorrectionCell: LedgerAmount] = [:]
        for place in events.indices where !voided.contains(place) && seed.oneIn(3) {
            let event = events[place]
            if event.amount == 0 { continue }
            let cell = CorrectionCell(
                tenant: event.tenant,
                agent: event.agent,
                access: event.access,
                component: event.component,
                minute: event.minute,
                outcome: event.outcome,
                way: event.way
            )
            amounts[cell, default: .zero] = LedgerAmount(
                (amounts[cell]?.rawValue ?? 0) - Int128(event.amount) * 100
            )
            voided.insert(place)
        }
        try book.append(
            CorrectionMade.entries(
                number: book.state.billing.lastAdjustmentNumber + 1,
                kind: .void,
                lines: CorrectionPlan.lines(amounts),
                reason: "test",
                voids: VoidSelection(position: 7)
            ),
            author: "test",
            at: Fixture.time
        )
    }

    /// What the engine would answer, by going through all events.
    func answer(_ query: UsageQuery) -> UsageAnswer {
        var totals: [UsageGroup: UsageTotal] = [:]
        for event in events
        where query.tenants?.contains(event.tenant) ?? true
            && query.agents?.contains(event.agent) ?? true
        {
            guard
                let window = query.windows.lastIndex(where: { $0 <= event.minute }),
                window + 1 < query.windows.count
            else { continue }
            let group = UsageGroup(
                tenant: query.grouping.contains(.tenant) ? event.tenant : nil,
                agent: query.grouping.contains(.agent) ? event.agent : nil,
                access: query.grouping.contains(.access) ? event.access : nil,
                component: query.grouping.contains(.component) ? event.component : nil,
                window: query.grouping.contains(.window) ? window : nil,
                way: query.grouping.contains(.way) ? event.way : nil
            )
            totals[group, default: UsageTotal()].sum += UInt128(event.amount)
            totals[group, default: UsageTotal()].count += 1
            guard query.withVariants, event.outcome != .ok else { continue }
            var variant = group
            variant.component =
                ComponentVariant(
                    component: event.component,
                    outcome: event.outcome
                ).name
            totals[variant, default: UsageTotal()].sum += UInt128(event.amount)
            totals[variant, default: UsageTotal()].count += 1
        }
        return UsageAnswer(
            totals: totals,
            position: 7,
            asOf: Fixture.time,
            completeThrough: nil
        )
    }

    /// - Parameter resource: The only one that is asked for; nil for all.
    func month(of resource: ResourceKey? = nil) throws -> LedgerMonth {
        let query = Ledger.query(book.state, period, of: resource)
        return try Ledger.attribute(
            answer(query),
            to: query,
            book: book.state,
            period: period,
            of: resource
        )
    }

    /// Per tenant and component over the whole month, without any of the ledger's windows.
    func totals() -> UsageAnswer {
        answer(
            UsageQuery(windows: [period.start, period.end], grouping: [.tenant, .component])
        )
    }

    /// Tells Waldur some of the figures, with every outcome.
    func report(_ seed: inout Seed) throws {
        for figure in try month().figures where !seed.oneIn(3) && figure.inFlight == nil {
            let intent = SubmissionIntent(
                number: book.state.nextIntentNumber,
                waldur: figure.key.waldur,
                resource: figure.key.resource,
                planPeriod: figure.key.planPeriod,
                month: figure.key.month,
                position: 7,
                items: [
                    .init(
                        component: figure.key.component,
                        total: figure.total,
                        amount: figure.told
                    )
                ],
                lowersBecause: figure.lowers ? "test" : nil
            )
            try book.append(.submissionIntended(intent), author: "test", at: Fixture.time)
            let outcome = SubmissionOutcome(number: intent.number)
            switch seed.below(5) {
            case 0: break
            case 1:
                try book.append(.submissionUnknown(outcome), author: "test", at: Fixture.time)
            case 2:
                try book.append(.submissionRefused(outcome), author: "test", at: Fixture.time)
            default:
                try book.append(.submissionConfirmed(outcome), author: "test", at: Fixture.time)
            }
        }
    }
}

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
