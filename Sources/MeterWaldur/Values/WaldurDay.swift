package import MeterWire

/// A day on Waldur's calendar, such as an end date: `2026-12-20`.
package struct WaldurDay: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let year: Int
    package let month: Int
    package let day: Int

    /// nil for anything but a day of the calendar in the years 1970 to 9999.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2],
            parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]),
            (1970...9999).contains(year), (1...12).contains(month), day >= 1,
            CivilDate.date(ofDay: CivilDate.day(year: year, month: month, day: day))
                == (year, month, day)
        else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
    }

    /// The day's first moment.
    package func start(in zone: WaldurZone) -> Timestamp {
        zone.start(ofDay: CivilDate.day(year: year, month: month, day: day))
    }

    package static func < (left: WaldurDay, right: WaldurDay) -> Bool {
        (left.year, left.month, left.day) < (right.year, right.month, right.day)
    }

    package var description: String {
        func two(_ value: Int) -> String { (value < 10 ? "0" : "") + String(value) }
        return "\(year)-\(two(month))-\(two(day))"
    }
}
