import Meter
import MeterWire
import Testing

/// The cases that people ask about, one by one.
@Suite struct AttributionTests {
    private let book: Book

    init() throws {
        book = try Book.open(BookDisk()).book
        try append([Fixture.component("tokens")])
    }

    private func append(_ decisions: [Decision]) throws {
        try book.append(decisions, author: "test", at: Fixture.time)
    }

    private func resolve(
        _ minute: UInt32,
        access: UInt64? = nil,
        tenant: Name = "acme"
    )
        -> AccessResolver.Resolution
    {
        AccessResolver(book.state).resolve(
            tenant: tenant,
            agent: "bot",
            access: access.map { Fixture.access($0) },
            at: Minute(rawValue: minute)
        )
    }

    private func bind(
        _ access: UInt64,
        _ resource: UInt64,
        from: UInt32,
        to: UInt32? = nil
    )
        -> Binding
    {
        Fixture.binding(
            access,
            tenant: "acme",
            agent: "bot",
            resource: resource,
            from: from,
            to: to
        )
    }

    @Test func `one agent in two projects is kept apart by access and never guessed without`()
        throws
    {
        let (first, second) = (bind(1, 1, from: 10), bind(2, 2, from: 20))
        try append([
            Fixture.made(1, tenant: "acme", agent: "bot"), .bindingSet(first),
            Fixture.made(2, tenant: "acme", agent: "bot"), .bindingSet(second),
        ])
        #expect(resolve(25, access: 1) == .bound(first))
        #expect(resolve(25, access: 2) == .bound(second))
        #expect(resolve(25) == .unassigned(.ambiguous))
        #expect(resolve(15) == .bound(first))
        #expect(resolve(15, access: 2) == .unassigned(.notBound))
        #expect(resolve(5) == .unassigned(.notBound))
        #expect(resolve(25, access: 3) == .unassigned(.unknownAccess))
        #expect(resolve(25, access: 1, tenant: "evil") == .unassigned(.accessOfAnotherTenant))
        #expect(resolve(25, tenant: "evil") == .unassigned(.noAccess))
    }

    @Test func `an access that nobody has bound could be meant until it is`() throws {
        let first = bind(1, 1, from: 10)
        try append([
            Fixture.made(1, tenant: "acme", agent: "bot"), .bindingSet(first),
            Fixture.made(2, tenant: "acme", agent: "bot"),
        ])
        #expect(resolve(15) == .unassigned(.ambiguous))
        try append([.bindingSet(bind(2, 2, from: 20))])
        #expect(resolve(15) == .bound(first))
    }

    @Test func `a binding learnt later takes the usage from before it was learnt`() throws {
        try append([Fixture.made(1, tenant: "acme", agent: "bot")])
        #expect(resolve(10) == .unassigned(.notBound))
        try append([.bindingSet(bind(1, 1, from: 5))])
        #expect(resolve(10) == .bound(bind(1, 1, from: 5)))
    }

    @Test func `a binding ends, moves and is taken back`() throws {
        try append([
            Fixture.made(1, tenant: "acme", agent: "bot"), .bindingSet(bind(1, 1, from: 5)),
        ])
        #expect(throws: BookError.self) { try append([.bindingSet(bind(1, 2, from: 50))]) }
        let end = BindingEnd(
            access: Fixture.access(1),
            from: Minute(rawValue: 5),
            to: Minute(rawValue: 50)
        )
        try append([.bindingEnded(end), .bindingSet(bind(1, 2, from: 50))])
        #expect(resolve(49) == .bound(bind(1, 1, from: 5, to: 50)))
        #expect(resolve(50) == .bound(bind(1, 2, from: 50)))
        #expect(throws: BookError.refused(.bindingEndNotEarlier)) {
            try append([.bindingEnded(end)])
        }
        try append([
            .bindingEnded(
                BindingEnd(
                    access: Fixture.access(1),
                    from: Minute(rawValue: 50),
                    to: Minute(rawValue: 50)
                )
            )
        ])
        #expect(resolve(50) == .unassigned(.notBound))
    }

    @Test func `two agents on one resource are summed`() throws {
        let other = Fixture.binding(2, tenant: "acme", agent: "scout", resource: 1, from: 0)
        try append([
            Fixture.made(1, tenant: "acme", agent: "bot"), .bindingSet(bind(1, 1, from: 0)),
            Fixture.made(2, tenant: "acme", agent: "scout"), .bindingSet(other),
            .planPeriodsSeen(
                PlanPeriodsSeen(
                    waldur: Fixture.waldur,
                    resource: Fixture.resource(1),
                    periods: [
                        PlanPeriod(id: Fixture.period(1), start: Timestamp(milliseconds: 0))
                    ],
                    components: ["tokens", "calls"]
                )
            ),
            Fixture.component("calls"),
        ])
        let period = try #require(
            BillingPeriod(
                waldur: Fixture.waldur,
                month: Fixture.november,
                start: Minute(rawValue: 0),
                end: Minute(rawValue: 100)
            )
        )
        let query = Ledger.query(book.state, period)
        #expect(query.windows == [Minute(rawValue: 0), Minute(rawValue: 100)])
        var totals: [UsageGroup: UsageTotal] = [:]
        for (agent, sum) in [("bot", 30), ("scout", 12)] as [(Name, UInt128)] {
            totals[
                UsageGroup(
                    tenant: "acme",
                    agent: agent,
                    access: nil,
                    component: "tokens",
                    window: 0,
                    way: .native
                )
            ] =
                UsageTotal(sum: sum, count: 1)
        }
        let answer = UsageAnswer(
            totals: totals,
            position: 5,
            asOf: Fixture.time,
            completeThrough: nil
        )
        let month = try Ledger.attribute(answer, to: query, book: book.state, period: period)
        #expect(month.figures.map(\.key.component) == ["calls", "tokens"])
        #expect(month.figures.map(\.text) == ["0.00", "42.00"])
        #expect(month.attributed.map(\.total) == [Quantity(30), Quantity(12)])
        let account = LedgerAccount(
            resource: ResourceKey(waldur: Fixture.waldur, resource: Fixture.resource(1)),
            component: "tokens"
        )
        #expect(try month.amount(.metered, of: account).description == "42.00")
        #expect(try month.amount(.waiting, of: account) == month.amount(.metered, of: account))
    }
}
