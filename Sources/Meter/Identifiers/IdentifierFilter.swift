/// Says of most hashes that are not in a file that they are not, from one cache line in memory.
///
/// A Bloom filter in blocks of 512 bits (Putze, Sanders, Singler, WEA 2007): the hash's upper half chooses the
/// block, six times nine bits of its lower half the bits. At 12 bits an entry about 1 in 200 absent hashes
/// passes.
package struct IdentifierFilter: Equatable, Sendable {
    static let wordsInBlock = 8
    private static let bitsPerEntry = 12
    private static let probeCount = 6

    package private(set) var words: [UInt64]

    /// An empty filter with room for a number of entries.
    init(entryCount: Int) {
        let blockBitCount = 64 * Self.wordsInBlock
        let blockCount = (entryCount * Self.bitsPerEntry + blockBitCount - 1) / blockBitCount
        words = [UInt64](repeating: 0, count: blockCount * Self.wordsInBlock)
    }

    /// An empty filter of a power of two of blocks, with room for at least so many entries: it can be
    /// ``folded(for:)``.
    package init(foldableFor entryCountMax: Int) {
        let bitCount = 64 * Self.wordsInBlock
        var blockCount = 1
        while blockCount * bitCount < entryCountMax * Self.bitsPerEntry { blockCount *= 2 }
        words = [UInt64](repeating: 0, count: blockCount * Self.wordsInBlock)
    }

    /// The same set in as few blocks as so many entries need, of a filter that is foldable.
    ///
    /// Neighbouring blocks become one: a hash's block is the upper part of a product, so that half as many
    /// blocks give half the number.
    package func folded(for entryCount: Int) -> IdentifierFilter {
        var folded = self
        while folded.words.count > Self.wordsInBlock,
            folded.words.count / 2 * 64 >= entryCount * Self.bitsPerEntry
        {
            let blocks = folded.words
            let half = blocks.count / Self.wordsInBlock / 2
            folded.words.removeAll(keepingCapacity: true)
            for block in 0..<half {
                for word in 0..<Self.wordsInBlock {
                    let place = 2 * block * Self.wordsInBlock + word
                    folded.words.append(blocks[place] | blocks[place + Self.wordsInBlock])
                }
            }
        }
        return folded
    }

    /// A filter as it was stored; nil if that is not a whole number of blocks.
    init?(words: [UInt64]) {
        guard words.count % Self.wordsInBlock == 0 else { return nil }
        self.words = words
    }

    package mutating func insert(_ hash: IdentifierHash) {
        guard !words.isEmpty else { return }
        let start = firstWord(of: hash)
        var bits = hash.low
        for _ in 0..<Self.probeCount {
            words[start + Int(bits >> 6 & 7)] |= 1 << (bits & 63)
            bits >>= 9
        }
    }

    /// False only if the hash was not inserted.
    package func mayContain(_ hash: IdentifierHash) -> Bool {
        guard !words.isEmpty else { return false }
        let start = firstWord(of: hash)
        var bits = hash.low
        for _ in 0..<Self.probeCount {
            if words[start + Int(bits >> 6 & 7)] & 1 << (bits & 63) == 0 { return false }
            bits >>= 9
        }
        return true
    }

    private func firstWord(of hash: IdentifierHash) -> Int {
        let blockCount = UInt64(words.count / Self.wordsInBlock)
        return Int(hash.high.multipliedFullWidth(by: blockCount).high) * Self.wordsInBlock
    }
}
