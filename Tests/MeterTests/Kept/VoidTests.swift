import Meter
import MeterTesting
import MeterWire
import Testing

/// Events are taken back by what the kept journal says of them, each once.
@Suite struct VoidTests {
    private static func calendar(_: WaldurID?, _: Minute) -> BillingPeriod? { period }
    private static let period = BillingPeriod(
        waldur: Fixture.waldur,
        month: Fixture.november,
        start: Minute(rawValue: EventWorkload.first - 1_440),
        end: Minute(rawValue: EventWorkload.first + 10 * 1_440)
    )

    /// A journal, the decisions about it, and who keeps a set of what is voided.
    private struct World {
        let history: KeptHistory
        let book: Book
        /// What voids in force took, by place among the history's entries.
        var voids: [UInt64: Set<Int>] = [:]
        /// What went with its file.
        var backfilled: Set<Int> = []

        var engine: Engine { history.harness.engine }

        var voided: Set<Int> { voids.values.reduce(into: backfilled) { $0.formUnion($1) } }

        init(_ seed: UInt64) throws {
            history = try KeptHistory(seed: seed, on: SimulatedDisk())
            history.hasSpans = true
            book = try Book.open(BookDisk()).book
            for component in EventWorkload.components {
                try decide([Fixture.component(Name(component))])
            }
            // Of each tenant one agent is free, and one is nobody's.
            for tenant in 0..<3 as Range<UInt64> {
                for agent in 0..<2 as Range<UInt64> {
                    let (names, access) = (
                        ("tenant-\(tenant)", "agent-\(agent)"), tenant * 8 + agent
                    )
                    try decide([
                        Fixture.made(access, tenant: Name(names.0), agent: Name(names.1)),
                        .bindingSet(
                            Fixture.binding(
                                access,
                                tenant: Name(names.0),
                                agent: Name(names.1),
                                resource: access,
                                from: EventWorkload.first - 1_440,
                                class: agent == 1 ? .free : .live
                            )
                        ),
                        .planPeriodsSeen(
                            PlanPeriodsSeen(
                                waldur: Fixture.waldur,
                                resource: Fixture.resource(access),
                                offering: OfferingID(high: 9, low: 0),
                                periods: [
                                    PlanPeriod(
                                        id: Fixture.period(access),
                                        start: EventWorkload.start.advanced(
                                            byMilliseconds: -86_400_000)
                                    )
                                ],
                                components: EventWorkload.components.map { Name($0) }
                            )
                        ),
                    ])
                }
            }
        }

        func decide(_ decisions: [Decision]) throws {
            try book.append(decisions, author: "test", at: Fixture.time)
        }

        /// What the plainest reader finds that is counted and not voided.
        func wanted(_ isSelected: (KeptHistory.Entry) -> Bool) -> Set<Int> {
            let voided = voided
            return Set(
                history.entries.indices.filter {
                    history.entries[$0].isCounted && !voided.contains($0)
                        && isSelected(history.entries[$0])
                }
            )
        }

        /// Voids what is selected, and compares it with what should have been.
        mutating func void(_ selection: VoidSelection, _ wanted: Set<Int>) throws {
            let found = try VoidedUsage(selection, in: engine, book: book.state)
            #expect(found.eventCount == UInt64(wanted.count), "\(selection)")
            guard !found.lines.isEmpty else { return }
            let plan = try CorrectionPlan(
                .void,
                found.lines,
                voids: found.selection,
                book: book.state,
                period: VoidTests.calendar
            )
            try apply(plan)
            voids[book.state.billing.lastAdjustmentNumber] = wanted
            // The same again finds nothing.
            let again = try VoidedUsage(selection, in: engine, book: book.state)
            #expect(again.eventCount == 0 && again.lines.isEmpty)
            #expect(again.voidedCount == found.voidedCount + found.eventCount)
        }

        /// Takes a file in, and sometimes back: whole, or not at all.
        mutating func backfill(_ count: Int, revert: Bool) throws {
            let number = book.state.billing.lastAdjustmentNumber + 1
            let (source, first) = try history.backfill(count)
            let file =
                Hexadecimal.text(source.source.high) + Hexadecimal.text(source.source.low)
                + String(repeating: "0", count: 32)
            try decide([
                .backfillBegun(
                    BackfillBegun(
                        number: number,
                        file: file,
                        eventCount: UInt64(count),
                        earliest: Minute(rawValue: 0),
                        latest: Minute(rawValue: .max),
                        totals: [],
                        reason: "test"
                    )
                ), .backfillDone(BackfillDone(number: number, position: engine.durable)),
            ])
            guard revert else { return }
            var selection = VoidSelection(position: engine.durable)
            selection.source = source
            let found = try VoidedUsage(selection, in: engine, book: book.state)
            #expect(found.eventCount == UInt64(count) && found.selection.besides.isEmpty)
            try apply(
                CorrectionPlan(
                    .revert,
                    found.lines,
                    reverts: number,
                    voids: found.selection,
                    book: book.state,
                    period: VoidTests.calendar
                )
            )
            backfilled.formUnion(first..<first + count)
            #expect(book.state.billing.backfills[number]?.isReverted == true)
        }

