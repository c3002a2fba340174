internal import MeterWire
internal import Synchronization

/// A token bucket in one word that threads share without a lock: the moment at which it is full again
/// (the generic cell rate algorithm, ITU-T I.371).
///
/// What is taken may go below empty by one piece, however large it is: nothing is too large to pass,
/// it only takes longer until the next one does. Threads that look at the same moment may each take one.
struct TokenBucket: ~Copyable {
    /// Nanoseconds since 1970. Ahead of the present by what was taken and has not flowed back.
    private let fullAt = Atomic<Int64>(0)
    /// When something was last taken: a present before it says that the clock was set back.
    private let takenAt = Atomic<Int64>(0)

    private static let clockTolerance: Int64 = 5_000_000_000

    /// Fills the bucket: what was taken at another rate is no debt at this one.
    func fill() { fullAt.store(0, ordering: .relaxed) }

    /// How long nothing may be taken; 0 or less where something may be now.
    ///
    /// - Parameters:
    ///   - burst: How many nanoseconds' worth may be taken ahead.
    func wait(at now: BucketTime, burst: Int64) -> Int64 {
        if now.nanoseconds < takenAt.load(ordering: .relaxed) &- TokenBucket.clockTolerance {
            return 0
        }
        return fullAt.load(ordering: .relaxed) &- now.nanoseconds &- burst
    }

    /// Takes `cost` nanoseconds' worth, whether it is there or not; a debt never grows beyond what one
    /// piece of that size can leave.
    func take(_ cost: Int64, at now: BucketTime, burst: Int64) {
        let wasSetBack =
            now.nanoseconds < takenAt.load(ordering: .relaxed) &- TokenBucket.clockTolerance
        takenAt.store(now.nanoseconds, ordering: .relaxed)
        var known = fullAt.load(ordering: .relaxed)
        while true {
            let from = wasSetBack ? now.nanoseconds : max(known, now.nanoseconds)
            let full = max(from, min(from, now.nanoseconds &+ burst) &+ cost)
            let (isDone, found) = fullAt.compareExchange(
                expected: known, desired: full, ordering: .relaxed)
            if isDone { return }
            known = found
        }
    }
}

/// A moment as buckets reckon with it, kept where no sum of it leaves 64 bits.
struct BucketTime {
    let nanoseconds: Int64

    init(_ time: Timestamp) {
        nanoseconds = min(max(time.milliseconds, 0), 4_000_000_000_000) &* 1_000_000
    }

    /// How many nanoseconds' worth `count` pieces are at `rate` a second.
    static func cost(of count: Int, at rate: UInt64) -> Int64 {
        let (nanoseconds, overflow) = UInt64(clamping: count)
            .multipliedReportingOverflow(by: 1_000_000_000)
        // A hundred years are for ever, and twice that still is no overflow.
        let most: UInt64 = 3_000_000_000_000_000_000
        return Int64(overflow ? most : min(nanoseconds / max(rate, 1), most))
    }
}
