package import Meter
package import MeterWire

extension BillingMonth {
    /// The month in which a moment lies, in the given zone; nil outside the years 1970...9999.
    ///
    /// Months follow one another without a gap: where clocks that are set back show the last day of a month
    /// again, its next month has begun all the same.
    package init?(of time: Timestamp, in zone: WaldurZone) {
        guard time.milliseconds >= 0, time.milliseconds < 253_000_000_000_000 else { return nil }
        let (year, number, _) = CivilDate.date(ofDay: zone.day(of: time))
        guard let month = BillingMonth(year: year, month: number) else { return nil }
        self = month.next.start(in: zone) <= time ? month.next : month
    }

    /// The month after this one; the last month there is follows itself.
    package var next: BillingMonth {
        BillingMonth(year: month == 12 ? year + 1 : year, month: month == 12 ? 1 : month + 1)
            ?? self
    }

    /// The month before this one; the first month there is follows itself.
    package var previous: BillingMonth {
        BillingMonth(year: month == 1 ? year - 1 : year, month: month == 1 ? 12 : month - 1)
            ?? self
    }

    /// The month's first moment.
    package func start(in zone: WaldurZone) -> Timestamp {
        zone.start(ofDay: CivilDate.day(year: year, month: month, day: 1))
    }

    /// The first moment that no longer belongs to the month.
    package func end(in zone: WaldurZone) -> Timestamp { next.start(in: zone) }

    /// `2026-11-01`, as Waldur writes billing periods.
    package var firstDay: String { description + "-01" }

    /// Reads `2026-11-01`; nil for anything but the first day of a month.
    package init?(firstDay text: some StringProtocol) {
        guard text.hasSuffix("-01") else { return nil }
        self.init(text.dropLast(3))
    }
}

/// Days and dates of the Gregorian calendar (Howard Hinnant's `civil_from_days`).
enum CivilDate {
    static let dayMilliseconds: Int64 = 86_400_000

    /// Days since 1970-01-01.
    static func day(year: Int, month: Int, day: Int) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return Int64(era * 146_097 + dayOfEra - 719_468)
    }

    /// The date of a day since 1970-01-01.
    static func date(ofDay day: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = Int(clamping: day) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let civilMonth = month < 10 ? month + 3 : month - 9
        return (
            yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0), civilMonth,
            dayOfYear - (153 * month + 2) / 5 + 1
        )
    }
}
