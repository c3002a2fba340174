import Meter
import MeterTesting
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// Which months the book says that nobody needs the journal for any more.
@Suite struct ReleasedTimeTests {
    private let book: Book

    init() throws { (book, _, _) = try Book.open(SimulatedDisk()) }

    private static func time(_ text: String) throws -> Timestamp {
        try #require(TimeText.timestamp(text))
    }

    private func bind(
        _ number: UInt64, _ tenant: Name, from: String, to: String? = nil,
        in waldur: WaldurID = "first"
    ) throws {
        let access = AccessID(high: 1, low: number)
        let began = try Self.time(from)
        let start = try #require(Minute(began))
        let end = try to.flatMap { try Minute(Self.time($0)) }
        let text = String(repeating: "0", count: 31) + "\(number)"
        let binding = Binding(
            access: access, tenant: tenant, agent: "bot", waldur: waldur,
            resource: try #require(ResourceID(text)), from: start, to: end, class: .live)
        try append(
            [
                .accessMade(Access(id: access, tenant: tenant, agent: "bot")),
                .bindingSet(binding),
            ], at: "2026-01-01T00:00Z")
    }

    private func append(_ decisions: [Decision], at text: String) throws {
        try book.append(decisions, author: "test", at: try Self.time(text))
    }

    private func cut(_ month: String, in waldur: WaldurID = "first") throws {
        let month = try #require(BillingMonth(month))
        try append(
            [.periodCut(PeriodCut(waldur: waldur, month: month, position: 1))],
            at: "2026-11-01T00:00Z")
    }

    private func close(
        _ month: String, _ tenant: Name, at text: String, in waldur: WaldurID = "first"
    ) throws {
        try append(
            [
                .periodClosed(
                    PeriodClosed(
                        waldur: waldur, month: try #require(BillingMonth(month)), tenant: tenant,
                        revision: 1, statement: String(repeating: "a", count: 64)))
            ], at: text)
    }

    private func released(at now: String, days: Int = 35) throws -> String? {
        let zones: [WaldurID: WaldurZone] = [
            "first": .utc, "east": try #require(WaldurZone("+02:00")),
        ]
        let time = ReleasedTime(
            book: book.state, zones: zones, now: try Self.time(now), ageDays: 100)
        return TimeText.text(time.released(closedForDays: days))
    }

    @Test func `without a binding age decides`() throws {
        #expect(try released(at: "2026-11-26T00:00Z") == "2026-08-18T00:00:00.000Z")
    }

    @Test func `a month is released when its last tenant has been closed for so many days`() throws
    {
        try bind(1, "acme", from: "2026-08-03T00:00Z")
        try bind(2, "globex", from: "2026-09-10T00:00Z")
        // Before the first binding age decides, and nothing of August goes before it is closed.
        #expect(try released(at: "2026-10-10T00:00Z") == "2026-07-02T00:00:00.000Z")
        #expect(try released(at: "2026-12-31T00:00Z") == "2026-08-01T00:00:00.000Z")
        try cut("2026-08")
        try close("2026-08", "acme", at: "2026-11-02T00:00Z")
        #expect(try released(at: "2026-12-06T23:59Z") == "2026-08-01T00:00:00.000Z")
        #expect(try released(at: "2026-12-07T00:00Z") == "2026-09-01T00:00:00.000Z")
        #expect(try released(at: "2026-11-02T00:00Z", days: 0) == "2026-09-01T00:00:00.000Z")
        // The second month has two tenants.
        try cut("2026-09")
        try close("2026-09", "acme", at: "2026-11-03T00:00Z")
        #expect(try released(at: "2027-02-01T00:00Z") == "2026-09-01T00:00:00.000Z")
        try close("2026-09", "globex", at: "2026-12-01T00:00Z")
        #expect(try released(at: "2027-01-04T23:00Z") == "2026-09-01T00:00:00.000Z")
        #expect(try released(at: "2027-01-05T00:00Z") == "2026-10-01T00:00:00.000Z")
    }

    @Test func `a month that is opened again holds everything from there on`() throws {
        try bind(1, "acme", from: "2026-08-03T00:00Z")
        for month in ["2026-08", "2026-09"] {
            try cut(month)
            try close(month, "acme", at: "2026-11-02T00:00Z")
        }
        #expect(try released(at: "2027-01-10T00:00Z") == "2026-10-01T00:00:00.000Z")
        try append(
            [
                .periodReopened(
                    PeriodReopened(
                        waldur: "first", month: try #require(BillingMonth("2026-08")),
                        tenant: "acme", revision: 1, reason: "ticket 1"))
            ], at: "2027-01-09T00:00Z")
        #expect(try released(at: "2027-01-10T00:00Z") == "2026-08-01T00:00:00.000Z")
    }

    @Test func `of several Waldurs the one that is behind decides, in its own zone`() throws {
        try bind(1, "acme", from: "2026-08-03T00:00Z")
        try bind(2, "globex", from: "2026-08-03T00:00Z", in: "east")
        for month in ["2026-08", "2026-09"] {
            try cut(month)
            try close(month, "acme", at: "2026-11-02T00:00Z")
        }
        try cut("2026-08", in: "east")
        try close("2026-08", "globex", at: "2026-11-02T00:00Z", in: "east")
        #expect(try released(at: "2027-01-10T00:00Z") == "2026-08-31T22:00:00.000Z")
    }

    @Test func `a month without bindings is closed at its end`() throws {
        try bind(1, "acme", from: "2026-08-03T00:00Z", to: "2026-08-20T00:00Z")
        try cut("2026-08")
        try close("2026-08", "acme", at: "2026-09-02T00:00Z")
        #expect(try released(at: "2026-12-10T00:00Z") == "2026-11-01T00:00:00.000Z")
    }
}
