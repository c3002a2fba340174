/// How often which value occurred, in buckets that grow with the value: exact counts of values that are
/// known to one part in 64.
///
/// Values below 32 have a bucket each. From there on every doubling is split into 32 buckets of equal
/// width, so a bucket is at most a 32nd of its values wide and its middle at most a 64th (1.5625 %) from
/// any of them. Values of ``valueMax`` and above share the last bucket: for durations that is two years.
///
/// Adding two histograms gives the histogram of all values together, in any order.
package struct Histogram: Equatable, Sendable {
    /// Buckets to a doubling.
    static let doublingCount = 32
    static let bucketCount = 1_024
    /// The largest value that is told from larger ones.
    package static let valueMax: UInt64 = 1 << 36 - 1
    /// What a quantile may be off by, relative to the exact one.
    package static let relativeErrorMax = 1.0 / 64

    /// Of each doubling in which there is a value, where its 32 counts begin in `counts`, + 1.
    private var places = [UInt16](repeating: 0, count: 0)
    private var counts: [UInt64] = []
    /// Values that were added.
    package private(set) var count: UInt64 = 0

    package init() {}

    /// Adds one value.
    package mutating func add(_ value: UInt64) { add(Self.bucket(of: value), count: 1) }

    mutating func add(_ bucket: Int, count added: UInt64) {
        if places.isEmpty {
            places = [UInt16](repeating: 0, count: Self.bucketCount / Self.doublingCount)
        }
        let doubling = bucket / Self.doublingCount
        if places[doubling] == 0 {
            places[doubling] = UInt16(counts.count + 1)
            counts += repeatElement(0, count: Self.doublingCount)
        }
        let place = Int(places[doubling]) - 1 + bucket % Self.doublingCount
        counts[place] = counts[place].addingClamped(added)
        count = count.addingClamped(added)
    }

    package static func += (left: inout Histogram, right: Histogram) {
        right.forEachBucket { bucket, count in left.add(bucket, count: count) }
    }

    /// Equal if the same buckets have the same counts, in whatever order they were filled.
    package static func == (left: Histogram, right: Histogram) -> Bool {
        guard left.count == right.count else { return false }
        return (0..<bucketCount).allSatisfy { left.count(of: $0) == right.count(of: $0) }
    }

    private func count(of bucket: Int) -> UInt64 {
        guard !places.isEmpty, places[bucket / Self.doublingCount] > 0 else { return 0 }
        let start = Int(places[bucket / Self.doublingCount]) - 1
        return counts[start + bucket % Self.doublingCount]
    }

    /// Calls `body` with every bucket that has values, ascending.
    func forEachBucket(_ body: (Int, UInt64) -> Void) {
        for (doubling, place) in places.enumerated() where place > 0 {
            for index in 0..<Self.doublingCount {
                let count = counts[Int(place) - 1 + index]
                if count > 0 { body(doubling * Self.doublingCount + index, count) }
            }
        }
    }

    // MARK: - Quantiles

    /// The least value that at least so many thousandths of all values do not exceed (the nearest rank),
    /// within ``relativeErrorMax``; nil without values.
    ///
    /// - Parameter perMille: 1 to 1,000: 950 for the 95th percentile.
    package func quantile(perMille: Int) -> UInt64? {
        guard count > 0 else { return nil }
        let thousandths = UInt64(Swift.min(Swift.max(perMille, 1), 1_000))
        let product = count.multipliedFullWidth(by: thousandths)
        // The quotient is at most `count`, and one more where something is left.
        let (quotient, remainder) = (1_000 as UInt64).dividingFullWidth(product)
        let rank = quotient + (remainder > 0 ? 1 : 0)
        var seen: UInt64 = 0
        var answer: UInt64?
        forEachBucket { bucket, count in
            guard answer == nil else { return }
            seen = seen.addingClamped(count)
            if seen >= rank { answer = Self.middle(of: bucket) }
        }
        return answer
    }

    // MARK: - Buckets

    @inline(__always)
    static func bucket(of value: UInt64) -> Int {
        let value = Swift.min(value, valueMax)
        let shift = Swift.max(0, 58 &- (value | 1).leadingZeroBitCount)
        return shift &* doublingCount &+ Int(truncatingIfNeeded: value &>> UInt64(shift))
    }

    /// The values of a bucket.
    package static func range(of bucket: Int) -> ClosedRange<UInt64> {
        guard bucket >= 2 * doublingCount else { return UInt64(bucket)...UInt64(bucket) }
        let shift = UInt64(bucket / doublingCount - 1)
        let first = UInt64(bucket % doublingCount + doublingCount) << shift
        return first...(first + (1 << shift) - 1)
    }

    private static func middle(of bucket: Int) -> UInt64 {
        let range = range(of: bucket)
        return range.lowerBound + (range.upperBound - range.lowerBound) / 2
    }
}
