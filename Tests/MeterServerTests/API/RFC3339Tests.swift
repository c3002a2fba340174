import MeterTesting
import MeterWire
import Testing

@testable import MeterServer

struct RFC3339Tests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T01:00:00+01:00", 0),
            ("2000-02-29T12:34:56.789Z", 951_827_696_789),
            ("2026-11-22T10:30:00.125Z", 1_795_343_400_125),
            ("2026-11-22t10:30:00.125999999z", 1_795_343_400_125),
            ("2026-11-22T05:00:00.125-05:30", 1_795_343_400_125),
            ("2016-12-31T23:59:60Z", 1_483_228_799_999),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] as [(String, Int64)]
    )
    func `times are read to the millisecond`(text: String, milliseconds: Int64) {
        #expect(RFC3339.time(text) == Timestamp(milliseconds: milliseconds))
    }

    @Test(arguments: [
        "", "2026-11-22", "2026-11-22T10:30:00", "2026-11-22 10:30:00Z", "2026-11-22T10:30Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-11-22T24:00:00Z", "2026-11-22T10:60:00Z", "2026-11-22T10:30:61Z",
        "2026-11-22T10:30:00.Z", "2026-11-22T10:30:00.1234567890Z", "2026-11-22T10:30:00+1:00",
        "2026-11-22T10:30:00+0100", "2026-11-22T10:30:00+24:00", "2026-11-22T10:30:00Zx",
        "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01", "+2026-11-22T10:30:00Z",
        "２026-11-22T10:30:00Z",
    ])
    func `everything else is not a time`(text: String) {
        #expect(RFC3339.time(text) == nil)
    }

    @Test func `what is written is read again`() {
        var seed = Seed(0x7339)
        for _ in 0..<2_000 {
            let time = Timestamp(
                milliseconds: Int64.random(in: 0...253_402_300_799_999, using: &seed)
            )
            #expect(RFC3339.time(RFC3339.text(time)) == time)
        }
        #expect(RFC3339.text(Timestamp(milliseconds: 951_827_696_000)) == "2000-02-29T12:34:56Z")
        #expect(
            RFC3339.text(Timestamp(milliseconds: 951_827_696_007)) == "2000-02-29T12:34:56.007Z"
        )
    }

    @Test func `every day follows the one before`() {
        var previous = CivilDate(daysSince1970: -1)
        for day in 0..<60_000 {
            let date = CivilDate(daysSince1970: day)
            #expect(date.daysSince1970 == day)
            let isNext =
                date.day == previous.day + 1 && date.month == previous.month
                || date.day == 1 && date == previous.startOfNextMonth
            #expect(isNext, "\(date.text) after \(previous.text)")
            previous = date
        }
        #expect(CivilDate(year: 2026, month: 11, day: 22)?.daysSince1970 == 20_779)
        #expect(CivilDate(daysSince1970: 20_779).text == "2026-11-22")
        #expect(CivilDate(year: 2100, month: 2, day: 29) == nil)
    }
}
