import Meter
import MeterWaldur
import MeterWire
import Synchronization
import Testing

@testable import MeterServer

struct LiveTotalsTests {
    private let now = Timestamp(milliseconds: 1_795_343_400_125)

    private func source() -> FakeUsage {
        FakeUsage(
            [
                FakeUsage.Amount(
                    tenant: "acme",
                    agent: "bot",
                    access: nil,
                    component: "in",
                    minute: Minute(now) ?? Minute(rawValue: 0),
                    amount: 5
                ),
                FakeUsage.Amount(
                    tenant: "other",
                    agent: "bot",
                    access: nil,
                    component: "in",
                    minute: Minute(now) ?? Minute(rawValue: 0),
                    amount: 7
                ),
            ],
            now: now
        )
    }

    private func open(
        _ route: LiveTotalsRoute,
        query: String = "everySeconds=1",
        tenant: String = "acme",
        isStillAllowed: @escaping @Sendable () -> Bool = { true }
    ) throws(Problem) -> APIAnswer {
        try route.answer(
            APICall(
                caller: .localAdministrator,
                path: "/",
                parts: ["tenant": tenant],
                query: try QueryItems(query),
                isStillAllowed: isStillAllowed
            )
        )
    }

    @Test func `the first event has the totals of the moment, and the end says why`() async throws {
        let route = LiveTotalsRoute(source: source(), seats: LiveSeats(limit: 4))
        let asked = Asked()
        let answer = try open(route, isStillAllowed: { asked.next() })
        let next = try #require(answer.pieces)
        let first = String(decoding: try #require(await next()), as: UTF8.self)
        #expect(first.hasPrefix("event: totals\nid: 77\ndata: {\"tenant\":\"acme\""))
        #expect(first.contains(#"{"component":"in","total":"5","count":"1"}"#))
        #expect(first.contains(#""asOf":{"position":"77""#))
        #expect(first.hasSuffix("}\n\n"))
        let second = String(decoding: try #require(await next()), as: UTF8.self)
        #expect(second == "event: end\ndata: {\"reason\":\"not-allowed-any-more\"}\n\n")
        #expect(await next() == nil)
    }

    @Test func `streams beyond the limits are told to come again, and seats come free`() throws {
        let seats = LiveSeats(limit: 8)
        let route = LiveTotalsRoute(source: source(), seats: seats)
        var streams = try [open(route), open(route)]
        // A quarter is one tenant's.
        #expect(throws: Problem.self) { try open(route) }
        for tenant in ["a", "b", "c"] {
            streams += try [open(route, tenant: tenant), open(route, tenant: tenant)]
        }
        #expect(seats.count == 8)
        #expect(throws: Problem.self) { try open(route, tenant: "d") }
        streams.removeAll()
        #expect(seats.count == 0)
        streams.append(try open(route, tenant: "d"))
        #expect(seats.count == 1)
    }

    @Test(arguments: ["everySeconds=0", "everySeconds=61", "to=2026-11-01T00:00:00Z", "agents=x"])
    func `a stream that cannot be meant is refused, and takes no seat`(query: String) throws {
        let seats = LiveSeats(limit: 4)
        let route = LiveTotalsRoute(source: source(), seats: seats)
        #expect(throws: Problem.self) { try open(route, query: query) }
        #expect(seats.count == 0)
    }
}

/// Allowed once, and then not any more.
private final class Asked: Sendable {
    private let left = Mutex(1)

    func next() -> Bool {
        left.withLock { left in
            left -= 1
            return left >= 0
        }
    }
}
