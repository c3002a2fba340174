import Meter
@testable import MeterWaldur
import MeterWire
import Testing

/// How an offering's components are fed, from what Waldur shows, what the book says and what a person says.
@Suite struct OfferingSyncTests {
    private let engine: FakeEngine
    private let offering: WaldurOffering

    init() async throws {
        let world = try DoubleWorld(milliseconds: Simulation.midMonth.milliseconds)
        let client = WaldurClient(transport: WorldTransport(world: world)) { Simulation.midMonth }
        offering = try await client.offering(try #require(OfferingID(DoubleWorld.offering)))
        engine = try FakeEngine(at: Simulation.midMonth)
        try engine.book([
            .componentDeclared(Component(name: "agent_calls", unit: "call")),
            .componentDeclared(Component(name: "input_tokens", unit: "token")),
            .componentDeclared(Component(name: "cached_tokens", unit: "token")),
            .componentDeclared(Component(name: "tool_seconds", unit: "ms")),
            .componentDeclared(Component(name: "capped", unit: "thing")),
        ])
    }

    private func sync(_ feeds: String..., bills: [String] = []) throws -> OfferingSync {
        try OfferingSync(
            offering,
            given: OfferingWishes(
                feeds: feeds.map { try #require(OfferingFeeds($0)) },
                bills: bills.map { try #require(OfferingBills($0)) }
            ),
            waldur: Simulation.waldur,
            book: engine.bookState
        )
    }

    private func row(_ sync: OfferingSync, _ component: Name) throws -> OfferingSync.Row {
        try #require(sync.rows.first { $0.component == component })
    }

    @Test func `units are told by their names, and what they do not tell is asked for`() throws {
        let sync = try sync()
        #expect(try row(sync, "agent_calls").decision?.unitsPerReported == 1)
        let seconds = try row(sync, "tool_seconds")
        #expect(seconds.state == .new && seconds.decision?.unitsPerReported == 1000)
        #expect(seconds.decision?.fedBy == nil && seconds.decision?.reportedUnit == "s")
        #expect(try row(sync, "base_fee").state == .notByUsage)
        #expect(try row(sync, "unpriced").state == .notFed)
        guard case .unitUnknown(let detail) = try row(sync, "capped").state else {
            Issue.record("\(try row(sync, "capped").state)")
            return
        }
        #expect(detail.contains("--feed capped=capped:N"))
        #expect(sync.decisions.count == 3)
    }

    @Test func `what was booked stays, and is not booked again`() throws {
        try engine.book(try sync("capped=capped:12").decisions)
        let again = try sync()
        #expect(again.decisions.isEmpty)
        #expect(
            try row(again, "capped").feeds == [
                .init(component: "capped", ratio: try #require(UnitRatio(12)))
            ])
        #expect(try row(again, "tool_seconds").state == .unchanged)
    }

    @Test
    func `which outcomes are billed is booked, stays, and can be taken back until it was told`()
        throws
    {
        #expect(try row(try sync(), "agent_calls").bills == .all)
        let some = try sync("capped=capped:12", bills: ["capped=ok,cached", "agent_calls=ok"])
        #expect(try row(some, "capped").decision?.bills?.texts == ["ok", "cached"])
        #expect(try row(some, "agent_calls").decision?.bills?.free == [.error, .refused, .cached])
        #expect(try row(some, "tool_seconds").decision?.bills == nil)
        try engine.book(some.decisions)
        #expect(try sync().decisions.isEmpty)
        // A factor that no name tells stays with it.
        let other = try row(try sync(bills: ["capped=ok"]), "capped")
        #expect(other.state == .changed && other.decision?.unitsPerReported == 12)
        let back = try sync(bills: ["agent_calls=ok,error,refused,cached"])
        #expect(try row(back, "agent_calls").state == .changed)
        try engine.book(back.decisions)
        #expect(engine.bookState.billing.offeringUnits.values.count { $0.bills != nil } == 1)
        #expect(throws: ReporterTrouble.self) { try self.sync(bills: ["base_fee=ok"]) }
        #expect(throws: ReporterTrouble.self) {
            try self.sync(bills: ["capped=ok", "capped=ok,error"])
        }
    }

    @Test(arguments: [
        "tokens=error", "tokens=ok,ok", "tokens=ok,failed", "tokens", "=ok", "tokens=",
    ])
    func `what names no outcomes is refused`(text: String) { #expect(OfferingBills(text) == nil) }

    @Test func `several components by any ratio have one common unit`() throws {
        let sync = try sync("agent_calls=input_tokens:7/3,cached_tokens:14")
        let unit = try #require(try row(sync, "agent_calls").decision)
        // One call is 14 base units: a token 6 of them, a cached token 1.
        #expect(unit.unitsPerReported == 14)
        #expect(unit.feeds.map(\.weight) == [6, 1])
        #expect(OfferingSync.ratios(unit).map(\.ratio.description) == ["7/3", "14"])
        // What feeds another component no longer makes up the one of its own name.
        #expect(try row(sync, "input_tokens").state == .notFed)
        try engine.book(sync.decisions)
        #expect(try row(try self.sync(), "input_tokens").state == .notFed)
        let refused = try self.sync("capped=input_tokens:1")
        #expect(
            try row(refused, "capped").state
                == .refused(.feedsAnother("input_tokens", "agent_calls"))
        )
    }

    @Test func `a component that the offering does not bill by usage cannot be fed`() throws {
        #expect(throws: ReporterTrouble.self) { try sync("base_fee=input_tokens") }
        #expect(throws: ReporterTrouble.self) { try sync("capped=capped:1", "capped=capped:2") }
        let unknown = try sync("capped=nothing:1")
        #expect(try row(unknown, "capped").state == .refused(.unknownComponent("nothing")))
    }

    @Test(arguments: [
        ("token", "ktok", "1000"), ("token", "1k tokens", "1000"), ("tokens", "Mtoken", "1000000"),
        ("token", "1000 tokens", "1000"), ("ktok", "token", "1/1000"), ("ms", "h", "3600000"),
        ("s", "min", "60"), ("s", "ms", "1/1000"), ("call", "calls", "1"), ("MiB", "GiB", "1024"),
        ("B", "MB", "1000000"), ("token", "million tokens", "1000000"), ("x", "x", "1"),
    ])
    func `names of units tell their ratio`(smallest: String, measured: String, ratio: String) {
        #expect(UnitRatio.between(smallest: smallest, measured: measured)?.description == ratio)
    }

    @Test(arguments: [
        ("token", "call"), ("token", "unit"), ("x", "kx"), ("ms", "kh"), ("token", ""),
        ("token", "0 tok"),
        ("token", "99999999999999999999 tok"), ("s", "m"),
    ])
    func `names that do not tell it are not guessed at`(smallest: String, measured: String) {
        #expect(UnitRatio.between(smallest: smallest, measured: measured) == nil)
    }

    @Test(arguments: [
        "", "a", "a=", "=b", "a=b:", "a=b:0", "a=b:1/0", "a=b,,c", "a=b:x", "a=b:1/2/3",
    ])
    func `what is no feed is refused`(text: String) {
        #expect(OfferingFeeds(text) == nil)
    }
}
