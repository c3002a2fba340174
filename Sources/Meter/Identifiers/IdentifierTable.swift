internal import MeterWire

/// Entries in memory: open addressing with linear probing in one array, at most five eighths full.
///
/// A value: what was taken out of an index stays as it was.
package struct IdentifierTable: Sendable {
    private struct Slot: Sendable {
        var hash: UInt128 = 0
        var content: UInt64 = 0
        var received: UInt32 = 0
        var disposition: UInt8 = 0
        var isUsed = false
    }

    private static let slotCountMin = 64

    private var slots: [Slot] = []
    /// Whose ids were inserted.
    package var holders = IdentifierHolders()
    /// Entries in the table.
    package private(set) var count = 0

    package init() {}

    /// Bytes that the table takes.
    package var memoryByteCount: Int { slots.count * MemoryLayout<Slot>.stride }

    package subscript(_ hash: IdentifierHash) -> IdentifierEntry? {
        guard !slots.isEmpty else { return nil }
        let slot = slots[place(of: hash.rawValue)]
        return slot.isUsed ? Self.entry(slot) : nil
    }

    /// Adds an entry, in place of an older one with the same hash.
    ///
    /// - Complexity: O(1); doubles its memory when it is full.
    package mutating func insert(_ entry: IdentifierEntry) {
        if 8 * (count + 1) > 5 * slots.count { grow() }
        let index = place(of: entry.hash.rawValue)
        if !slots[index].isUsed { count += 1 }
        slots[index] = Slot(
            hash: entry.hash.rawValue,
            content: entry.content,
            received: entry.received.rawValue,
            disposition: entry.disposition,
            isUsed: true
        )
    }

    /// All entries by ascending hash.
    func sorted() -> [IdentifierEntry] {
        slots.filter(\.isUsed).map(Self.entry).sorted { $0.hash < $1.hash }
    }

    private static func entry(_ slot: Slot) -> IdentifierEntry {
        IdentifierEntry(
            hash: IdentifierHash(rawValue: slot.hash),
            content: slot.content,
            received: Minute(rawValue: slot.received),
            disposition: slot.disposition
        )
    }

    private func place(of hash: UInt128) -> Int {
        let mask = slots.count - 1
        var index = Int(truncatingIfNeeded: hash) & mask
        while slots[index].isUsed, slots[index].hash != hash { index = (index + 1) & mask }
        return index
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(), count: max(Self.slotCountMin, 2 * old.count))
        for slot in old where slot.isUsed { slots[place(of: slot.hash)] = slot }
    }
}
