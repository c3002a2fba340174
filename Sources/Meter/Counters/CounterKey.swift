internal import MeterWire

/// What a row of counters is found by: a series and a minute.
struct CounterKey: RowKey {
    static let seriesCountMax = (1 << 26) - 2
    static let componentCountMax = 1 << 12
    /// 26 bits of minutes reach the year 2097.
    static let minuteMax: UInt32 = (1 << 26) - 1

    private let rawValue: UInt64

    init(series: UInt32, minute: UInt32) { rawValue = UInt64(series) << 32 | UInt64(minute) }

    var series: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }
    var minute: Minute { Minute(rawValue: UInt32(truncatingIfNeeded: rawValue)) }

    @inline(__always)
    var hash: UInt64 {
        Hashing.fold(rawValue ^ 0xA076_1D64_78BD_642F, 0x9E37_79B9_7F4A_7C15)
    }
}

/// What counters keep of a row besides its sums: nothing.
struct NoState: BitwiseCopyable, Sendable {}

typealias CounterTable = RowTable<CounterKey, NoState>
