import Meter
import MeterTesting
import MeterWire

/// Years of a small random Waldur, with "months" of an hour: plan switches, price changes at turns, resources
/// that go to another customer or to another tenant's agent, one that is terminated, agents that are bound
/// after they were used, outages over month ends, late events, unknown outcomes, foreign figures, adjustments,
/// settlements, voids, files of late usage, closings, and crashes that leave the book alone.
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
        case corrected, voided, voidReverted, backfilled, backfillReverted
        case foreign, away, crashed, crashedInFlight, closed, reopened
    }

    /// Who had a resource from when on.
    struct Holder {
        let from: UInt32
        let tenant: Name
        let access: UInt64
    }

    static let components: [Name] = ["tokens", "seconds"]
    static let tenants: [Name] = ["acme", "nordix"]
    static let plans = (1...2).map { PlanID(high: 7, low: $0) }

    let disk = BookDisk()
    var book: Book
    var index = 0
    var minute: UInt32 = 0
    var periodNumber: UInt64 = 0
    /// Everything that ever came, in its order.
    var sent: [Sent] = []
    /// What Waldur shows.
    var told: [SubmissionKey: Hundredths] = [:]
    /// By adjustments of rows.
    var adjustedRows: [Place: Int128] = [:]
    /// By amendments that are in force.
    var amended: [CorrectionCell: Int128] = [:]
    /// Which events each void that is in force took back.
    var voids: [UInt64: Set<Int>] = [:]
    /// Sources of files that were taken back.
    var revertedFiles: Set<SourceKey> = []
    var happened: Set<Happening> = []
    var holders: [UInt64: [Holder]] = [:]
    var accessNumber: UInt64 = 2
    var strayNumber: [Name: Int] = [:]
    /// When resources were terminated.
    var gone: [UInt64: UInt32] = [:]
    var isAway = false

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

    func offering(_ resource: UInt64) -> OfferingID { OfferingID(high: 1, low: resource) }

    func decide(_ decisions: Decision...) throws { try decide(decisions) }

    func decide(_ decisions: [Decision]) throws {
        try book.append(decisions, author: "test", at: Minute(rawValue: minute).start)
    }

    func month(_ index: Int) -> BillingMonth {
        guard let month = BillingMonth(year: 2026 + index / 12, month: index % 12 + 1) else {
            preconditionFailure()
        }
        return month
    }

    func period(_ index: Int) -> BillingPeriod {
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
        for event in sent.lazy.map(\.event) where period.contains(event.minute) {
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
            position: UInt64(sent.count),
            asOf: Fixture.time,
            completeThrough: nil
        )
        return try Ledger.attribute(answer, to: query, book: book.state, period: period)
    }

    /// What the engine says was metered in a month, asked in another way.
    func totals(_ index: Int) -> UsageAnswer {
        let period = period(index)
        var totals: [UsageGroup: UsageTotal] = [:]
        for event in sent.lazy.map(\.event) where period.contains(event.minute) {
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
            position: UInt64(sent.count),
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
            if seed.oneIn(10) { try amend(&seed) }
            if seed.oneIn(30) { try revertAmendment(&seed) }
            if seed.oneIn(6) { try void(&seed) }
            if seed.oneIn(9) { try revertVoid(&seed) }
            if seed.oneIn(12) { try backfill(&seed) }
            if seed.oneIn(16) { try revertBackfill(&seed) }
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

    /// Everything but the disk is lost.
    mutating func crash() throws {
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
