import Meter
import MeterTesting
import MeterWire
import Testing

/// Offerings that do not bill every outcome.
@Suite struct UnbilledOutcomeTests {
    private static func bills(_ texts: [String]) -> Decision {
        .offeringUnitSet(
            OfferingUnitSet(
                waldur: Fixture.waldur,
                offering: OfferingID(high: 9, low: 0),
                component: "tokens",
                reportedUnit: "token",
                unitsPerReported: 1,
                bills: BilledOutcomes(texts)
            )
        )
    }

    @Test(arguments: 0..<40) func `what is billed and what is free are what was used, to the unit`(
        seed number: UInt64
    ) throws {
        var seed = Seed(number)
        let world = try LedgerWorld(&seed)
        let before = try world.month()
        // Every way of billing must tell the same usage apart, and lose none of it.
        for texts in [
            ["ok"], ["ok", "cached"], ["ok", "error", "refused"], Outcome.allCases.map(\.text),
        ] {
            try world.book.append(Self.bills(texts), author: "test", at: Fixture.time)
            let month = try world.month()
            #expect(
                Conservation.check(month, book: world.book.state, totals: world.totals()).isEmpty)
            #expect(month.tenants == before.tenants)
            for line in before.lines where line.term == .metered {
                #expect(try month.amount(.metered, of: line.account) == line.amount)
            }
            let free = month.attributed.filter { $0.key.notBillable == .unbilledOutcome }
            #expect(free.allSatisfy { $0.key.component == "tokens" && $0.count > 0 })
            if texts.count == Outcome.allCases.count { #expect(free.isEmpty) }
        }
    }

