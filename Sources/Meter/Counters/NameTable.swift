internal import MeterWire

/// Names as small dense numbers: the same bytes always get the same number, from zero up.
///
/// The bytes lie one after another in an arena, so that a name costs no allocation of its own, and are
/// found by an open-addressing index of hashes. No `String` is made.
@safe struct NameTable: ~Copyable {
    private struct Entry {
        var hash: UInt64
        var offset: Int
        var byteCount: Int
    }

    private var arena: [UInt8] = []
    private var entries: [Entry] = []
    /// Number + 1 of the name at each place; 0 where there is none. A power of two, at most half full.
    private var index: [UInt32] = Array(repeating: 0, count: 64)
    private let seed: UInt64

    /// - Parameter seed: Mixed into every hash, so that nobody outside can make names collide.
    init(seed: UInt64) { self.seed = seed }

    var count: Int { entries.count }
    var byteCount: Int {
        arena.count + entries.count * MemoryLayout<Entry>.stride + index.count * 4
    }

    /// The number of the name; a new one if it is not known yet.
    mutating func intern(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let hash = unsafe NameTable.hash(bytes, seed: seed)
        var place = Int(truncatingIfNeeded: hash) & (index.count &- 1)
        while index[place] != 0 {
            let number = Int(index[place] &- 1)
            if entries[number].hash == hash, unsafe equal(entries[number], bytes) {
                return UInt32(truncatingIfNeeded: number)
            }
            place = (place &+ 1) & (index.count &- 1)
        }
        return unsafe insert(bytes, hash: hash)
    }

    /// The number of a name that is known; nil otherwise.
    func find(_ bytes: UnsafeRawBufferPointer) -> UInt32? {
        let hash = unsafe NameTable.hash(bytes, seed: seed)
        var place = Int(truncatingIfNeeded: hash) & (index.count &- 1)
        while index[place] != 0 {
            let number = Int(index[place] &- 1)
            if entries[number].hash == hash, unsafe equal(entries[number], bytes) {
                return UInt32(truncatingIfNeeded: number)
            }
            place = (place &+ 1) & (index.count &- 1)
        }
        return nil
    }

    /// The bytes of a number that this table gave.
    subscript(number: Int) -> ArraySlice<UInt8> {
        let entry = entries[number]
        return arena[entry.offset..<entry.offset + entry.byteCount]
    }

    private func equal(_ entry: Entry, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard entry.byteCount == bytes.count else { return false }
        return unsafe arena.withUnsafeBytes { arena in
            unsafe UnsafeRawBufferPointer(
                rebasing: arena[entry.offset..<entry.offset + entry.byteCount]
            )
            .elementsEqual(bytes)
        }
    }

    @inline(never)
    private mutating func insert(_ bytes: UnsafeRawBufferPointer, hash: UInt64) -> UInt32 {
        if entries.count * 2 >= index.count { growIndex() }
        entries.append(Entry(hash: hash, offset: arena.count, byteCount: bytes.count))
        unsafe arena.append(contentsOf: bytes)
        place(entries.count - 1)
        return UInt32(truncatingIfNeeded: entries.count - 1)
    }

    private mutating func growIndex() {
        index = Array(repeating: 0, count: index.count * 2)
        for number in entries.indices { place(number) }
    }

    private mutating func place(_ number: Int) {
        var place = Int(truncatingIfNeeded: entries[number].hash) & (index.count - 1)
        while index[place] != 0 { place = (place + 1) & (index.count - 1) }
        index[place] = UInt32(number + 1)
    }

    /// Multiply-fold over eight bytes at a time (the wyhash construction), keyed by `seed`.
    static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        var state = seed ^ UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
        var offset = 0
        while offset &+ 8 <= bytes.count {
            let word = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            state = fold(state ^ word, 0xA076_1D64_78BD_642F)
            offset &+= 8
        }
        var tail: UInt64 = 0
        while offset < bytes.count {
            tail = unsafe tail << 8 | UInt64(bytes[offset])
            offset &+= 1
        }
        return fold(state ^ tail, 0xE703_7ED1_A0B4_28DB)
    }

    @inline(__always)
    private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
