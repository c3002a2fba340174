import Meter
import MeterTesting
import MeterWire

/// Years of a small random Waldur, with "months" of an hour: plan switches, price changes at turns, resources
/// that go to another customer or to another tenant's agent, one that is terminated, agents that are bound
/// after they were used, outages over month ends, late events, unknown outcomes, foreign figures, adjustments,
/// settlements, closings, and crashes that leave the book alone.
///
/// What Waldur shows is kept beside the book, by somebody who knows nothing of carries.
struct YearWorld {
    struct Place: Hashable {
        let resource: UInt64
        let component: Name
    }

    /// What happened at least once.
    enum Happening: CaseIterable {
        case used, strayed, late, switched, moved, handedOver, assigned, terminated, adjusted
        case corrected, foreign, away, crashed, crashedInFlight, closed, reopened
    }

    /// Who had a resource from when on.
    private struct Holder {
        let from: UInt32
        let tenant: Name
        let access: UInt64
    }

    static let components: [Name] = ["tokens", "seconds"]
    static let tenants: [Name] = ["acme", "nordix"]
    private static let plans = (1...2).map { PlanID(high: 7, low: $0) }

    private let disk = BookDisk()
    private(set) var book: Book
    private(set) var index = 0
    private var minute: UInt32 = 0
    private var periodNumber: UInt64 = 0
    private var events: [LedgerWorld.Event] = []
    /// What Waldur shows.
    private(set) var told: [SubmissionKey: Hundredths] = [:]
    /// Everything that was used, by somebody who only adds.
    private(set) var used: [Place: Int128] = [:]
    private(set) var adjusted: [Place: Int128] = [:]
    /// Usage of agents that nobody has bound, by tenant.
    private(set) var unassigned: [Name: Int128] = [:]
    private(set) var happened: Set<Happening> = []
    private var holders: [UInt64: [Holder]] = [:]
    private var accessNumber: UInt64 = 2
    private var strayNumber: [Name: Int] = [:]
    /// Used after the resource was terminated: without a plan, and never billed.
    private(set) var unbillable: [Place: Int128] = [:]
    /// When.
    private var gone: [UInt64: UInt32] = [:]
    private var isAway = false

    init(_ seed: inout Seed) throws {
        book = try Book.open(disk).book
        try decide(Fixture.component("tokens"), Fixture.component("seconds", units: 1000))
        for resource in 0..<UInt64(3) {
            let agent = Name("agent\(resource)")
            try decide(
                Fixture.made(resource, tenant: "acme", agent: agent),
                .bindingSet(
                    Fixture.binding(
                        resource,
                        tenant: "acme",
                        agent: agent,
                        resource: resource,
                        from: 0
                    )
                )
            )
            holders[resource] = [Holder(from: 0, tenant: "acme", access: resource)]
            try see(resource, plan: Self.plans[0], customer: "owner")
        }
        // One offering measures tokens by the thousand.
        try decide(
            .offeringUnitSet(
                OfferingUnitSet(
                    waldur: Fixture.waldur,
                    offering: offering(2),
                    component: "tokens",
                    reportedUnit: "ktoken",
                    unitsPerReported: 1000
                )
            )
        )
        try readPrices(&seed)
    }

    private func offering(_ resource: UInt64) -> OfferingID { OfferingID(high: 1, low: resource) }

    private func decide(_ decisions: Decision...) throws { try decide(decisions) }

    private func decide(_ decisions: [Decision]) throws {
        try book.append(decisions, author: "test", at: Minute(rawValue: minute).start)
    }

    func month(_ index: Int) -> BillingMonth {
        guard let month = BillingMonth(year: 2026 + index / 12, month: index % 12 + 1) else {
            preconditionFailure()
        }
        return month
    }

    private func period(_ index: Int) -> BillingPeriod {
        let start = UInt32(index) * 60
        guard
            let period = BillingPeriod(
                waldur: Fixture.waldur,
                month: month(index),
                start: Minute(rawValue: start),
                end: Minute(rawValue: start + 60)
            )
        else { preconditionFailure() }
        return period
    }

