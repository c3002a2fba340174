/// How far clocks run ahead of UTC.
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
}
