import MeterWire
import Testing

@testable import MeterServer

struct QueryTests {
    @Test func `queries are decoded strictly`() throws {
        let items = try QueryItems(
            "subject=a%20b&subject=c+d&from=2026-01-01T00%3A00%3A00%2B01:00&x"
        )
        #expect(items.all("subject") == ["a b", "c d"])
        #expect(try items.one("from") == "2026-01-01T00:00:00+01:00")
        #expect(try items.one("x") == "")
        #expect(try items.one("missing") == nil)
        #expect(throws: Problem.self) { try items.one("subject") }
        for bad in ["a=%", "a=%2", "a=%GG", "a=%FF", "a=%C3%28", "%ED%A0%80=1"] {
            #expect(throws: Problem.self, "\(bad)") { try QueryItems(bad) }
        }
        #expect(throws: Problem.self) {
            try QueryItems(String(repeating: "a=1&", count: 257))
        }
    }

    @Test func `a misspelt filter is refused instead of ignored`() throws {
        let items = try QueryItems("subjct=a")
        #expect(throws: Problem.self) { try items.allow(["subject"]) }
        do throws(Problem) {
            try items.allow(["subject", "from"])
        } catch {
            #expect(error.status == 400)
            #expect(error.detail.contains("subjct"))
            #expect(error.detail.contains("subject"))
        }
    }

    private let now = Timestamp(milliseconds: 1_795_343_400_125)

    private func period(_ query: String) throws(Problem) -> UsagePeriod {
        try UsagePeriod(try QueryItems(query), now: now)
    }

    @Test func `without a period it is this month in the zone`() throws {
        let utc = try period("")
        #expect(RFC3339.text(utc.from) == "2026-11-01T00:00:00Z")
        #expect(RFC3339.text(utc.to) == "2026-11-22T10:31:00Z")
        #expect(utc.windowCount == 1)
        let berlin = try period("windowTimeZone=Europe/Berlin&windowSize=DAY")
        #expect(RFC3339.text(berlin.from) == "2026-10-31T23:00:00Z")
        #expect(berlin.windowCount == 22)
        let later = try period("windowTimeZone=Pacific/Kiritimati")
        #expect(RFC3339.text(later.from) == "2026-10-31T10:00:00Z")
    }

    @Test(arguments: [
        "from=2026-11-22", "from=2026-11-01T00:00:30Z", "from=2026-11-01T00:00:00.001Z",
        "from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z",
        "from=2026-11-01T00:00:00Z&to=2026-11-01T00:00:00Z", "windowSize=day", "windowSize=WEEK",
        "windowTimeZone=Mars/Olympus", "from=2026-11-01T00:00:00Z&from=2026-11-02T00:00:00Z",
        "from=1950-01-01T00:00:00Z",
    ])
    func `a period that makes no sense is refused`(query: String) {
        do throws(Problem) {
            _ = try period(query)
            Issue.record("\(query) was taken")
        } catch {
            #expect(error.status == 400)
        }
    }

    @Test(arguments: [
        "windowSize=MINUTE&from=2026-01-01T00:00:00Z", "windowSize=HOUR&from=2020-01-01T00:00:00Z",
        "windowSize=DAY&from=1980-01-01T00:00:00Z",
    ])
    func `a series that is too long is refused before it is made`(query: String) {
        do throws(Problem) {
            _ = try period(query)
            Issue.record("\(query) was taken")
        } catch {
            #expect(error.status == 422)
        }
    }

    @Test func `an answer with too many rows is refused`() throws {
        let week = try period("windowSize=MINUTE&from=2026-11-15T10:31:00Z")
        #expect(week.windowCount == 10_080)
        try week.checkCost(groupCount: 9)
        #expect(throws: Problem.self) { try week.checkCost(groupCount: 10) }
    }
}
