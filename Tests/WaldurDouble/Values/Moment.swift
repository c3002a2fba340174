import Foundation

/// A point in time with Waldur's resolution, microseconds since 1970 in UTC.
struct Moment: Hashable, Comparable, Sendable {
    static let day: Int64 = 86_400_000_000
    static let second: Int64 = 1_000_000

    var micros: Int64

    static func < (a: Moment, b: Moment) -> Bool { a.micros < b.micros }

    func advanced(bySeconds seconds: Int64) -> Moment {
        Moment(micros: micros &+ seconds &* Moment.second)
    }

    /// Midnight of a civil day; months beyond 12 run on into the next year.
    init(year: Int, month: Int, day: Int) {
        let shifted = year * 12 + month - 1
        let (y, m) = (
            Self.floorDivide(shifted, 12), shifted - Self.floorDivide(shifted, 12) * 12 + 1
        )
        // Days from the civil calendar, counted from 1 March so that the leap day comes last.
        let yy = m <= 2 ? y - 1 : y
        let era = Self.floorDivide(yy, 400)
        let yearOfEra = yy - era * 400
        let dayOfYear = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        micros = Int64(era * 146_097 + dayOfEra - 719_468) * Moment.day
    }

    init(micros: Int64) { self.micros = micros }

    var civil: (year: Int, month: Int, day: Int) {
        let days = Self.floorDivide(Int(micros / Moment.second), 86_400) + 719_468
        let era = Self.floorDivide(days, 146_097)
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let mp = (5 * dayOfYear + 2) / 153
        let month = mp + (mp < 10 ? 3 : -9)
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * mp + 2) / 5 + 1
        )
    }

    private static func floorDivide(_ a: Int, _ b: Int) -> Int {
        a >= 0 ? a / b : -((-a + b - 1) / b)
    }

    private func padded(_ value: Int, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    /// `2026-11-22`.
    var date: String {
        let (year, month, day) = civil
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    private var clock: String {
        let second = Int(
            (micros - Moment(year: civil.year, month: civil.month, day: civil.day).micros)
                / Moment.second
        )
        return
            "\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
    }

    /// Python's `isoformat` without the zone: the fraction is left out when it is zero.
    private var iso: String {
        let fraction = Int(micros % Moment.second)
        return "\(date)T\(clock)" + (fraction == 0 ? "" : "." + padded(fraction, 6))
    }

    /// In UTC, as it is written with a zone of Waldur's own.
    var zulu: String { iso + "Z" }

    /// As Python's `isoformat` shows it in the details of an item.
    var offset: String { iso + "+00:00" }

    /// As REST answers show it on a server of that zone.
    func text(in zone: Zone) -> String {
        guard zone != .utc else { return zulu }
        let minutes = zone.offset(at: self) / Moment.second / 60
        let size = Int(minutes.magnitude)
        return zone.local(self).iso + (minutes < 0 ? "-" : "+") + padded(size / 60, 2) + ":"
            + padded(size % 60, 2)
    }

    /// The `Date` header.
    var httpDate: String {
        let (year, month, day) = civil
        let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let weekday = weekdays[Int(micros / Moment.day) % 7]
        return "\(weekday), \(padded(day, 2)) \(months[month - 1]) \(padded(year, 4)) \(clock) GMT"
    }

    /// Reads `2026-11-22`, `2026-11-22T08:00:00`, a fraction, and `Z` or `+00:00`; nil otherwise.
    init?(_ text: String) {
        let halves = text.split(whereSeparator: { $0 == "T" || $0 == " " })
        guard let first = halves.first, halves.count <= 2, let midnight = Self.midnight(first)
        else {
            return nil
        }
        micros = midnight.micros
        guard halves.count == 2 else { return }
        var time = String(halves[1])
        for zone in ["Z", "+00:00", "-00:00"] where time.hasSuffix(zone) {
            time.removeLast(zone.count)
        }
        let parts = time.split(separator: ".", omittingEmptySubsequences: false)
        let fields = parts[0].split(separator: ":").map { Int($0) ?? -1 }
        guard parts.count <= 2, fields.count == 2 || fields.count == 3 else { return nil }
        let (hour, minute, second) = (fields[0], fields[1], fields.count == 3 ? fields[2] : 0)
        guard 0..<24 ~= hour, 0..<60 ~= minute, 0..<60 ~= second else { return nil }
        micros += Int64(hour * 3600 + minute * 60 + second) * Moment.second
        if parts.count == 2 {
            let digits = parts[1].prefix(6)
            guard let fraction = Int64(digits), fraction >= 0, !digits.isEmpty else { return nil }
            var scaled = fraction
            for _ in digits.count..<6 { scaled *= 10 }
            micros += scaled
        }
    }

    private static func midnight(_ text: Substring) -> Moment? {
        let parts = text.split(separator: "-").map { Int($0) ?? -1 }
        guard parts.count == 3, 1...9999 ~= parts[0], 1...12 ~= parts[1],
            1...Month.days(of: parts[1], in: parts[0]) ~= parts[2]
        else { return nil }
        return Moment(year: parts[0], month: parts[1], day: parts[2])
    }
}
