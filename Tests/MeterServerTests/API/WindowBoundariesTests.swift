import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// Expected boundaries are written as UTC texts, worked out from the published rules of each zone.
struct WindowBoundariesTests {
    private func minute(_ text: String) throws -> Minute {
        try #require(RFC3339.time(text).flatMap { Minute($0) })
    }

    private func boundaries(
        _ from: String,
        _ to: String,
        _ size: WindowSize?,
        _ zone: String,
        limit: Int = 10_000
    ) throws -> [String] {
        let (first, last) = (try minute(from), try minute(to))
        let offsets = try #require(
            ZoneOffsets(
                zone: zone,
                from: Int(first.rawValue) * 60,
                to: Int(last.rawValue) * 60
            )
        )
        return try WindowBoundaries.boundaries(
            from: first,
            to: last,
            size: size,
            offsets: offsets,
            limit: limit
        ).map { RFC3339.text($0) }
    }

    @Test func `without a size there is one window`() throws {
        #expect(
            try boundaries("2026-01-01T00:07:00Z", "2026-03-01T00:00:00Z", nil, "Europe/Berlin")
                == ["2026-01-01T00:07:00Z", "2026-03-01T00:00:00Z"]
        )
    }

    @Test func `a day in Berlin has 23 hours in spring and 25 in autumn`() throws {
        #expect(
            try boundaries("2026-03-27T23:00:00Z", "2026-03-30T22:00:00Z", .day, "Europe/Berlin")
                == [
                    "2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z",
                    "2026-03-30T22:00:00Z",
                ]
        )
        #expect(
            try boundaries("2026-10-23T22:00:00Z", "2026-10-26T23:00:00Z", .day, "Europe/Berlin")
                == [
                    "2026-10-23T22:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z",
                    "2026-10-26T23:00:00Z",
                ]
        )
    }

    @Test func `the hour that Berlin shows twice is two windows, the one that it skips is none`()
        throws
    {
        let autumn = try boundaries(
            "2026-10-24T23:00:00Z",
            "2026-10-25T03:00:00Z",
            .hour,
            "Europe/Berlin"
        )
        #expect(
            autumn == [
                "2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z",
                "2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z",
            ]
        )
        let spring = try boundaries(
            "2026-03-29T00:00:00Z",
            "2026-03-29T03:00:00Z",
            .hour,
            "Europe/Berlin"
        )
        #expect(
            spring == [
                "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z",
                "2026-03-29T03:00:00Z",
            ]
        )
    }

    @Test func `hours in Kolkata begin at half past in UTC`() throws {
        #expect(
            try boundaries("2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z", .hour, "Asia/Kolkata")
                == [
                    "2026-01-01T00:00:00Z", "2026-01-01T00:30:00Z", "2026-01-01T01:30:00Z",
                    "2026-01-01T02:00:00Z",
                ]
        )
    }

    /// Clocks move by half an hour: on 2026-04-05 from 02:00 (+11) to 01:30 (+10:30), at 15:00 UTC of
    /// the day before; on 2026-10-04 from 02:00 (+10:30) to 02:30 (+11), at 15:30 UTC.
    @Test func `hours on Lord Howe have 90 minutes in autumn and 30 in spring`() throws {
        #expect(
            try boundaries(
                "2026-04-04T13:00:00Z",
                "2026-04-04T17:00:00Z",
                .hour,
                "Australia/Lord_Howe"
            )
                == [
                    "2026-04-04T13:00:00Z", "2026-04-04T14:00:00Z", "2026-04-04T15:30:00Z",
                    "2026-04-04T16:30:00Z", "2026-04-04T17:00:00Z",
                ]
        )
        #expect(
            try boundaries(
                "2026-10-03T14:30:00Z",
                "2026-10-03T17:00:00Z",
                .hour,
                "Australia/Lord_Howe"
            )
                == [
                    "2026-10-03T14:30:00Z", "2026-10-03T15:30:00Z", "2026-10-03T16:00:00Z",
                    "2026-10-03T17:00:00Z",
                ]
        )
    }

    @Test func `months follow the zone's clocks`() throws {
        #expect(
            try boundaries("2026-02-28T23:00:00Z", "2026-06-01T00:00:00Z", .month, "Europe/Berlin")
                == [
                    "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z",
                    "2026-05-31T22:00:00Z", "2026-06-01T00:00:00Z",
                ]
        )
        #expect(
            try boundaries(
                "2025-11-30T10:00:00Z",
                "2026-02-01T00:00:00Z",
                .month,
                "Pacific/Kiritimati"
            )
                == [
                    "2025-11-30T10:00:00Z", "2025-12-31T10:00:00Z", "2026-01-31T10:00:00Z",
                    "2026-02-01T00:00:00Z",
                ]
        )
        #expect(
            try boundaries("2027-12-15T00:00:00Z", "2028-03-15T00:00:00Z", .month, "UTC")
                == [
                    "2027-12-15T00:00:00Z", "2028-01-01T00:00:00Z", "2028-02-01T00:00:00Z",
                    "2028-03-01T00:00:00Z", "2028-03-15T00:00:00Z",
                ]
        )
    }

    /// Santiago moved its clocks at midnight: 2026-09-06 begins at 01:00 there, 04:00 UTC.
    @Test func `a day whose midnight is skipped begins with its first moment`() throws {
        #expect(
            try boundaries("2026-09-05T04:00:00Z", "2026-09-07T03:00:00Z", .day, "America/Santiago")
                == ["2026-09-05T04:00:00Z", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"]
        )
    }

    /// Apia went from the 29th to the 31st of December 2011 at 10:00 UTC of the 30th.
    @Test func `a date that a zone skipped has no window`() throws {
        #expect(
            try boundaries("2011-12-29T10:00:00Z", "2012-01-01T10:00:00Z", .day, "Pacific/Apia")
                == [
                    "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z",
                    "2012-01-01T10:00:00Z",
                ]
        )
    }

    /// A clock that goes back at 00:01 shows the old date again; the new one has begun all the same.
    @Test func `a date begins once, also where clocks go back over midnight`() throws {
        let day = 20_000 * 86_400
        let offsets = ZoneOffsets(stretches: [
            ZoneOffsets.Stretch(start: day - 90_000, offset: 0),
            ZoneOffsets.Stretch(start: day + 60, offset: -3_600),
        ])
        let found = try WindowBoundaries.boundaries(
            from: Minute(rawValue: UInt32(day / 60 - 1_440)),
            to: Minute(rawValue: UInt32(day / 60 + 1_500)),
            size: .day,
            offsets: offsets,
            limit: 10
        )
        #expect(found.map { Int($0.rawValue) - day / 60 } == [-1_440, 0, 1_500])
    }

    @Test func `a window that would begin inside a minute is refused`() {
        let offsets = ZoneOffsets(stretches: [ZoneOffsets.Stretch(start: 0, offset: -2_670)])
        #expect(throws: WindowBoundaries.Failure.notAtAMinute) {
            try WindowBoundaries.boundaries(
                from: Minute(rawValue: 0),
                to: Minute(rawValue: 1_440),
                size: .hour,
                offsets: offsets,
                limit: 100
            )
        }
    }

    @Test func `the number of windows is bounded before they are made`() throws {
        #expect(throws: WindowBoundaries.Failure.tooMany(limit: 60)) {
            try boundaries(
                "2026-01-01T00:00:00Z",
                "2026-01-01T01:01:00Z",
                .minute,
                "UTC",
                limit: 60
            )
        }
        #expect(
            try boundaries(
                "2026-01-01T00:00:00Z",
                "2026-01-01T01:00:00Z",
                .minute,
                "UTC",
                limit: 60
            ).count
                == 61
        )
        #expect(throws: WindowBoundaries.Failure.tooMany(limit: 2)) {
            try boundaries("2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z", .day, "UTC", limit: 2)
        }
    }

    @Test(arguments: [
        "Europe/Nowhere", "", "CEST", "berlin", "+01:00", "GMT+1", "../etc/passwd", "PST",
    ])
    func `only IANA names are zones`(zone: String) {
        #expect(ZoneOffsets(zone: zone, from: 0, to: 86_400) == nil)
    }

    /// The windows of any period of any zone are ascending and make up the period.
    @Test(arguments: [
        "UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kathmandu",
        "Australia/Lord_Howe", "Africa/Casablanca", "Antarctica/Troll", "Pacific/Chatham",
        "America/Havana", "Asia/Tehran",
    ])
    func `windows make up their period`(zone: String) throws {
        for size in [WindowSize.hour, .day, .month] {
            let found = try boundaries("2026-01-01T00:13:00Z", "2026-12-31T23:59:00Z", size, zone)
            #expect(found.first == "2026-01-01T00:13:00Z")
            #expect(found.last == "2026-12-31T23:59:00Z")
            #expect(zip(found, found.dropFirst()).allSatisfy { $0 < $1 })
            let expected = size == .hour ? 8_760 : size == .day ? 365 : 12
            #expect(abs(found.count - 1 - expected) <= 3, "\(size) in \(zone): \(found.count)")
        }
    }
}
