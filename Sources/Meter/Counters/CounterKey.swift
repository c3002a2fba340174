internal import MeterWire

/// What a row of counters is found by: a series, a minute, and which components it has.
struct CounterKey: BitwiseCopyable, Equatable, Sendable {
    static let seriesCountMax = (1 << 26) - 2
    static let componentCountMax = 1 << 12
    /// 26 bits of minutes reach the year 2097.
    static let minuteMax: UInt32 = (1 << 26) - 1

    let series: UInt32
    private let rawMinute: UInt32
    /// A number of the ``ShapeTable``.
    let shape: UInt32

    init(series: UInt32, minute: UInt32, shape: UInt32) {
        self.series = series
        rawMinute = minute
        self.shape = shape
    }

    var minute: Minute { Minute(rawValue: rawMinute) }

    /// All 64 bits depend on all of the key.
    @inline(__always)
    var hash: UInt64 {
        Hashing.fold(
            (UInt64(series) << 32 | UInt64(rawMinute)) ^ 0xA076_1D64_78BD_642F,
            0x9E37_79B9_7F4A_7C15 ^ (UInt64(shape) &* 0xE703_7ED1_A0B4_28DB))
    }
}
