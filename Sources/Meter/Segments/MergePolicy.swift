/// Which neighbouring files to merge next, so that files stay few and each row is rewritten seldom.
///
/// Files are put into tiers by size, each `fanIn` times the one below. When a stretch in which nothing is above
/// a tier has `fanIn` files of that tier, the stretch is merged, with the smaller ones between them. So
/// a row is rewritten about once for each tier, log8 of the size, and files that only grow smaller to the right
/// number at most `fanIn - 1` in each tier.
package enum MergePolicy {
    /// Files of one tier that make a merge worth while.
    package static let fanIn = 8
    /// The most inputs of one merge: one block of each is in memory.
    package static let inputCountMax = 64
    /// Files up to this size are of the lowest tier.
    static let lowestTierByteCount = 4 << 10
    private static let tierMax = 14
    /// A merge whose inputs are together larger is not begun.
    package static let byteCountMax = 16 << 30

    /// A live file and its size.
    package struct Candidate: Sendable {
        package let name: String
        package let byteCount: Int

        package init(name: String, byteCount: Int) {
            self.name = name
            self.byteCount = byteCount
        }
    }

    /// The names of the files to merge, neighbours in the order given; nil if they are well as they are.
    ///
    /// - Parameters:
    ///   - files: A chain of live files of one kind, from the left.
    ///   - countMin: Files of one tier that make a merge worth while.
    /// - Complexity: O(files × tiers).
    package static func next(_ files: [Candidate], countMin: Int = fanIn) -> [String]? {
        let tiers = files.map { tier(of: $0.byteCount) }
        guard let highest = tiers.max() else { return nil }
        for tier in 0...highest {
            for stretch in stretches(of: tiers, upTo: tier) {
                if let inputs = inputs(stretch, tier, tiers, files, countMin) {
                    return inputs.map { files[$0].name }
                }
            }
        }
        return nil
    }

    /// Begins at the stretch's first file of the tier, so that what is before it waits for more of its size.
    private static func inputs(
        _ stretch: Range<Int>,
        _ tier: Int,
        _ tiers: [Int],
        _ files: [Candidate],
        _ countMin: Int
    ) -> Range<Int>? {
        guard let first = stretch.first(where: { tiers[$0] == tier }) else { return nil }
        var end = first
        var found = 0
        var byteCount = 0
        while end < stretch.upperBound, end - first < inputCountMax {
            let (sum, overflow) = byteCount.addingReportingOverflow(files[end].byteCount)
            if overflow || sum > byteCountMax { break }
            byteCount = sum
            if tiers[end] == tier { found += 1 }
            end += 1
        }
        return found >= countMin ? first..<end : nil
    }

    private static func tier(of byteCount: Int) -> Int {
        var tier = 0
        var limit = lowestTierByteCount
        while byteCount > limit, tier < tierMax {
            limit *= fanIn
            tier += 1
        }
        return tier
    }

    /// The longest ranges in which no tier is above `tier`.
    private static func stretches(of tiers: [Int], upTo tier: Int) -> [Range<Int>] {
        var stretches: [Range<Int>] = []
        var start = 0
        for index in 0...tiers.count where index == tiers.count || tiers[index] > tier {
            if start < index { stretches.append(start..<index) }
            start = index + 1
        }
        return stretches
    }
}