    @Test func `a part that is more than the whole gives no ledger`() throws {
        var found = 0
        for number in 0..<60 as Range<UInt64> {
            var seed = Seed(number)
            let world = try LedgerWorld(&seed)
            try world.book.append(Self.bills(["ok"]), author: "test", at: Fixture.time)
            let query = Ledger.query(world.book.state, world.period)
            var answer = world.answer(query)
            let month = try world.month()
            let free = month.attributed.contains { $0.key.notBillable == .unbilledOutcome }
            for (group, total) in answer.totals {
                guard let component = group.component, ComponentVariant(component) != nil else {
                    continue
                }
                answer.totals[group]?.sum = total.sum + UInt128(1) << 100
            }
            guard free else { continue }
            found += 1
            #expect {
                try Ledger.attribute(
                    answer, to: query, book: world.book.state, period: world.period)
            } throws: { error in
                if case LedgerError.partExceedsWhole("tokens", _) = error { return true }
                return false
            }
        }
        #expect(found > 5)
    }

    @Test func `which outcomes are billed is fixed once it was told`() throws {
        var refused = 0
        for number in 0..<20 as Range<UInt64> {
            var seed = Seed(number)
            let world = try LedgerWorld(&seed)
            try world.book.append(Self.bills(["ok"]), author: "test", at: Fixture.time)
            try world.report(&seed)
            let state = world.book.state
            let isTold = state.submissions.values.joined().contains { key, _ in
                key.component == "tokens"
                    && state.resources[key.resourceKey]?.offering == OfferingID(high: 9, low: 0)
            }
            #expect(state.refusal(of: Self.bills(["ok"])) == nil)
            let refusal = state.refusal(of: Self.bills(["ok", "error"]))
            #expect((refusal != nil) == isTold)
            refused += refusal == nil ? 0 : 1
        }
        #expect(refused > 5)
    }

    @Test(arguments: 0..<6) func `from frames to the figure, through checkpoints and a restart`(
        seed number: UInt64
    ) throws {
        var seed = Seed(number)
        let start = try #require(Minute(EventWorkload.start))
        let (book, period) = try Self.boundWorld(from: start)
        var harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: number + 1)
        var sums: [Outcome: UInt128] = [:]
        for round in 0..<12 {
            let events = (0..<seed.below(40) + 1).map { _ in
                UsageEvent(
                    time: EventWorkload.start.advanced(
                        byMilliseconds: Int64(seed.below(50 * 60_000))
                    ),
                    tenant: "acme", agent: "bot",
                    amounts: [ComponentAmount("tokens", UInt64(seed.below(1_000)))],
                    model: "m\(seed.below(3))", outcome: seed.pick(Outcome.allCases))
            }
            for event in events {
                sums[event.outcome, default: 0] += UInt128(event.amounts[0].amount)
            }
            harness.receive(maker.frame(events))
            if seed.oneIn(3) { try harness.checkpoint() }
            if round == 7 {
                _ = try harness.engine.commit()
                harness = try harness.reopened()
            }
        }
        let query = Ledger.query(book.state, period)
        let pending = try harness.engine.query(query, at: harness.now)
        _ = try harness.engine.commit()
        let answer = try #require(harness.engine.answer(pending))
        let month = try Ledger.attribute(answer, to: query, book: book.state, period: period)
        #expect(Conservation.check(month, book: book.state).isEmpty)
        let figure = try #require(month.figures.first { $0.key.component == "tokens" })
        #expect(figure.total.rawValue == (sums[.ok] ?? 0) + (sums[.cached] ?? 0))
        let free = try month.amount(
            .notBillable(.unbilledOutcome),
            of: LedgerAccount(resource: figure.key.resourceKey, component: "tokens")
        )
        #expect(free == (try LedgerAmount(total: (sums[.error] ?? 0) + (sums[.refused] ?? 0))))
        // Whoever asks for usage sees all of it, once.
        let plain = UsageQuery(windows: [period.start, period.end], grouping: [.component])
        let usage = try harness.engine.query(plain, at: harness.now)
        _ = try harness.engine.commit()
        let totals = try #require(harness.engine.answer(usage)).totals
        #expect(totals.map { $0.key.component } == ["tokens"])
        #expect(totals.first?.value.sum == sums.values.reduce(0, +))
    }

    /// One agent that is bound to a resource, whose offering bills ok and cached of its tokens.
    private static func boundWorld(from start: Minute) throws -> (Book, BillingPeriod) {
        let book = try Book.open(BookDisk()).book
        let plan = PlanPeriod(
            id: Fixture.period(1),
            start: Timestamp(milliseconds: Int64(start.rawValue) * 60_000),
            end: nil
        )
        let binding = Fixture.binding(
            1,
            tenant: "acme",
            agent: "bot",
            resource: 1,
            from: start.rawValue
        )
        try book.append(
            [
                Fixture.component("tokens"), Fixture.made(1, tenant: "acme", agent: "bot"),
                .bindingSet(binding),
                .planPeriodsSeen(
                    PlanPeriodsSeen(
                        waldur: Fixture.waldur,
                        resource: Fixture.resource(1),
                        offering: OfferingID(high: 9, low: 0),
                        periods: [plan],
                        components: ["tokens"]
                    )
                ), bills(["ok", "cached"]),
            ],
            author: "test",
            at: Fixture.time
        )
        let period = BillingPeriod(
            waldur: Fixture.waldur,
            month: Fixture.november,
            start: start,
            end: Minute(rawValue: start.rawValue + 60)
        )
        return (book, try #require(period))
    }

    @Test func `a variant's name is read back, and no name from outside is one`() {
        for outcome in Outcome.allCases {
            let variant = ComponentVariant(component: "input_tokens", outcome: outcome)
            #expect(ComponentVariant(variant.name) == variant)
            #expect(!NameRule.accepts(variant.name.description))
        }
        for name: Name in ["input_tokens", "error", "a\u{1F}failed", "\u{1F}"] {
            #expect(ComponentVariant(name) == nil)
        }
        #expect(ComponentVariant.label("input_tokens\u{1F}error") == "input_tokens (error)")
    }
}