    func ledger(_ index: Int) throws -> LedgerMonth {
        let period = period(index)
        let query = Ledger.query(book.state, period)
        var totals: [UsageGroup: UsageTotal] = [:]
        for event in events where period.contains(event.minute) {
            guard let window = query.windows.lastIndex(where: { $0 <= event.minute }) else {
                continue
            }
            let group = UsageGroup(
                tenant: event.tenant,
                agent: event.agent,
                access: nil,
                component: event.component,
                window: window,
                way: .native
            )
            totals[group, default: UsageTotal()].sum += UInt128(event.amount)
            totals[group, default: UsageTotal()].count += 1
        }
        let answer = UsageAnswer(
            totals: totals,
            position: UInt64(events.count),
            asOf: Fixture.time,
            completeThrough: nil
        )
        return try Ledger.attribute(answer, to: query, book: book.state, period: period)
    }

    /// What the engine says was metered in a month, asked in another way.
    func totals(_ index: Int) -> UsageAnswer {
        let period = period(index)
        var totals: [UsageGroup: UsageTotal] = [:]
        for event in events where period.contains(event.minute) {
            let group = UsageGroup(
                tenant: event.tenant,
                agent: nil,
                access: nil,
                component: event.component,
                window: nil
            )
            totals[group, default: UsageTotal()].sum += UInt128(event.amount)
            totals[group, default: UsageTotal()].count += 1
        }
        return UsageAnswer(
            totals: totals,
            position: UInt64(events.count),
            asOf: Fixture.time,
            completeThrough: nil
        )
    }

    // MARK: one month

    /// Lives through one month, with everything that can happen in it.
    mutating func live(_ seed: inout Seed) throws {
        for tick in 0..<6 as Range<UInt32> {
            minute = UInt32(index) * 60 + tick * 10
            if seed.oneIn(20) { try handOver(UInt64(seed.below(3))) }
            for _ in 0..<seed.below(6) { use(&seed) }
            if seed.oneIn(12) { try switchPlan(UInt64(seed.below(3)), &seed) }
            if seed.oneIn(15) { try move(UInt64(seed.below(3)), &seed) }
            if seed.oneIn(4) { stray(&seed) }
            if seed.oneIn(12) { try assign(&seed) }
            if index == 18, tick == 3 { try terminate(2) }
            if seed.oneIn(12) { try adjust(&seed) }
            if seed.oneIn(8) { try correct(&seed) }
            if seed.oneIn(8) { try writeForeign(&seed) }
            if seed.oneIn(6) {
                isAway.toggle()
                happened.insert(.away)
            }
            if !isAway {
                try settle(&seed)
                try report(&seed)
                try carryEnded()
            }
            if tick % 3 == 0 { try carryLate() }
            if seed.oneIn(10) { try crash() }
        }
        try endMonth(&seed)
    }

    /// A month in which nothing is used and everything is told.
    mutating func quiet(_ seed: inout Seed) throws {
        isAway = false
        minute = UInt32(index) * 60 + 30
        try carryLate()
        for standing in book.state.billing.carries.values.filter(\.waits).sorted(by: {
            $0.carry.number < $1.carry.number
        }) {
            let landing = CarryLanding(standing.carry, book: book.state, into: month(index))
            guard let target = landing.target else { continue }
            try decide(
                .carrySettled(
                    CarrySettled(
                        number: standing.carry.number,
                        settlement: .landed,
                        to: target,
                        reason: "test"
                    )
                )
            )
        }
        try settle(&seed)
        try report(&seed, always: true)
        try carryEnded()
        try endMonth(&seed, byHand: false)
    }

    private mutating func use(_ seed: inout Seed) {
        let resource = UInt64(seed.below(3))
        let component = seed.pick(Self.components)
        let back = seed.oneIn(5) ? UInt32(seed.below(130)) : 0
        let amount = UInt64(seed.below(30_000))
        let time = minute >= back ? minute - back : 0
        events.append(
            LedgerWorld.Event(
                tenant: holder(of: resource, at: time),
                agent: Name("agent\(resource)"),
                access: nil,
                component: component,
                minute: Minute(rawValue: time),
                amount: amount
            )
        )
        let place = Place(resource: resource, component: component)
        used[place, default: 0] += Int128(amount)
        if let end = gone[resource], time > end { unbillable[place, default: 0] += Int128(amount) }
        happened.insert(time / 60 == minute / 60 ? .used : .late)
    }

