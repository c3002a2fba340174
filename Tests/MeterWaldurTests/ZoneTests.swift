import Foundation
import Meter
import MeterTesting
import MeterWire
import Testing

@testable import MeterWaldur

/// Months of IANA zones, against Foundation's calendar and against boundaries from the zones' published rules.
@Suite struct ZoneTests {
    static let zones = [
        "Europe/Tallinn", "Europe/London", "America/New_York", "America/St_Johns",
        "America/Asuncion", "America/Santiago", "Africa/Cairo", "Africa/Casablanca",
        "Asia/Kathmandu", "Asia/Tehran", "Asia/Beirut", "Asia/Tokyo", "Australia/Lord_Howe",
        "Pacific/Apia", "Pacific/Chatham", "UTC",
    ]

    private func start(_ month: String, _ zone: String) throws -> String {
        WaldurTime.text(
            try #require(BillingMonth(month)).start(in: try #require(WaldurZone(zone)))
        )
    }

    @Test func `months begin at midnight on the zone's clocks, in summer and in winter`() throws {
        #expect(try start("2026-03", "Europe/Tallinn") == "2026-02-28T22:00:00Z")
        #expect(try start("2026-04", "Europe/Tallinn") == "2026-03-31T21:00:00Z")
        #expect(try start("2026-11", "Europe/Tallinn") == "2026-10-31T22:00:00Z")
        #expect(try start("2026-07", "Asia/Kathmandu") == "2026-06-30T18:15:00Z")
        #expect(try start("2026-07", "America/New_York") == "2026-07-01T04:00:00Z")
        #expect(try start("2026-07", "+05:30") == "2026-06-30T18:30:00Z")
        // Clocks were set from midnight to one: the month began at one o'clock.
        #expect(try start("2017-10", "America/Asuncion") == "2017-10-01T04:00:00Z")
        #expect(WaldurZone("Europe/Atlantis") == nil && WaldurZone("Tallinn") == nil)
        #expect(WaldurZone("CST") == nil, "it means several zones")
    }

    /// Random moments, and moments around each month's end and each change of the clocks.
    @Test(arguments: ZoneTests.zones) func `a moment's month is the calendar's`(
        _ name: String
    ) throws {
        let zone = try #require(WaldurZone(name))
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: name))
        var random = Seed(7)
        let first = try #require(WaldurTime.parse("2016-01-01T00:00:00Z")).milliseconds
        let last = try #require(WaldurTime.parse("2040-01-01T00:00:00Z")).milliseconds
        var moments = (0..<2_000).map { _ in Int64.random(in: first..<last, using: &random) }
        var month = try #require(BillingMonth("2016-02"))
        while month.year < 2040 {
            let start = month.start(in: zone).milliseconds
            moments += [-3_600_000, -60_000, -1, 0, 1, 60_000, 3_600_000].map { start + $0 }
            month = month.next
        }
        var change = calendar.timeZone.nextDaylightSavingTimeTransition(
            after: Date(timeIntervalSince1970: TimeInterval(first / 1000))
        )
        while let at = change, Int64(at.timeIntervalSince1970) * 1000 < last {
            let moment = Int64(at.timeIntervalSince1970) * 1000
            moments += [-3_600_001, -1, 0, 1, 3_600_000].map { moment + $0 }
            change = calendar.timeZone.nextDaylightSavingTimeTransition(after: at)
        }
        for moment in moments {
            let date = Date(timeIntervalSince1970: TimeInterval(moment) / 1000)
            let parts = calendar.dateComponents([.year, .month], from: date)
            let found = BillingMonth(of: Timestamp(milliseconds: moment), in: zone)
            #expect(
                found?.year == parts.year && found?.month == parts.month,
                "\(name) at \(moment): \(found?.description ?? "none")"
            )
        }
    }

    @Test(arguments: ZoneTests.zones) func `months follow one another without a gap`(
        _ name: String
    ) throws {
        let zone = try #require(WaldurZone(name))
        var month = try #require(BillingMonth("1971-01"))
        while month.year < 2100 {
            let (start, end) = (month.start(in: zone), month.end(in: zone))
            #expect(start < end && start.milliseconds % 60_000 == 0)
            #expect(BillingMonth(of: start, in: zone) == month)
            #expect(
                BillingMonth(of: start.advanced(byMilliseconds: -1), in: zone) == month.previous)
            month = month.next
        }
    }

    @Test func `a month of 745 hours is told to its own end`() async throws {
        // Clocks in Tallinn go back on 25 October: the month ends at 22:00, not at 21:00.
        let zone = try #require(WaldurZone("Europe/Tallinn"))
        let simulation = try Simulation(
            at: #require(WaldurTime.parse("2026-10-31T20:00:00Z")),
            zone: zone,
            timeZone: "Europe/Tallinn",
            activated: "2026-10-10T00:00:00Z"
        )
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 3, by: "researcher")
        await simulation.run(until: "2026-10-31T21:40:00Z")
        simulation.use("agent_calls", 4, by: "researcher")
        await simulation.run(until: "2026-10-31T21:59:00Z")
        #expect(simulation.shown(0, "agent_calls") == ["7.00"])
        simulation.use("agent_calls", 2, by: "researcher")
        await simulation.run(until: "2026-10-31T22:00:05Z")
        try simulation.world.runMonthlyTask()
        await simulation.run(until: "2026-10-31T22:45:00Z")
        #expect(simulation.carries == ["2026-10 agent_calls tail 2.00 landed"])
        #expect(
            simulation.world.rows.filter { $0.key.contains(" agent_calls ") }
                .map { "\($0.key.suffix(7)) \($0.value)" }.sorted() == [
                    "2026-10 7.00", "2026-11 2.00",
                ]
        )
        #expect(simulation.violations.isEmpty)
    }
}
