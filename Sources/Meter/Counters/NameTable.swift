internal import CMeter
internal import MeterWire

/// Names as small dense numbers: the same bytes of the same owner always get the same number, from zero up.
///
/// The owner is a number of another table: an agent's tenant, an access's agent. The bytes lie one after
/// another in an arena, so that a name costs no allocation of its own, and are found by an open-addressing
/// index of hashes. No `String` is made.
@safe struct NameTable: ~Copyable {
    private struct Entry {
        var hash: UInt64
        var offset: Int
        var byteCount: UInt32
        var owner: UInt32
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
    mutating func intern(_ bytes: UnsafeRawBufferPointer, of owner: UInt32 = 0) -> UInt32 {
        let hash = unsafe hash(bytes, owner)
        if let number = unsafe find(bytes, owner, hash) { return number }
        return unsafe insert(bytes, owner, hash)
    }

    /// The number of a name that is known; nil otherwise.
    func find(_ bytes: UnsafeRawBufferPointer, of owner: UInt32 = 0) -> UInt32? {
        unsafe find(bytes, owner, hash(bytes, owner))
    }

    /// Looks up names that were asked for together, so that what each needs of memory is on its way while
    /// others are compared.
    func find(_ search: inout NameSearch) {
        search.numbers.removeAll(keepingCapacity: true)
        let mask = index.count &- 1
        unsafe index.withUnsafeBufferPointer { index in
            unsafe entries.withUnsafeBufferPointer { entries in
                guard let index = index.baseAddress else { return }
                for position in search.wanted.indices {
                    let ahead = position &+ NameSearch.ahead
                    if ahead < search.wanted.count, let entries = entries.baseAddress {
                        let place = Int(truncatingIfNeeded: search.wanted[ahead].hash) & mask
                        let number = Int(unsafe index[place])
                        unsafe meter_prefetch(entries + Swift.max(number &- 1, 0))
                    }
                    let wanted = search.wanted[position]
                    let number = unsafe find(wanted.bytes, wanted.owner, wanted.hash)
                    search.numbers.append(number ?? NameSearch.unknown)
                }
            }
        }
    }

    /// Asks for a name's number, to be looked up by ``find(_:)`` together with others. The bytes stay where
    /// they are until then.
    func ask(_ bytes: UnsafeRawBufferPointer, of owner: UInt32 = 0, in search: inout NameSearch) {
        let hash = unsafe hash(bytes, owner)
        unsafe index.withUnsafeBufferPointer { index in
            guard let base = index.baseAddress else { return }
            unsafe meter_prefetch(base + Int(truncatingIfNeeded: hash) & (index.count &- 1))
        }
        unsafe search.wanted.append(NameSearch.Wanted(bytes: bytes, owner: owner, hash: hash))
    }

    /// The bytes of a number that this table gave.
    subscript(number: Int) -> ArraySlice<UInt8> {
        let entry = entries[number]
        return arena[entry.offset..<entry.offset + Int(entry.byteCount)]
    }

    /// Whose name a number is.
    func owner(of number: Int) -> UInt32 { entries[number].owner }

    @inline(__always)
    private func find(
        _ bytes: UnsafeRawBufferPointer, _ owner: UInt32, _ hash: UInt64
    ) -> UInt32? {
        var place = Int(truncatingIfNeeded: hash) & (index.count &- 1)
        while index[place] != 0 {
            let number = Int(index[place] &- 1)
            let entry = entries[number]
            if entry.hash == hash, entry.owner == owner, Int(entry.byteCount) == bytes.count,
                unsafe isSame(bytes, at: entry.offset)
            {
                return UInt32(truncatingIfNeeded: number)
            }
            place = (place &+ 1) & (index.count &- 1)
        }
        return nil
    }

    /// Compares eight bytes at a time.
    @inline(__always)
    private func isSame(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Bool {
        unsafe arena.withUnsafeBytes { arena in
            var offset = 0
            while offset &+ 8 <= bytes.count {
                let left = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let right = unsafe arena.loadUnaligned(
                    fromByteOffset: start &+ offset, as: UInt64.self)
                if left != right { return false }
                offset &+= 8
            }
            while offset < bytes.count {
                if unsafe bytes[offset] != arena[start &+ offset] { return false }
                offset &+= 1
            }
            return true
        }
    }

    @inline(never)
    private mutating func insert(
        _ bytes: UnsafeRawBufferPointer, _ owner: UInt32, _ hash: UInt64
    ) -> UInt32 {
        if entries.count * 2 >= index.count { growIndex() }
        entries.append(
            Entry(
                hash: hash, offset: arena.count,
                byteCount: UInt32(truncatingIfNeeded: bytes.count), owner: owner))
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

    /// Multiply-fold over eight bytes at a time (the wyhash construction), keyed by the seed.
    @inline(__always)
    private func hash(_ bytes: UnsafeRawBufferPointer, _ owner: UInt32) -> UInt64 {
        var state = seed ^ UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
        state = Hashing.fold(state ^ UInt64(owner), 0x8EBC_6AF0_9C88_C6E3)
        var offset = 0
        while offset &+ 8 <= bytes.count {
            let word = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            state = Hashing.fold(state ^ word, 0xA076_1D64_78BD_642F)
            offset &+= 8
        }
        var tail: UInt64 = 0
        while offset < bytes.count {
            tail = unsafe tail << 8 | UInt64(bytes[offset])
            offset &+= 1
        }
        return Hashing.fold(state ^ tail, 0xE703_7ED1_A0B4_28DB)
    }
}

/// Names that are looked up in one table together, and the numbers found; keeps its memory.
struct NameSearch {
    @safe fileprivate struct Wanted {
        let bytes: UnsafeRawBufferPointer
        let owner: UInt32
        let hash: UInt64
    }

    /// Stands for the number of a name that is not known, and for an owner of whom nothing is.
    static let unknown = UInt32.max
    /// How many names ahead memory is asked for.
    fileprivate static let ahead = 4

    fileprivate var wanted: [Wanted] = []
    fileprivate var numbers: [UInt32] = []

    mutating func removeAll() {
        wanted.removeAll(keepingCapacity: true)
        numbers.removeAll(keepingCapacity: true)
    }

    /// The number of the name that was asked for at a place.
    subscript(place: Int) -> UInt32 {
        get { numbers[place] }
        set { numbers[place] = newValue }
    }
}

/// The step that hashes are made of.
enum Hashing {
    /// Both halves of a 128-bit product in one word.
    @inline(__always)
    static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