    private func holder(of resource: UInt64, at time: UInt32) -> Name {
        holders[resource]?.last { $0.from <= time }?.tenant ?? "acme"
    }

    /// An agent is used that nobody has bound yet.
    private mutating func stray(_ seed: inout Seed) {
        let tenant = seed.pick(Self.tenants)
        let amount = UInt64(seed.below(30_000))
        events.append(
            LedgerWorld.Event(
                tenant: tenant,
                agent: strayAgent(of: tenant),
                access: nil,
                component: seed.pick(Self.components),
                minute: Minute(rawValue: minute),
                amount: amount
            )
        )
        unassigned[tenant, default: 0] += Int128(amount)
        happened.insert(.strayed)
    }

    private func strayAgent(of tenant: Name) -> Name { Name("stray\(strayNumber[tenant] ?? 0)") }

    /// The agent is bound at last, also for what it used up to two months ago.
    private mutating func assign(_ seed: inout Seed) throws {
        let resource = UInt64(seed.below(3))
        guard gone[resource] == nil else { return }
        let tenant = holder(of: resource, at: minute)
        let agent = strayAgent(of: tenant)
        let from = minute - min(minute, UInt32(seed.below(130)))
        accessNumber += 1
        try decide(
            Fixture.made(accessNumber, tenant: tenant, agent: agent),
            .bindingSet(
                Fixture.binding(
                    accessNumber,
                    tenant: tenant,
                    agent: agent,
                    resource: resource,
                    from: from
                )
            )
        )
        for event in events
        where event.agent == agent && event.tenant == tenant && event.minute.rawValue >= from {
            let place = Place(resource: resource, component: event.component)
            used[place, default: 0] += Int128(event.amount)
            unassigned[tenant, default: 0] -= Int128(event.amount)
            happened.insert(.assigned)
        }
        // What comes from now on is another agent's.
        strayNumber[tenant, default: 0] += 1
    }

    private mutating func see(
        _ resource: UInt64,
        plan: PlanID,
        customer: Name,
        ending: PlanPeriod? = nil
    ) throws {
        periodNumber += 1
        let now = Timestamp(milliseconds: Int64(minute) * 60_000 + 20_000)
        var periods = [
            PlanPeriod(
                id: Fixture.period(periodNumber),
                plan: plan,
                start: minute == 0 ? Timestamp(milliseconds: 0) : now
            )
        ]
        if let ending {
            periods.insert(
                PlanPeriod(id: ending.id, plan: ending.plan, start: ending.start, end: now),
                at: 0
            )
        }
        try decide(seen(resource, periods, customer))
    }

    private func seen(
        _ resource: UInt64,
        _ periods: [PlanPeriod],
        _ customer: Name,
        state: String = "OK"
    ) -> Decision {
        .planPeriodsSeen(
            PlanPeriodsSeen(
                waldur: Fixture.waldur,
                resource: Fixture.resource(resource),
                offering: offering(resource),
                customer: customer,
                periods: periods,
                components: Self.components,
                resourceState: state
            )
        )
    }

    private func standing(_ resource: UInt64) -> ResourceStanding {
        book.state.resources[
            ResourceKey(waldur: Fixture.waldur, resource: Fixture.resource(resource))
        ] ?? ResourceStanding()
    }

    private mutating func switchPlan(_ resource: UInt64, _ seed: inout Seed) throws {
        let known = standing(resource)
        guard let current = known.periods.last, gone[resource] == nil else { return }
        happened.insert(.switched)
        try see(
            resource,
            plan: seed.pick(Self.plans),
            customer: known.customer ?? "owner",
            ending: current
        )
    }

    private mutating func move(_ resource: UInt64, _ seed: inout Seed) throws {
        guard gone[resource] == nil else { return }
        happened.insert(.moved)
        try decide(seen(resource, [], seed.pick(["owner", "other"])))
    }

