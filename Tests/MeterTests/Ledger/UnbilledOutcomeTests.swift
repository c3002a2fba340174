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
        for number in 0..<20 as Range<UInt64> {
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
