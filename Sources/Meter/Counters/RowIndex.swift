internal import CMeter

/// Where a row is in its table's arena, in words of eight bytes; 0 is no row.
typealias RowPlace = UInt32

/// Places of rows by the hashes of their keys: open addressing, at most five eighths full.
///
/// An entry is the upper half of a hash and a place, so that rows of other keys are hardly ever looked at.
@safe struct RowIndex: ~Copyable {
    private var memory: MappedMemory
    private var mask: Int

    init() {
        let capacity = 1 << 10
        memory = MappedMemory(byteCount: capacity * 8)
        mask = capacity - 1
    }

    var byteCount: Int { (mask + 1) * 8 }

    /// Whether so many rows in all have room.
    @inline(__always)
    func hasRoom(for rowCount: Int) -> Bool { rowCount &* 8 <= (mask &+ 1) &* 5 }

    @inline(__always)
    private func entry(_ position: Int) -> UnsafeMutablePointer<UInt64> {
        unsafe memory.base.assumingMemoryBound(to: UInt64.self) + position
    }

    /// Asks for the entry of a key that will be looked up soon.
    @inline(__always)
    func prefetch(_ hash: UInt64) {
        unsafe meter_prefetch(entry(Int(truncatingIfNeeded: hash) & mask))
    }

    /// The row that the key with this hash probably has; 0 where that is not known at a glance.
    @inline(__always)
    func probable(_ hash: UInt64) -> RowPlace {
        let entry = unsafe entry(Int(truncatingIfNeeded: hash) & mask).pointee
        return (entry ^ hash) >> 32 == 0 ? RowPlace(truncatingIfNeeded: entry) : 0
    }

    /// The row with this hash of which `isWanted` says so; 0 if there is none.
    @inline(__always)
    func find(_ hash: UInt64, _ isWanted: (RowPlace) -> Bool) -> RowPlace {
        var position = Int(truncatingIfNeeded: hash) & mask
        while true {
            let entry = unsafe entry(position).pointee
            if entry == 0 { return 0 }
            let place = RowPlace(truncatingIfNeeded: entry)
            if (entry ^ hash) >> 32 == 0, isWanted(place) { return place }
            position = (position &+ 1) & mask
        }
    }

    /// Enters a row for which there is room.
    func enter(_ place: RowPlace, hash: UInt64) {
        var position = Int(truncatingIfNeeded: hash) & mask
        while unsafe entry(position).pointee != 0 { position = (position &+ 1) & mask }
        unsafe entry(position).pointee = hash & ~0xFFFF_FFFF | UInt64(place)
    }

    /// A row takes the place of another one of the same key.
    func replace(_ old: RowPlace, by new: RowPlace, hash: UInt64) {
        var position = Int(truncatingIfNeeded: hash) & mask
        while unsafe RowPlace(truncatingIfNeeded: entry(position).pointee) != old {
            position = (position &+ 1) & mask
        }
        unsafe entry(position).pointee = hash & ~0xFFFF_FFFF | UInt64(new)
    }

    /// Twice the room; `hash` gives that of a row's key.
    @inline(never)
    mutating func grow(_ hash: (RowPlace) -> UInt64) {
        let old = mask + 1
        var larger = MappedMemory(byteCount: old * 16)
        swap(&memory, &larger)
        mask = old * 2 - 1
        let entries = unsafe larger.base.assumingMemoryBound(to: UInt64.self)
        for position in 0..<old {
            let place = unsafe RowPlace(truncatingIfNeeded: entries[position])
            if place != 0 { enter(place, hash: hash(place)) }
        }
    }
}
