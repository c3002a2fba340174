package import Meter
package import MeterWire

extension BillingMonth {
    /// The month in which a moment lies, in the given zone; nil outside the years 1970...9999.
    package init?(of time: Timestamp, in zone: ZoneOffset) {
        guard time.milliseconds >= 0, time.milliseconds < 253_000_000_000_000 else { return nil }
        let (year, month, _) = CivilDate.date(ofDay: zone.day(of: time))
        self.init(year: year, month: month)
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
    package func start(in zone: ZoneOffset) -> Timestamp {
        let day = CivilDate.day(year: year, month: month, day: 1)
        return Timestamp(milliseconds: day * CivilDate.dayMilliseconds - zone.milliseconds)
    }

    /// The first moment that no longer belongs to the month.
    package func end(in zone: ZoneOffset) -> Timestamp { next.start(in: zone) }

    /// `2026-11-01`, as Waldur writes billing periods.
    package var firstDay: String { description + "-01" }

    /// Reads `2026-11-01`; nil for anything but the first day of a month.
    package init?(firstDay text: some StringProtocol) {
        guard text.hasSuffix("-01") else { return nil }
        self.init(text.dropLast(3))
    }
}

/// How far a Waldur's clock runs ahead of UTC; a setting, since Waldur does not tell it.
package struct ZoneOffset: Hashable, Sendable {
    /// Minutes east of Greenwich.
    package let minutes: Int

    /// Greenwich itself, Waldur's default.
    package static let utc = ZoneOffset(unchecked: 0)

    /// nil beyond 14 hours, where no zone is.
    package init?(minutes: Int) {
        guard (-840...840).contains(minutes) else { return nil }
        self.minutes = minutes
    }

    private init(unchecked minutes: Int) { self.minutes = minutes }

    /// Reads `Z`, `UTC`, `+02:00` or `-0330`; nil for anything else.
    package init?(_ text: some StringProtocol) {
        if text == "Z" || text == "UTC" {
            self = .utc
            return
        }
        let digits = String(text.dropFirst()).filter { $0 != ":" }
        guard let sign = text.first, sign == "+" || sign == "-", digits.utf8.count == 4,
            let hours = Int(digits.prefix(2)), let minutes = Int(digits.suffix(2)), minutes < 60
        else { return nil }
        self.init(minutes: (sign == "-" ? -1 : 1) * (hours * 60 + minutes))
    }

    var milliseconds: Int64 { Int64(minutes) * 60_000 }

    func day(of time: Timestamp) -> Int64 {
        let local = time.advanced(byMilliseconds: milliseconds).milliseconds
        return local.flooredQuotient(by: CivilDate.dayMilliseconds)
    }
}

extension Int64 {
    fileprivate func flooredQuotient(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
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
