/// The entries of one dictionary section in the order of their numbers: each stored as its bytes on the
/// wire, and found again by its name.
///
/// Keeps its memory from one payload to the next: in the steady state nothing is allocated.
struct EntryTable: Sendable {
    /// How an entry's bytes are written.
    enum Form: Sendable {
        /// Length and bytes.
        case name
        /// A varint, then length and bytes.
        case numberedName
        /// The bytes alone.
        case bare
    }

    private let form: Form
    /// Every entry's bytes, one after the other, as they go onto the wire.
    private var bytes: [UInt8] = []
    private var entries: [Entry] = []
    /// Open addressing: an entry's number plus one, or 0.
    private var slots: [UInt32]
    /// The entry found last, which is tried first.
    private var recent = 0

    private struct Entry: Sendable {
        /// Where the entry begins, and where in it the name does.
        var start: Int
        var nameStart: Int
        var nameByteCount: Int
        var number: UInt32
        var hash: UInt64
    }

    init(_ form: Form) {
        self.form = form
        slots = Array(repeating: 0, count: 16)
    }

    var count: Int { entries.count }

    /// Bytes of the section: its count and its entries.
    var byteCount: Int { Varint.byteCount(UInt64(entries.count)) + bytes.count }

    /// Whether an entry has this name; false where there is no such entry.
    func matches(_ index: Int, _ name: UnsafeRawBufferPointer, number: UInt32 = 0) -> Bool {
        guard index < entries.count else { return false }
        let entry = entries[index]
        guard entry.nameByteCount == name.count, entry.number == number else { return false }
        return unsafe bytes.withUnsafeBytes { bytes in
            unsafe UnsafeRawBufferPointer(
                rebasing: bytes[entry.nameStart..<entry.nameStart + name.count]
            ).hasSameBytes(as: name)
        }
    }

    /// The number of the entry with this name, which is added if it is not there and `accept` takes it;
    /// nil if it does not.
    mutating func index(
        of name: UnsafeRawBufferPointer,
        number: UInt32 = 0,
        accept: (UnsafeRawBufferPointer) -> Bool = { _ in true }
    ) -> Int? {
        if unsafe matches(recent, name, number: number) { return recent }
        let hash = unsafe EntryHash.hash(name, number)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if entries[index].hash == hash, unsafe matches(index, name, number: number) {
                recent = index
                return index
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        guard unsafe accept(name) else { return nil }
        let start = bytes.count
        if form == .numberedName { bytes.appendVarint(Int(number)) }
        if form != .bare { bytes.appendVarint(name.count) }
        recent = entries.count
        entries.append(
            Entry(
                start: start,
                nameStart: bytes.count,
                nameByteCount: name.count,
                number: number,
                hash: hash
            )
        )
        unsafe bytes.append(contentsOf: name)
        slots[slot] = UInt32(entries.count)
        if entries.count * 2 > slots.count { grow() }
        return recent
    }

    /// Takes back the entries that were added last, until `count` are left.
    mutating func truncate(to count: Int) {
        while entries.count > count, let entry = entries.popLast() {
            bytes.removeLast(bytes.count - entry.start)
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

    static func hash(_ bytes: UnsafeRawBufferPointer, _ number: UInt32) -> UInt64 {
        let seed = seed
        var state = seed ^ UInt64(truncatingIfNeeded: bytes.count) ^ UInt64(number) << 32
        var offset = 0
        while offset + 8 <= bytes.count {
            let word = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            state = mix(state ^ word, seed)
            offset += 8
        }
        var tail: UInt64 = 0
        while offset < bytes.count {
            tail = unsafe tail << 8 | UInt64(bytes[offset])
            offset += 1
        }
        return mix(state ^ tail, seed)
    }

    private static func mix(_ value: UInt64, _ seed: UInt64) -> UInt64 {
        let product = (value ^ 0x9E37_79B9_7F4A_7C15)
            .multipliedFullWidth(by: (0xD6E8_FEB8_6659_FD93 ^ seed) | 1)
        return product.high ^ product.low
    }
}

extension UnsafeRawBufferPointer {
    /// Compares eight bytes at a time; both have the same count.
    fileprivate func hasSameBytes(as other: UnsafeRawBufferPointer) -> Bool {
        var offset = 0
        while offset + 8 <= count {
            let left = unsafe loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let right = unsafe other.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            if left != right { return false }
            offset += 8
        }
        while offset < count {
            if unsafe self[offset] != other[offset] { return false }
            offset += 1
        }
        return true
    }
}