    /// The resource goes to another tenant, whose agent of the same name uses it from now on.
    private mutating func handOver(_ resource: UInt64) throws {
        guard let last = holders[resource]?.last, last.from < minute, gone[resource] == nil
        else {
            return
        }
        let tenant: Name = last.tenant == "acme" ? "nordix" : "acme"
        let agent = Name("agent\(resource)")
        accessNumber += 1
        try decide(
            .bindingEnded(
                BindingEnd(
                    access: Fixture.access(last.access),
                    from: Minute(rawValue: last.from),
                    to: Minute(rawValue: minute)
                )
            ),
            seen(resource, [], tenant),
            Fixture.made(accessNumber, tenant: tenant, agent: agent),
            .bindingSet(
                Fixture.binding(
                    accessNumber,
                    tenant: tenant,
                    agent: agent,
                    resource: resource,
                    from: minute
                )
            )
        )
        holders[resource, default: []].append(
            Holder(from: minute, tenant: tenant, access: accessNumber)
        )
        happened.insert(.handedOver)
    }

    /// Waldur takes nothing more for the resource, whoever goes on using it.
    private mutating func terminate(_ resource: UInt64) throws {
        let known = standing(resource)
        guard let last = known.periods.last else { return }
        let ended = PlanPeriod(
            id: last.id,
            plan: last.plan,
            start: last.start,
            end: Timestamp(milliseconds: Int64(minute) * 60_000 + 20_000)
        )
        try decide(seen(resource, [ended], known.customer ?? "owner", state: "Terminated"))
        gone[resource] = minute
        happened.insert(.terminated)
    }

    private func readPrices(_ seed: inout Seed) throws {
        for plan in Self.plans {
            for component in Self.components {
                try decide(
                    .priceSeen(
                        PriceSeen(
                            waldur: Fixture.waldur,
                            plan: plan,
                            component: component,
                            price: seed.oneIn(3) ? "0.05" : "0.02",
                            read: Minute(rawValue: minute).start
                        )
                    )
                )
            }
        }
    }

    // MARK: telling

    private mutating func report(_ seed: inout Seed, always: Bool = false) throws {
        for figure in try ledger(index).figures where always || !seed.oneIn(3) {
            let isFinal = figure.isPlanPeriodOver && figure.confirmed != nil
            guard figure.inFlight == nil, !isFinal, gone[figure.key.resource.low] == nil else {
                continue
            }
            let number = book.state.nextIntentNumber
            try decide(
                .submissionIntended(
                    SubmissionIntent(
                        number: number,
                        waldur: figure.key.waldur,
                        resource: figure.key.resource,
                        planPeriod: figure.key.planPeriod,
                        month: figure.key.month,
                        position: UInt64(events.count),
                        items: [
                            .init(
                                component: figure.key.component,
                                total: figure.total,
                                amount: figure.told
                            )
                        ],
                        lowersBecause: figure.lowers ? "test" : nil
                    )
                )
            )
            if always || !seed.oneIn(4) { try settle(number, confirmed: always || !seed.oneIn(5)) }
        }
    }

    private mutating func settle(_ number: UInt64, confirmed: Bool) throws {
        guard let intent = book.state.openIntents[number]?.intent else { return }
        let outcome = SubmissionOutcome(number: number)
        try decide(confirmed ? .submissionConfirmed(outcome) : .submissionRefused(outcome))
        guard confirmed else { return }
        for item in intent.items { told[intent.key(item.component)] = item.amount }
    }

    private mutating func settle(_ seed: inout Seed) throws {
        for number in book.state.openIntents.keys.sorted() {
            try settle(number, confirmed: seed.oneIn(2))
        }
    }

    private mutating func adjust(_ seed: inout Seed) throws {
        guard let figure = try ledger(index).figures.randomElement(using: &seed) else { return }
        let adjustment = AdjustmentMade(
            number: book.state.billing.lastAdjustmentNumber + 1,
            kind: .amend,
            key: figure.key,
            amount: LedgerAmount(Int128(seed.below(2_000_000)) - 700_001),
            reason: "test"
        )
        try decide(.adjustmentMade(adjustment))
        note(adjustment)
        happened.insert(.adjusted)
    }

