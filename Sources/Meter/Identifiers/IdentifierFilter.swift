/// Says of most hashes that are not in a file that they are not, from one cache line in memory.
///
/// A Bloom filter in blocks of 512 bits (Putze, Sanders, Singler, WEA 2007): the hash's upper half chooses the
/// block, six times nine bits of its lower half the bits. At 12 bits an entry about 1 in 200 absent hashes
/// passes.
struct IdentifierFilter: Equatable, Sendable {
    private static let wordsInBlock = 8
    private static let bitsPerEntry = 12
    private static let probeCount = 6

    private(set) var words: [UInt64]

    /// An empty filter with room for a number of entries.
    init(entryCount: Int) {
        let blockBitCount = 64 * Self.wordsInBlock
        let blockCount = (entryCount * Self.bitsPerEntry + blockBitCount - 1) / blockBitCount
        words = [UInt64](repeating: 0, count: blockCount * Self.wordsInBlock)
    }

    /// A filter as it was stored; nil if that is not a whole number of blocks.
    init?(words: [UInt64]) {
        guard words.count % Self.wordsInBlock == 0 else { return nil }
        self.words = words
    }

    mutating func insert(_ hash: IdentifierHash) {
        guard !words.isEmpty else { return }
        let start = firstWord(of: hash)
        var bits = hash.low
        for _ in 0..<Self.probeCount {
            words[start + Int(bits >> 6 & 7)] |= 1 << (bits & 63)
            bits >>= 9
        }
    }

    /// False only if the hash was not inserted.
    func mayContain(_ hash: IdentifierHash) -> Bool {
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
