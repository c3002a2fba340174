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
    /// Which events each void that is in force took back, and each file that was taken back; by their places.
    var voids: [UInt64: Set<Int>] = [:]
    /// The events of each file that was taken in and is in force.
    var files: [UInt64: Range<Int>] = [:]
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

    func naive() -> NaiveAttribution {
        NaiveAttribution(decisions: book.state, declarations: declarations, period: period)
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
