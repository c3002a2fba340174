internal import MeterWire

/// What a row of live details is found by: series, quarter hour, outcome, model and user.
struct DetailKey: RowKey {
    /// The code of a model or user that the event did not name.
    static let none: UInt32 = 0
    /// The code of ``Name/otherDetails``.
    static let other: UInt32 = 1

    private let high: UInt64
    private let low: UInt64

    /// A quarter hour has 30 bits here; admission keeps times within 23.
    init(series: UInt32, quarter: UInt32, outcome: UInt8, model: UInt32, user: UInt32) {
        high = UInt64(series) << 32 | UInt64(quarter) << 2 | UInt64(outcome)
        low = UInt64(model) << 32 | UInt64(user)
    }

    var series: UInt32 { UInt32(truncatingIfNeeded: high >> 32) }
    var quarter: QuarterHour {
        QuarterHour(rawValue: UInt32(truncatingIfNeeded: high) >> 2)
    }
    var outcome: UInt8 { UInt8(truncatingIfNeeded: high) & 3 }
    var model: UInt32 { UInt32(truncatingIfNeeded: low >> 32) }
    var user: UInt32 { UInt32(truncatingIfNeeded: low) }

    /// The same call of another model and user.
    func folded(model: UInt32, user: UInt32) -> DetailKey {
        DetailKey(
            series: series, quarter: quarter.rawValue, outcome: outcome, model: model, user: user)
    }

    @inline(__always)
    var hash: UInt64 {
        Hashing.fold(
            Hashing.fold(high ^ 0xA076_1D64_78BD_642F, 0x9E37_79B9_7F4A_7C15) ^ low,
            0xE703_7ED1_A0B4_28DB)
    }
}

/// The buckets of one call's duration and tokens.
struct DetailSample: BitwiseCopyable, Sendable {
    /// Bucket + 1; 0 where the call has no such value.
    private var durationPlace: UInt16 = 0
    private var tokensPlace: UInt16 = 0

    init() {}

    /// The bucket of the duration; negative where it is not known.
    @inline(__always) var duration: Int { Int(durationPlace) &- 1 }
    /// The bucket of the tokens; negative where the call has no component that counts them.
    @inline(__always) var tokens: Int { Int(tokensPlace) &- 1 }

    @inline(__always)
    mutating func set(duration value: UInt64) {
        durationPlace = UInt16(truncatingIfNeeded: Histogram.bucket(of: value) &+ 1)
    }

    @inline(__always)
    mutating func set(tokens value: UInt64) {
        tokensPlace = UInt16(truncatingIfNeeded: Histogram.bucket(of: value) &+ 1)
    }
}

/// What live details keep of a row besides its sums.
struct DetailState: BitwiseCopyable, Sendable {
    /// Calls whose values are kept one by one; a row with more gets histograms.
    static let sampleCountMax = 8

    var calls: UInt64 = 0
    /// Milliseconds from the start of the quarter hour to the latest call.
    var latest: UInt32 = 0
    /// Samples that are kept; meaningless once there are histograms.
    var sampleCount: UInt16 = 0
    var hasHistograms = false
    var durations = HistogramPlace()
    var tokens = HistogramPlace()
    var samples = InlineArray<8, DetailSample>(repeating: DetailSample())
}
