/// The entries of one dictionary section in the order of their numbers, each stored as its bytes on the
/// wire and found again by those bytes.
///
/// Keeps its memory from one payload to the next: in the steady state nothing is allocated.
struct EntryTable: Sendable {
    /// Every entry's bytes, one after the other, as they go onto the wire.
    private(set) var bytes: [UInt8] = []
    private var entries: [Entry] = []
    /// Open addressing: an entry's number plus one, or 0.
    private var slots: [UInt32]

    private struct Entry: Sendable {
        var offset: Int
        var byteCount: Int
        var hash: UInt64
    }

    init() { slots = Array(repeating: 0, count: 16) }

    var count: Int { entries.count }

    /// Bytes of the section: its count and its entries.
    var byteCount: Int { Varint.byteCount(UInt64(entries.count)) + bytes.count }

    /// The number of an entry with these bytes, which is added if it is not there.
    mutating func index(of candidate: [UInt8]) -> Int {
        let hash = EntryHash.hash(candidate)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            if entries[number].hash == hash, isEqual(entries[number], candidate) { return number }
            slot = (slot + 1) & (slots.count - 1)
        }
        let number = entries.count
        entries.append(Entry(offset: bytes.count, byteCount: candidate.count, hash: hash))
        bytes.append(contentsOf: candidate)
        slots[slot] = UInt32(number + 1)
        if entries.count * 2 > slots.count { grow() }
        return number
    }

    private func isEqual(_ entry: Entry, _ candidate: [UInt8]) -> Bool {
        guard entry.byteCount == candidate.count else { return false }
        for index in 0..<candidate.count where bytes[entry.offset + index] != candidate[index] {
            return false
        }
        return true
    }

    /// Takes back the entries that were added last, until `count` are left.
    mutating func truncate(to count: Int) {
        while entries.count > count, let entry = entries.popLast() {
            bytes.removeLast(entry.byteCount)
            var slot = Int(truncatingIfNeeded: entry.hash) & (slots.count - 1)
            while Int(slots[slot]) != entries.count + 1 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = 0
        }
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 2)
        for (number, entry) in entries.enumerated() {
            var slot = Int(truncatingIfNeeded: entry.hash) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(number + 1)
        }
    }

    /// Appends the section.
    func write(to target: inout [UInt8]) {
        target.appendVarint(entries.count)
        target.append(contentsOf: bytes)
    }
}

/// A hash under a seed of this process, so that nobody can choose names that collide. Never leaves memory.
private enum EntryHash {
    private static let seed = UInt64(bitPattern: Int64(Hasher().finalize()))

    static func hash(_ bytes: [UInt8]) -> UInt64 {
        var state = seed ^ UInt64(truncatingIfNeeded: bytes.count)
        var index = 0
        while index + 8 <= bytes.count {
            var word: UInt64 = 0
            for position in 0..<8 {
                word |= UInt64(bytes[index + position]) << (8 * UInt64(position))
            }
            state = mix(state ^ word)
            index += 8
        }
        var tail: UInt64 = 0
        while index < bytes.count {
            tail = tail << 8 | UInt64(bytes[index])
            index += 1
        }
        return mix(state ^ tail)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        let product = (value ^ 0x9E37_79B9_7F4A_7C15)
            .multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93 ^ seed | 1)
        return product.high ^ product.low
    }
}
