/// A moment: milliseconds since 1970-01-01T00:00:00Z. No time zones here.
public struct Timestamp: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970, UTC; leap seconds are not counted, as in POSIX time.
    public let milliseconds: Int64

    /// Wraps the number of milliseconds.
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Orders by time.
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.milliseconds < right.milliseconds
    }

    /// This moment moved by a number of milliseconds; stays at the end of the range if it would leave it.
    public func advanced(byMilliseconds count: Int64) -> Timestamp {
        let (sum, overflow) = milliseconds.addingReportingOverflow(count)
        return Timestamp(milliseconds: overflow ? (count < 0 ? .min : .max) : sum)
    }
}

/// Whole minutes since 1970-01-01T00:00Z: the grain at which usage is counted.
///
/// 32 bits reach the year 10136.
package struct Minute: Hashable, Comparable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The minute in which a moment lies; nil before 1970 or beyond 32 bits.
    package init?(_ time: Timestamp) {
        guard time.milliseconds >= 0,
            let value = UInt32(exactly: time.milliseconds / 60_000)
        else { return nil }
        self.rawValue = value
    }

    /// The first moment of the minute.
    package var start: Timestamp { Timestamp(milliseconds: Int64(rawValue) * 60_000) }

    package static func < (left: Minute, right: Minute) -> Bool { left.rawValue < right.rawValue }
}
