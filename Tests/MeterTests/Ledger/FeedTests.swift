import Meter
import MeterTesting
import MeterWire
import Testing

/// Components of an offering that are made up of Meter's, by any ratio.
@Suite struct FeedTests {
    private static let offering = OfferingID(high: 9, low: 0)

    private func unit(
        _ component: Name,
        _ units: UInt64,
        _ feeds: (Name, UInt64)...
    ) -> Decision {
        .offeringUnitSet(
            OfferingUnitSet(
                waldur: Fixture.waldur,
                offering: Self.offering,
                component: component,
                reportedUnit: "credit",
                unitsPerReported: units,
                fedBy: feeds.map { ComponentFeed(component: $0.0, weight: $0.1) }
            )
        )
    }

    @Test(arguments: 0..<60) func `what feeds a component is weighed, added up and rounded once`(
        seed number: UInt64
    ) throws {
        var seed = Seed(number)
        let world = try LedgerWorld(&seed)
        // One token is 3/7 of a credit, one second 5/14: in fourteenths 6 and 5.
        try world.book.append(
            unit("tokens", 14, ("tokens", 6), ("seconds", 5)),
            author: "test",
            at: Fixture.time
        )
        let month = try world.month()
        #expect(Conservation.check(month, book: world.book.state).isEmpty)

        var fourteenths: [SubmissionKey: UInt128] = [:]
        for usage in month.attributed {
            guard let period = usage.key.planPeriod,
                world.book.state.resources[usage.key.resource]?.offering == Self.offering
            else { continue }
            let weights: [Name: UInt128] = ["tokens": 6, "seconds": 5]
            let weight = try #require(weights[usage.key.component])
            let row = SubmissionKey(
                waldur: Fixture.waldur,
                resource: usage.key.resource.resource,
                component: "tokens",
                planPeriod: period,
                month: world.period.month
            )
            fourteenths[row, default: 0] += usage.total.rawValue * weight
        }
        for figure in month.figures
        where world.book.state.resources[figure.key.resourceKey]?.offering == Self.offering {
            let expected = (fourteenths.removeValue(forKey: figure.key) ?? 0) * 100 / 14
            #expect(figure.key.component == "tokens")
            #expect(figure.amount == Hundredths(try #require(Int128(exactly: expected))))
        }
        #expect(fourteenths.isEmpty)
    }

    @Test func `a weight that is off by one is found`() throws {
        var found = 0
        for number in 0..<20 as Range<UInt64> {
            var seed = Seed(number)
            let world = try LedgerWorld(&seed)
            try world.book.append(
                unit("tokens", 14, ("tokens", 6), ("seconds", 5)),
                author: "test",
                at: Fixture.time
            )
            var month = try world.month()
            let place = month.attributed.firstIndex {
                $0.key.component == "seconds" && $0.key.told == "tokens" && $0.total > Quantity(0)
            }
            guard let place else { continue }
            found += 1
            month.attributed[place].weight += 1
            #expect(!Conservation.check(month, book: world.book.state).isEmpty)
        }
        #expect(found > 0)
    }

    @Test
    func `a component feeds one component of an offering, once, and what does must be declared`()
        throws
    {
        var seed = Seed(1)
        let world = try LedgerWorld(&seed)
        func refusal(_ decision: Decision) -> DecisionRefusal? {
            world.book.state.refusal(of: decision)
        }
        let key = OfferingComponent(
            waldur: Fixture.waldur,
            offering: Self.offering,
            component: "all"
        )
        #expect(refusal(unit("all", 1)) == .feedsEmpty(key))
        #expect(refusal(unit("all", 1, ("nothing", 1))) == .unknownComponent("nothing"))
        #expect(refusal(unit("all", 1, ("tokens", 0))) == .unitsPerReportedZero)
        #expect(refusal(unit("all", 1, ("tokens", 1), ("tokens", 2))) == .feedTwice("tokens"))
        try world.book.append(
            unit("all", 1, ("tokens", 1), ("seconds", 2)),
            author: "test",
            at: Fixture.time
        )
        #expect(refusal(unit("other", 1, ("tokens", 1))) == .feedsAnother("tokens", "all"))
        #expect(refusal(unit("all", 1, ("tokens", 1))) == nil)
        let resource = try #require(
            world.book.state.resources.first { $0.value.offering == Self.offering }?.key
        )
        #expect(world.book.state.told("seconds", of: resource)?.component == "all")
        #expect(!world.book.state.isFed("seconds", of: resource))
        // What no longer feeds it goes its own way again.
        try world.book.append(unit("all", 1, ("tokens", 1)), author: "test", at: Fixture.time)
        #expect(world.book.state.told("seconds", of: resource)?.component == "seconds")
        #expect(world.book.state.isFed("seconds", of: resource))
    }
}
