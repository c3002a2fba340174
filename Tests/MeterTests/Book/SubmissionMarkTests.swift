import FoundationEssentials
import Meter
import MeterWire
import Testing

/// What tells a Meter's own figures in Waldur from another's.
@Suite struct SubmissionMarkTests {
    private static let key = SubmissionKey(
        waldur: Fixture.waldur,
        resource: ResourceID(high: 1, low: 1),
        component: "tokens",
        planPeriod: PlanPeriodID(high: 2, low: 1),
        month: Fixture.november
    )

    @Test func `a mark is read as it is written, and nothing else is one`() {
        let mark = SubmissionMark(number: 17, position: 123_456, entry: 0x00fa_c1e2)
        #expect(mark.description == "meter 17, journal 123456, entry 0000000000fac1e2")
        #expect(SubmissionMark(mark.description) == mark)
        for text in [
            "", "meter 17", "meter 17, journal 1", "meter x, journal 1, entry 0000000000fac1e2",
            "meter 17, journal 1, entry fac1e2", "meter +17, journal 1, entry 0000000000fac1e2",
            "meter 17, journal 1, entry 0000000000FAC1E2",
            "Meter 17, journal 1, entry 0000000000fac1e2",
            "meter 17, journal 1, entry 0000000000fac1e2, and more",
        ] {
            #expect(SubmissionMark(text) == nil, "\(text)")
        }
    }

    @Test func `a row of an earlier version has the number only`() {
        let mark = SubmissionMark(number: 17, position: 5, entry: 6)
        #expect(mark.isIn(mark.description) && mark.isIn("meter 17"))
        #expect(!mark.isIn("meter 1") && !mark.isIn("meter 17, journal 5, entry 7"))
    }

    @Test func `two books that were one give other marks from their first difference on`() throws {
        func mark(after author: String) throws -> SubmissionMark {
            let book = try Book.open(BookDisk()).book
            let first = ReportingResumption(waldur: Fixture.waldur, month: Self.key.month)
            try book.append(.reportingResumed(first), author: author, at: Fixture.time)
            let intent = SubmissionIntent(
                number: 1,
                waldur: Self.key.waldur,
                resource: Self.key.resource,
                planPeriod: Self.key.planPeriod,
                month: Self.key.month,
                position: 9,
                items: [.init(component: "tokens", total: Quantity(1), amount: Hundredths(100))]
            )
            try book.append(.submissionIntended(intent), author: "test", at: Fixture.time)
            return try #require(book.state.openIntents[1]?.mark)
        }
        #expect(try mark(after: "a") == mark(after: "a"))
        let (one, other) = (try mark(after: "a"), try mark(after: "b"))
        #expect(one.number == other.number && one.position == other.position && one != other)
    }

    @Test func `the book keeps who wrote a foreign figure, and reads those of before`() throws {
        let mark = SubmissionMark(number: 3, position: 4, entry: .max)
        for writer in [nil, mark] {
            let found = ForeignFound(key: Self.key, usage: "4", confirmed: nil, writer: writer)
            let bytes = try JSONEncoder().encode(found)
            #expect(try JSONDecoder().decode(ForeignFound.self, from: bytes) == found)
        }
    }
}
