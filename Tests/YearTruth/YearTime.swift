import Foundation

/// One of the two Waldurs of the year.
package enum Site: String, CaseIterable, Sendable {
    case north, east

    /// By whose clocks its months begin; all times of the script are read off them.
    package var zoneName: String { self == .north ? "UTC" : "Europe/Tallinn" }

    private static let eastern = TimeZone(identifier: "Europe/Tallinn") ?? .gmt

    /// How far its clocks are ahead of UTC, in minutes, at a minute of UTC.
    private func offset(at minute: Int) -> Int {
        guard self == .east else { return 0 }
        let date = Date(timeIntervalSince1970: Double(minute) * 60)
        return Self.eastern.secondsFromGMT(for: date) / 60
    }

    /// Minutes of UTC since 1970, of a time such as `03-14 10:07` in 2026, or `2027-01-01 00:45`.
    package func minute(_ text: String) -> Int {
        let full = text.utf8.count == 11 ? "2026-" + text : text
        let parts = full.split { "- :".contains($0) }.compactMap { Int($0) }
        precondition(parts.count == 5, "\(text) is no time")
        let local =
            YearMonth.day(parts[0], parts[1], parts[2]) * 1440 + parts[3] * 60 + parts[4]
        // The offset before the moment can be another one than at it.
        return local - offset(at: local - offset(at: local))
    }

    /// The billing month that a minute lies in.
    package func month(of minute: Int) -> YearMonth {
        guard let index = starts.lastIndex(where: { $0 <= minute }) else {
            preconditionFailure("\(minute) is before the year")
        }
        return YearMonth(index + 1)
    }

    /// The month's first minute.
    package func start(of month: YearMonth) -> Int {
        starts[(month.year - 2026) * 12 + month.month - 1]
    }

    /// Of 14 months, from January on.
    private var starts: [Int] { self == .north ? Self.northern : Self.easternStarts }

    private static let northern = (1...14).map { north.minute("\(YearMonth($0))-01 00:00") }
    private static let easternStarts = (1...14).map { east.minute("\(YearMonth($0))-01 00:00") }
}

/// A month of the year, or of the one after it.
package struct YearMonth: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let year: Int
    package let month: Int

    package init(year: Int, month: Int) { (self.year, self.month) = (year, month) }

    package init(_ month: Int) {
        self.init(year: month > 12 ? 2027 : 2026, month: (month - 1) % 12 + 1)
    }

    package var next: YearMonth {
        YearMonth(year: month == 12 ? year + 1 : year, month: month == 12 ? 1 : month + 1)
    }

    package var lastDay: Int {
        Self.day(next.year, next.month, 1) - Self.day(year, month, 1)
    }

    package var description: String { "\(year)-\(month < 10 ? "0" : "")\(month)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.year, left.month) < (right.year, right.month)
    }

    /// Days since 1970, for the years around 2026.
    static func day(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        let leapDays = (1970..<year).count { $0 % 4 == 0 }
        return (year - 1970) * 365 + leapDays + lengths[..<(month - 1)].reduce(0, +) + day - 1
    }
}
