package import MeterWire

/// Whole quarter hours since 1970-01-01T00:00Z: the grain of time at which details are counted.
///
/// The clocks of every zone have been whole quarter hours apart from UTC since 1972, so hours, days and
/// months of any zone are whole numbers of these.
package struct QuarterHour: Hashable, Comparable, Sendable {
    package static let minuteCount: UInt32 = 15
    package static let millisecondCount: Int64 = 15 * 60_000

    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The quarter hour in which a minute lies.
    package init(of minute: Minute) { rawValue = minute.rawValue / Self.minuteCount }

    /// The quarter hour that begins with this minute; nil where none does.
    package init?(startingAt minute: Minute) {
        guard minute.rawValue.isMultiple(of: Self.minuteCount) else { return nil }
        rawValue = minute.rawValue / Self.minuteCount
    }

    /// The first quarter hour that begins with this minute or after it.
    package init(from minute: Minute) {
        let isStart = minute.rawValue.isMultiple(of: Self.minuteCount)
        rawValue = minute.rawValue / Self.minuteCount + (isStart ? 0 : 1)
    }

    /// The first moment of the quarter hour.
    package var start: Timestamp {
        Timestamp(milliseconds: Int64(rawValue) * Self.millisecondCount)
    }

    /// The first minute of the quarter hour.
    package var firstMinute: Minute {
        Minute(rawValue: UInt32(clamping: UInt64(rawValue) * UInt64(Self.minuteCount)))
    }

    package static func < (left: QuarterHour, right: QuarterHour) -> Bool {
        left.rawValue < right.rawValue
    }
}
