package import MeterWire

/// Moments as ISO 8601 text in UTC, for what people read; exact in both directions.
package enum TimeText {
    /// The first moment after the year 9999, beyond which the text would not have four digits of year.
    private static let limit: Int64 = 253_402_300_800_000

    /// `2026-11-22T10:24:05.123Z`, or nil before 1970 and after the year 9999.
    package static func text(_ time: Timestamp) -> String? {
        guard time.milliseconds >= 0, time.milliseconds < limit else { return nil }
        let (days, rest) = time.milliseconds.quotientAndRemainder(dividingBy: 86_400_000)
        let (year, month, day) = date(daysSince1970: days)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
            + "\(padded(rest / 3_600_000, 2)):\(padded(rest / 60_000 % 60, 2)):"
            + "\(padded(rest / 1000 % 60, 2)).\(padded(rest % 1000, 3))Z"
    }

    /// `2026-11-22T10:24Z`, or nil after the year 9999.
    package static func text(_ minute: Minute) -> String? {
        guard let text = text(minute.start) else { return nil }
        return text.prefix(16) + "Z"
    }

    /// Reads what `text` writes, with or without seconds and milliseconds; nil for anything else.
    package static func timestamp(_ text: some StringProtocol) -> Timestamp? {
        let bytes = Array(text.utf8)
        guard [17, 20, 24].contains(bytes.count), bytes.last == UInt8(ascii: "Z") else {
            return nil
        }
        let marks: [(Int, Unicode.Scalar)] = [
            (4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"), (19, "."),
        ]
        for (index, mark) in marks where index < bytes.count - 1 {
            guard bytes[index] == UInt8(ascii: mark) else { return nil }
        }
        func number(_ from: Int, _ count: Int) -> Int64? {
            guard from + count < bytes.count else { return 0 }
            var value: Int64 = 0
            for byte in bytes[from..<from + count] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            return value
        }
        guard let year = number(0, 4), let month = number(5, 2), let day = number(8, 2),
            let hour = number(11, 2), let minute = number(14, 2), let second = number(17, 2),
            let millisecond = number(20, 3), (1...12).contains(month), (1...31).contains(day),
            hour < 24, minute < 60, second < 60
        else { return nil }
        let days = daysSince1970(year: year, month: month, day: day)
        guard days >= 0, date(daysSince1970: days) == (year, month, day) else { return nil }
        return Timestamp(
            milliseconds: ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + millisecond
        )
    }

    /// Reads a whole minute; nil if the text has seconds that are not zero.
    package static func minute(_ text: some StringProtocol) -> Minute? {
        guard let time = timestamp(text), time.milliseconds % 60_000 == 0 else { return nil }
        return Minute(time)
    }

    /// `value` with zeros in front up to `width` digits.
    static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    // Both directions after Howard Hinnant, "chrono-compatible low-level date algorithms": years begin
    // in March, so that the leap day is the last of its year.
    private static func date(daysSince1970 days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
            dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        )
    }

    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        guard shiftedYear >= 0 else { return -1 }
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            - 719_468
    }
}