    /// Usage of some minutes was more or less than was metered, or an earlier correction was wrong.
    private mutating func correct(_ seed: inout Seed) throws {
        var plan: CorrectionPlan
        let period = { (_: WaldurID?, minute: Minute) in
            self.period(Int(minute.rawValue) / 60) as BillingPeriod?
        }
        let standing = book.state.billing.corrections.values
            .filter { !$0.isReverted && $0.kind != .revert }
            .sorted { $0.number < $1.number }
            .randomElement(using: &seed)
        if let standing, seed.oneIn(4) {
            plan = try CorrectionPlan(
                .revert,
                standing.lines.map(\.opposite),
                reverts: standing.number,
                book: book.state,
                period: period
            )
        } else {
            var amounts: [CorrectionCell: LedgerAmount] = [:]
            for _ in 0...seed.below(3) {
                let back = UInt32(seed.below(150))
                let time = minute >= back ? minute - back : 0
                let resource = UInt64(seed.below(3))
                // What is used after the termination is not billed, and corrects nothing.
                if let end = gone[resource], time > end { continue }
                let cell = CorrectionCell(
                    tenant: holder(of: resource, at: time),
                    agent: Name("agent\(resource)"),
                    component: seed.pick(Self.components),
                    minute: Minute(rawValue: time)
                )
                amounts[cell] = LedgerAmount((Int128(seed.below(90_000)) - 60_000) * 100)
            }
            let lines = CorrectionPlan.lines(amounts)
            guard !lines.isEmpty else { return }
            plan = try CorrectionPlan(.amend, lines, book: book.state, period: period)
        }
        let decisions = try plan.decisions(
            reason: "test",
            book: book.state,
            position: UInt64(events.count)
        )
        try decide(decisions)
        happened.insert(.corrected)
        for line in plan.lines {
            let resource = UInt64(line.agent.description.suffix(1)) ?? 0
            adjusted[Place(resource: resource, component: line.component), default: 0] +=
                line.amount.rawValue
        }
        try land(
            decisions.compactMap { decision in
                if case .carryMade(let carry) = decision { return carry }
                return nil
            }
        )
    }

    private mutating func note(_ made: AdjustmentMade) {
        let resource = made.key.resource.low
        adjusted[Place(resource: resource, component: made.key.component), default: 0] +=
            made.amount.rawValue
    }

    /// Somebody else writes a figure, which is accepted.
    private mutating func writeForeign(_ seed: inout Seed) throws {
        let rows = told.keys.filter { $0.month == month(index) }.sorted()
        guard let key = rows.randomElement(using: &seed), let old = told[key],
            book.state.submission(key)?.open.isEmpty ?? true
        else { return }
        let new = Hundredths(old.rawValue / 2 + Int128(seed.below(5_000)))
        guard new != old else { return }
        happened.insert(.foreign)
        told[key] = new
        let units = book.state.unitsPerReported(key.component, of: key.resourceKey)
        let adjustment = AdjustmentMade(
            number: book.state.billing.lastAdjustmentNumber + 1,
            kind: .changedInWaldur,
            key: key,
            amount: try LedgerAmount(
                Hundredths(new.rawValue - old.rawValue),
                unitsPerReported: units
            ),
            reason: "test"
        )
        try decide(
            .foreignFound(
                ForeignFound(key: key, usage: new.description, confirmed: old)
            ),
            .adjustmentMade(adjustment),
            .foreignDecided(
                ForeignDecided(key: key, verdict: .accept, amount: new, reason: "test")
            )
        )
        note(adjustment)
    }

    // MARK: carrying

    private func land(_ carries: [CarryMade]) throws {
        for carry in carries {
            let settlement = CarryLanding.settlement(
                of: carry,
                book: book.state,
                into: month(index)
            )
            if let settlement { try decide(.carrySettled(settlement)) }
        }
    }

