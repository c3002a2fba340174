import Meter
import MeterTesting
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// What claims are compared with, read from usage and details at one position.
struct ClaimReadingTests {
    private let world = BillingTests()

    private func reading(_ source: any UsageSource, _ server: TestServer) -> ClaimReading {
        ClaimReading(source: source) {
            ClaimReconciliation.Claims(
                sources: server.context.engine.sources(),
                book: server.context.book.state,
                horizon: server.context.engine.options.frameHorizonMilliseconds,
                now: server.context.clock.now()
            )
        }
    }

    private func period(
        _ server: TestServer,
        _ waldur: WaldurID,
        _ zone: WaldurZone = .utc
    ) throws -> BillingPeriod {
        let month = try #require(BillingMonth(of: server.context.clock.now(), in: .utc))
        let start = try #require(Minute(month.start(in: zone)))
        let end = try #require(Minute(month.end(in: zone)))
        return try #require(
            BillingPeriod(waldur: waldur, month: month, start: start, end: end)
        )
    }

    /// A source with a hole of 2 events, of which nobody says what they were.
    private func addHole(_ server: TestServer) async throws {
        let text = try await server.makeKey(#"{"kind":"wire","platform":["acme"]}"#)
        let key = try #require(WireKey(text: text))
        var maker = FrameMaker(source: 1, protection: .signed(key))
        let receiver = Receiver(engine: server.context.engine)
        for number in 0..<3 {
            let event = UsageEvent(
                time: server.context.clock.now(),
                tenant: "acme",
                agent: "one",
                amounts: [.init("in", 1)]
            )
            let frame = maker.frame([event, event])
            guard number != 1 else { continue }
            let outcome = unsafe frame.withUnsafeBytes {
                unsafe receiver.ingest(frame: $0, at: server.context.clock.now(), by: .tcp)
            }
            #expect(outcome.disposition == .new)
        }
    }

    @Test
    func `details have what usage has, and a gap is told of once for Waldurs of one calendar`()
        async throws
    {
        let (server, _) = try await world.server()
        try await addHole(server)
        let door = EngineDoor(context: server.context, reporting: nil)
        let east = try #require(WaldurZone("+02:00"))
        let periods = [
            try period(server, "tartu"), try period(server, "tallinn"),
            try period(server, "narva", east),
        ]
        let found = try await reading(door, server).compare(periods, of: nil)
        #expect(found.map(\.waldurs) == [["narva"], ["tallinn", "tartu"]])
        let lines = try #require(found.last).lines
        #expect(lines.map { $0.ledger.description } == ["13084", "987654321"])
        let causes = lines.map { Set($0.shares.map(\.cause)) }
        // Counts agree; what is missing is the hole, and it is said once.
        #expect(!causes.joined().contains(.countsDisagree))
        #expect(lines[0].claimed == nil && lines[0].shares.count { $0.cause == .inFlight } == 1)
        let one = try await reading(door, server).compare([periods[0]], of: "other")
        #expect(one.map { $0.lines.map { $0.ledger.description } } == [["987654321"]])
    }

    @Test func `usage without its details is named with its agent`() async throws {
        let (server, _) = try await world.server()
        let now = server.context.clock.now()
        let minute = try #require(Minute(now))
        let usage = FakeUsage(
            [("idle", 0), ("busy", 8)].map { agent, amount in
                FakeUsage.Amount(
                    tenant: "acme",
                    agent: agent,
                    access: nil,
                    component: "in",
                    minute: minute,
                    amount: amount
                )
            },
            now: now
        )
        let found = try await reading(usage, server).compare([try period(server, "w")], of: nil)
        let shares = found.flatMap(\.lines).flatMap(\.shares)
        #expect(shares.map(\.cause) == [.countsDisagree])
        #expect(shares.first?.quantity?.description == "-8")
        #expect(shares.first?.note?.hasPrefix("agent busy: ") ?? false)
    }
}
