import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct PlanPeriodSplitTests {
    /// 2026-11 in UTC.
    static let november = Fixture.billingPeriod("2026-11-01T00:00Z", "2026-12-01T00:00Z")

    private func split(_ periods: [(start: String, end: String?)]) -> [String] {
        let made = periods.enumerated().map { index, period in
            PlanPeriod(
                id: Fixture.period(UInt64(index)),
                start: Fixture.time(period.start),
                end: period.end.map { Fixture.time($0) }
            )
        }
        return PlanPeriodSplit(made, in: Self.november).spans.map { span in
            "\(span.period.id.low) \(TimeText.text(span.from) ?? "") \(TimeText.text(span.to) ?? "")"
        }
    }

    @Test func `a resource's first plan period begins with the minute of its start`() {
        #expect(
            split([("2026-11-10T08:15:59.999Z", nil)]) == ["0 2026-11-10T08:15Z 2026-12-01T00:00Z"]
        )
        #expect(
            split([("2026-11-10T08:15:00.000Z", nil)]) == ["0 2026-11-10T08:15Z 2026-12-01T00:00Z"]
        )
    }

    @Test func `the minute of a switch belongs to the old plan`() {
        let expected = [
            "0 2026-11-01T00:00Z 2026-11-10T08:16Z", "1 2026-11-10T08:16Z 2026-12-01T00:00Z",
        ]
        for second in ["00.000", "30.000", "59.999"] {
            let moment = "2026-11-10T08:15:\(second)Z"
            #expect(split([("2026-09-01T00:00Z", moment), (moment, nil)]) == expected)
            #expect(split([("2026-09-01T00:00Z", nil), (moment, nil)]) == expected)
        }
    }

    @Test func `of several switches in a minute the last wins`() {
        #expect(
            split([
                ("2026-09-01T00:00Z", nil), ("2026-11-10T08:15:01.000Z", nil),
                ("2026-11-10T08:15:02.000Z", nil), ("2026-11-10T08:15:03.000Z", nil),
            ]) == [
                "0 2026-11-01T00:00Z 2026-11-10T08:16Z", "3 2026-11-10T08:16Z 2026-12-01T00:00Z",
            ]
        )
        #expect(
            split([("2026-11-10T08:15:01.000Z", nil), ("2026-11-10T08:15:02.000Z", nil)])
                == [
                    "0 2026-11-10T08:15Z 2026-11-10T08:16Z",
                    "1 2026-11-10T08:16Z 2026-12-01T00:00Z",
                ]
        )
    }

    @Test func `the month's end comes before any plan rule`() {
        #expect(
            split([("2026-09-01T00:00Z", nil), ("2026-11-30T23:59:30.000Z", nil)])
                == ["0 2026-11-01T00:00Z 2026-12-01T00:00Z"]
        )
        #expect(
            split([("2026-09-01T00:00Z", nil), ("2026-10-31T23:59:30.000Z", nil)])
                == ["1 2026-11-01T00:00Z 2026-12-01T00:00Z"]
        )
        // Ended before the month by Waldur's stamp: nothing can be told for it in the month any more.
        #expect(
            split([
                ("2026-09-01T00:00Z", "2026-10-31T23:59:59.999Z"),
                ("2026-11-01T00:00:00.001Z", nil),
            ]) == ["1 2026-11-01T00:00Z 2026-12-01T00:00Z"]
        )
        #expect(
            split([
                ("2026-09-01T00:00Z", "2026-11-01T00:00:00.001Z"),
                ("2026-11-01T00:00:00.001Z", nil),
            ]) == [
                "0 2026-11-01T00:00Z 2026-11-01T00:01Z", "1 2026-11-01T00:01Z 2026-12-01T00:00Z",
            ]
        )
    }

    @Test func `the last plan period ends with the minute of its end`() {
        #expect(
            split([("2026-09-01T00:00Z", "2026-11-10T08:15:30.000Z")])
                == ["0 2026-11-01T00:00Z 2026-11-10T08:16Z"]
        )
        #expect(split([("2026-09-01T00:00Z", "2026-10-10T08:15Z")]) == [])
        #expect(split([("2026-12-01T00:00Z", nil)]) == [])
        #expect(split([]) == [])
    }

    @Test func `an end and a start that straddle a minute leave no minute without a plan`() {
        #expect(
            split([
                ("2026-09-01T00:00Z", "2026-11-10T08:15:59.999Z"),
                ("2026-11-10T08:16:00.000Z", nil),
            ]) == [
                "0 2026-11-01T00:00Z 2026-11-10T08:17Z", "1 2026-11-10T08:17Z 2026-12-01T00:00Z",
            ]
        )
    }

    @Test func `times beyond the calendar do no harm`() {
        let periods = [Int64.min, -1, 0, .max].enumerated().map { index, milliseconds in
            PlanPeriod(
                id: Fixture.period(UInt64(index)),
                start: Timestamp(milliseconds: milliseconds)
            )
        }
        #expect(PlanPeriodSplit(periods, in: Self.november).spans.map(\.period.id.low) == [2])
    }
}

extension Fixture {
    static func time(_ text: String) -> Timestamp {
        guard let time = TimeText.timestamp(text) else { preconditionFailure("\(text) is no time") }
        return time
    }

    static func billingPeriod(_ start: String, _ end: String) -> BillingPeriod {
        guard let from = TimeText.minute(start), let to = TimeText.minute(end),
            let period = BillingPeriod(waldur: waldur, month: november, start: from, end: to)
        else { preconditionFailure("\(start) to \(end) is no period") }
        return period
    }
}