    /// What ended plan periods have beyond what was billed.
    private func carryEnded() throws {
        let ledger = try ledger(index)
        for figure in ledger.figures
        where figure.isPlanPeriodOver && figure.confirmed != nil && figure.inFlight == nil {
            let carries = try CarryMaking.carries(
                of: figure.key,
                balance: figure.balance,
                adjusted: figure.adjusted,
                confirmed: figure.confirmed,
                book: book.state,
                cause: .planEnded,
                first: book.state.billing.lastCarryNumber + 1,
                position: ledger.position,
                before: Minute(rawValue: minute).start
            )
            try decide(carries.map { .carryMade($0) })
            try land(carries)
        }
    }

    private func carryLate() throws {
        for past in max(0, index - 3)..<index {
            let carries = try CarryMaking.carries(
                of: ledger(past),
                book: book.state,
                cause: .late,
                first: book.state.billing.lastCarryNumber + 1
            )
            try decide(carries.map { .carryMade($0) })
            try land(carries)
        }
    }

    private mutating func endMonth(_ seed: inout Seed, byHand: Bool = true) throws {
        minute = UInt32(index) * 60 + 59
        try settle(&seed)
        let month = month(index)
        let ledger = try ledger(index)
        let carries = try CarryMaking.carries(
            of: ledger,
            book: book.state,
            cause: isAway ? .outage : .tail,
            first: book.state.billing.lastCarryNumber + 1
        )
        try decide(
            carries.map { .carryMade($0) } + [
                .periodCut(
                    PeriodCut(waldur: Fixture.waldur, month: month, position: ledger.position)
                )
            ]
        )
        index += 1
        minute = UInt32(index) * 60
        try readPrices(&seed)
        try decide(
            .monthTurned(
                MonthTurned(
                    waldur: Fixture.waldur,
                    month: self.month(index),
                    evidence: .prices,
                    at: Minute(rawValue: minute).start
                )
            )
        )
        let waiting = book.state.billing.carries.values.filter(\.waits).map(\.carry)
            .sorted { $0.number < $1.number }
        try land(waiting)
        if byHand { try decideByHand(&seed) }
        try close(month, &seed)
    }

    /// A person goes through what waits.
    private func decideByHand(_ seed: inout Seed) throws {
        let waiting = book.state.billing.carries.values.filter(\.waits).map(\.carry)
            .sorted { $0.number < $1.number }
        for carry in waiting where seed.oneIn(3) {
            let landing = CarryLanding(carry, book: book.state, into: month(index))
            let settlement = seed.pick(CarrySettled.Settlement.allCases)
            guard settlement != .landed || landing.target != nil else { continue }
            try decide(
                .carrySettled(
                    CarrySettled(
                        number: carry.number,
                        settlement: settlement,
                        to: settlement == .landed ? landing.target : nil,
                        reason: "test"
                    )
                )
            )
        }
    }

    private mutating func close(_ month: BillingMonth, _ seed: inout Seed) throws {
        for tenant in Self.tenants where seed.oneIn(2) { try close(month, of: tenant, &seed) }
    }

    private mutating func close(_ month: BillingMonth, of tenant: Name, _ seed: inout Seed) throws {
        let hash = BookHash.zero.description
        happened.insert(.closed)
        for revision in 1...UInt32(1 + seed.below(3)) {
            if revision > 1 {
                happened.insert(.reopened)
                try decide(
                    .periodReopened(
                        PeriodReopened(
                            waldur: Fixture.waldur,
                            month: month,
                            tenant: tenant,
                            revision: revision - 1,
                            reason: "test"
                        )
                    )
                )
            }
            try decide(
                .periodClosed(
                    PeriodClosed(
                        waldur: Fixture.waldur,
                        month: month,
                        tenant: tenant,
                        revision: revision,
                        statement: hash,
                        previous: revision == 1 ? nil : hash
                    )
                )
            )
        }
    }

    /// Everything but the disk is lost.
    private mutating func crash() throws {
        happened.insert(book.state.openIntents.isEmpty ? .crashed : .crashedInFlight)
        let before = try (max(0, index - 2)...index).map(ledger)
        let head = book.state.head
        book = try Book.open(disk).book
        guard book.state.head == head, try (max(0, index - 2)...index).map(ledger) == before else {
            throw LostInCrash()
        }
    }

    struct LostInCrash: Error {}
}
