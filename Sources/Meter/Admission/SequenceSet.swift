/// Which sequence numbers of a source were received: everything below a watermark, and ranges above it.
///
/// Ranges are half-open, ascending, disjoint and never touch; the first begins above the watermark.
package struct SequenceSet: Equatable, Sendable {
    /// Every number below is in the set.
    package private(set) var watermark: UInt64 = 0
    package private(set) var ranges: [Range<UInt64>] = []

    package init() {}

    /// Restores what `watermark` and `ranges` said; nil if they break the order above.
    package init?(watermark: UInt64, ranges: [Range<UInt64>]) {
        var end = watermark
        for range in ranges {
            guard range.lowerBound > end, !range.isEmpty else { return nil }
            end = range.upperBound
        }
        self.watermark = watermark
        self.ranges = ranges
    }

    /// How a range of numbers stands to the set.
    package enum Relation { case absent, contained, partly }

    package func relation(of range: Range<UInt64>) -> Relation {
        if range.lowerBound >= watermark, ranges.isEmpty { return .absent }
        if range.upperBound <= watermark { return .contained }
        if range.lowerBound < watermark { return .partly }
        let index = firstIndex(endingAbove: range.lowerBound)
        guard index < ranges.count, ranges[index].lowerBound < range.upperBound else {
            return .absent
        }
        return ranges[index].lowerBound <= range.lowerBound
            && range.upperBound <= ranges[index].upperBound ? .contained : .partly
    }

    /// Adds numbers; those that are in the set already change nothing.
    package mutating func insert(_ range: Range<UInt64>) {
        guard !range.isEmpty, range.upperBound > watermark else { return }
        var merged = Swift.max(range.lowerBound, watermark)..<range.upperBound
        let first = firstIndex(endingAtOrAbove: merged.lowerBound)
        var next = first
        while next < ranges.count, ranges[next].lowerBound <= merged.upperBound {
            merged =
                Swift.min(
                    merged.lowerBound, ranges[next].lowerBound)..<Swift.max(
                    merged.upperBound, ranges[next].upperBound)
            next += 1
        }
        if merged.lowerBound <= watermark {
            watermark = merged.upperBound
            ranges.removeSubrange(first..<next)
        } else {
            ranges.replaceSubrange(first..<next, with: CollectionOfOne(merged))
        }
    }

    /// Adds many ranges at once: not empty, ascending by their start.
    ///
    /// - Complexity: O(ranges of both).
    package mutating func insert(ascending others: [Range<UInt64>]) {
        if others.isEmpty { return }
        var merged: [Range<UInt64>] = []
        merged.reserveCapacity(ranges.count + others.count)
        var own = 0
        var other = 0
        while own < ranges.count || other < others.count {
            let isOwn =
                other == others.count
                || (own < ranges.count && ranges[own].lowerBound <= others[other].lowerBound)
            let next = isOwn ? ranges[own] : others[other]
            if isOwn { own += 1 } else { other += 1 }
            if let last = merged.last {
                if next.lowerBound <= last.upperBound {
                    merged[merged.count - 1] =
                        last.lowerBound..<Swift.max(last.upperBound, next.upperBound)
                } else {
                    merged.append(next)
                }
            } else if next.lowerBound <= watermark {
                watermark = Swift.max(watermark, next.upperBound)
            } else {
                merged.append(next)
            }
        }
        ranges = merged
    }

    /// How many ranges there would be above the watermark after `insert(range)`; the set is unchanged.
    package func rangeCount(afterInserting range: Range<UInt64>) -> Int {
        if range.lowerBound <= watermark { return ranges.count }
        let first = firstIndex(endingAtOrAbove: range.lowerBound)
        let touches = first < ranges.count && ranges[first].lowerBound <= range.upperBound
        return touches ? ranges.count : ranges.count + 1
    }

    /// The numbers below the highest one received that are not in the set.
    package var holes: [Range<UInt64>] {
        var holes: [Range<UInt64>] = []
        var end = watermark
        for range in ranges {
            holes.append(end..<range.lowerBound)
            end = range.upperBound
        }
        return holes
    }

    /// One more than the highest number in the set.
    package var end: UInt64 { ranges.last?.upperBound ?? watermark }

    private func firstIndex(endingAbove number: UInt64) -> Int {
        partition { $0.upperBound > number }
    }

    private func firstIndex(endingAtOrAbove number: UInt64) -> Int {
        partition { $0.upperBound >= number }
    }

    /// The first range for which `belongs` holds; it holds for all after it.
    private func partition(_ belongs: (Range<UInt64>) -> Bool) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if belongs(ranges[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