        mutating func revert(_ number: UInt64) throws {
            let standing = try #require(book.state.billing.corrections[number])
            try apply(
                CorrectionPlan(
                    .revert,
                    standing.lines.map(\.opposite),
                    reverts: number,
                    book: book.state,
                    period: VoidTests.calendar
                )
            )
            voids[number] = nil
        }

        private func apply(_ plan: CorrectionPlan) throws {
            try decide(
                plan.decisions(reason: "test", book: book.state, position: engine.durable)
            )
        }

        func month() throws -> LedgerMonth {
            let period = try #require(VoidTests.period)
            let query = Ledger.query(book.state, period)
            let answer = try #require(
                engine.answer(try engine.query(query, at: history.harness.now)))
            return try Ledger.attribute(answer, to: query, book: book.state, period: period)
        }

        /// All corrections together are what was voided and nothing else.
        func check() throws {
            var expected: [CorrectionCell: Int128] = [:]
            for place in voided {
                let entry = history.entries[place]
                for amount in entry.event.amounts {
                    let cell = CorrectionCell(
                        tenant: Name(entry.event.tenant),
                        agent: Name(entry.event.agent),
                        access: entry.event.access,
                        component: Name(amount.component),
                        minute: try #require(Minute(entry.event.time)),
                        outcome: entry.event.outcome,
                        way: entry.way
                    )
                    expected[cell, default: 0] -= Int128(amount.amount) * 100
                }
            }
            let corrected = book.state.billing.corrected
                .cells(from: Minute(rawValue: 0), to: Minute(rawValue: .max))
            #expect(
                Dictionary(uniqueKeysWithValues: corrected.map { ($0.cell, $0.amount.rawValue) })
                    == expected.filter { $0.value != 0 }
            )
            let month = try month()
            #expect(Conservation.check(month, book: book.state).isEmpty)
            let rest = month.tenants.map { line in
                Int128(line.metered.rawValue) * 100 + line.adjusted.rawValue
            }
            #expect(rest.allSatisfy { $0 >= 0 })
        }
    }

    /// Numbers of a source, an id, or an agent's time, like those of some entry.
    private func draw(
        _ world: World,
        using seed: inout Seed
    ) throws -> (VoidSelection, (KeptHistory.Entry) -> Bool) {
        let entry = seed.pick(world.history.entries)
        var selection = VoidSelection(position: world.engine.durable)
        if seed.oneIn(3) {
            let start = try #require(Minute(entry.event.time))
            let end = Minute(rawValue: start.rawValue + 1 + UInt32(seed.below(20)))
            selection.tenant = Name(entry.event.tenant)
            selection.agent = Name(entry.event.agent)
            (selection.start, selection.end) = (start, end)
            return (
                selection,
                { other in
                    other.event.tenant == entry.event.tenant
                        && other.event.agent == entry.event.agent
                        && start.start <= other.event.time && other.event.time < end.start
                }
            )
        }
        switch entry.identity {
        case .sequence(let source, let number):
            let from = number - min(number, UInt64(seed.below(30)))
            let to = seed.oneIn(5) ? nil : number + 1 + UInt64(seed.below(30))
            selection.source = SourceKey(principal: entry.principal, source: source)
            (selection.from, selection.to) = (from, to)
            return (
                selection,
                { other in
                    guard case .sequence(source, let number) = other.identity else { return false }
                    return from <= number && number < to ?? .max
                }
            )
        case .identifier(let identity):
            selection.identifier = identity.hash
            return (
                selection,
                { other in
                    guard case .identifier(let known) = other.identity else { return false }
                    return known.hash == identity.hash
                }
            )
        }
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `voids and reverts of a random history leave each event in or out, once`(
        number: UInt64
    ) throws {
        var seed = Seed(number)
        var world = try World(number)
        var cutAt: LedgerAmount?
        for step in 0..<24 {
            try world.history.run(6)
            if seed.oneIn(4) {
                try world.backfill(1 + seed.below(20), revert: seed.oneIn(2))
                try world.check()
            }
            if world.history.entries.isEmpty { continue }
            if let old = world.voids.keys.sorted().randomElement(using: &seed), seed.oneIn(3) {
                try world.revert(old)
            } else {
                let (selection, isSelected) = try draw(world, using: &seed)
                try world.void(selection, world.wanted(isSelected))
            }
            try world.check()
            if step == 12 {
                cutAt = try adjusted(world)
                try world.decide([
                    .periodCut(
                        PeriodCut(
                            waldur: Fixture.waldur,
                            month: Fixture.november,
                            position: world.engine.durable
                        )
                    )
                ])
            }
        }
        let made = world.book.state.billing.corrections.values
        #expect(made.count { $0.kind == .void } > 4 && made.contains { $0.kind == .revert })
        // What was voided after the cut left its rows as carries, each with its sign.
        let carried = world.book.state.billing.carries.values.reduce(Int128(0)) {
            $0 + $1.carry.amount.rawValue
        }
        #expect(carried == (try adjusted(world)).rawValue - (try #require(cutAt)).rawValue)
        #expect(!world.book.state.billing.carries.isEmpty)
    }

    /// What corrections add to rows.
    private func adjusted(_ world: World) throws -> LedgerAmount {
        LedgerAmount(try world.month().figures.reduce(0) { $0 + $1.adjusted.rawValue })
    }

    @Test func `what is kept no longer is not voided, and the date is named`() throws {
        var options = KeptHistory.options
        options.keptJournalBytes = 8 << 10
        let history = try KeptHistory(seed: 5, on: SimulatedDisk(), options: options)
        let book = try Book.open(BookDisk()).book
        for _ in 0..<40 {
            try history.run(10)
            try history.harness.checkpoint()
        }
        let engine = history.harness.engine
        let since = try #require(try engine.keptJournal.keptSince())
        func failure(_ selection: VoidSelection) throws -> JournalNotKept? {
            do throws(VoidFailure) {
                _ = try VoidedUsage(selection, in: engine, book: book.state)
            } catch {
                guard case .journal(.notKept(let gone)) = error else { throw error }
                return gone
            }
            return nil
        }
        var refused = 0
        for entry in history.entries where entry.isCounted && entry.event.time < since {
            var byTime = VoidSelection(position: engine.durable)
            (byTime.tenant, byTime.agent) = (Name(entry.event.tenant), Name(entry.event.agent))
            byTime.start = Minute(entry.event.time)
            byTime.end = byTime.start.map { Minute(rawValue: $0.rawValue + 1) }
            let gone = try #require(try failure(byTime))
            #expect(gone.since == since)
            refused += 1
            if refused > 20 { break }
        }
        #expect(refused > 10)
        for entry in [try #require(history.entries.first)] {
            var byIdentity = VoidSelection(position: engine.durable)
            switch entry.identity {
            case .sequence(let source, let number):
                byIdentity.source = SourceKey(principal: entry.principal, source: source)
                (byIdentity.from, byIdentity.to) = (number, number + 1)
            case .identifier(let identity): byIdentity.identifier = identity.hash
            }
            #expect(try failure(byIdentity)?.since == since)
        }
    }

    @Test func `a void says which events it takes, takes away only, and leaves known voids`() throws
    {
        let world = try World(1)
        func refusal(
            _ kind: CorrectionMade.Kind,
            _ amount: Int128,
            _ voids: VoidSelection?
        ) throws -> Bool {
            let line = CorrectionLine(
                CorrectionCell(
                    tenant: "tenant-0",
                    agent: "agent-0",
                    component: "agent_calls",
                    minute: Minute(rawValue: EventWorkload.first)
                ),
                LedgerAmount(amount)
            )
            do {
                try world.decide(
                    CorrectionMade.entries(
                        number: world.book.state.billing.lastAdjustmentNumber + 1,
                        kind: kind,
                        lines: [line],
                        reason: "test",
                        voids: voids
                    )
                )
                return false
            } catch BookError.refused(.voidedEvents) {
                return true
            }
        }
        let selection = VoidSelection(position: 1)
        #expect(try refusal(.void, -100, nil))
        #expect(try refusal(.void, 100, selection))
        #expect(try refusal(.amend, -100, selection))
        #expect(try !refusal(.void, -100, selection))
        #expect(try !refusal(.amend, -100, nil))
        var besides = try #require(world.book.state.billing.corrections[1]?.voids)
        besides.besides = [1]
        #expect(try !refusal(.void, -100, besides))
        besides.besides = [1, 2]
        #expect(try refusal(.void, -100, besides))
    }
}

extension EventWorkload {
    /// The minute in which the first history begins.
    fileprivate static var first: UInt32 { UInt32(start.milliseconds / 60_000) }
}
