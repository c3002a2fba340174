/// A day of the proleptic Gregorian calendar, and how many days it lies after 1970-01-01.
///
/// Exact integer arithmetic over eras of 400 years (H. Hinnant, "chrono-compatible low-level date
/// algorithms").
package struct CivilDate: Hashable, Sendable {
    package let year: Int
    /// 1...12.
    package let month: Int
    /// 1...31.
    package let day: Int

    /// Nil for a day that does not exist.
    package init?(year: Int, month: Int, day: Int) {
        guard (0...9_999).contains(year), (1...12).contains(month),
            (1...Self.lengths(year)[month - 1]).contains(day)
        else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
    }

    package init(daysSince1970: Int) {
        let shifted = daysSince1970 + 719_468
        let era = shifted.flooredQuotient(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    package var daysSince1970: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear.flooredQuotient(by: 400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            - 719_468
    }

    /// The first day of the month after this day's.
    package var startOfNextMonth: CivilDate {
        let next = CivilDate(daysSince1970: startOfMonth.daysSince1970 + 31)
        return next.startOfMonth
    }

    /// The first day of this day's month.
    package var startOfMonth: CivilDate {
        CivilDate(daysSince1970: daysSince1970 - (day - 1))
    }

    /// `2026-11-22`.
    package var text: String {
        let digits = String(year)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "-"
            + RFC3339.two(month) + "-" + RFC3339.two(day)
    }

    private static func lengths(_ year: Int) -> [Int] {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    }
}
