/// Totals by (series group, component group, window): open addressing with linear probing, at most half
/// full.
struct TotalTable: Sendable {
    struct Key: Equatable, Sendable {
        var series: UInt32
        var component: UInt32
        var window: UInt32

        @inline(__always)
        var hash: UInt64 {
            var mixed = UInt64(series) &* 0x9E37_79B9_7F4A_7C15
            mixed ^= (UInt64(component) &<< 32 | UInt64(window)) &* 0xC2B2_AE3D_27D4_EB4F
            mixed ^= mixed &>> 29
            return mixed &* 0xBF58_476D_1CE4_E5B9
        }
    }

    private struct Slot: Sendable {
        var key = Key(series: 0, component: 0, window: 0)
        var isUsed = false
        var total = UsageTotal()
    }

    private(set) var count = 0
    private var slots = [Slot](repeating: Slot(), count: 64)

    @inline(__always)
    mutating func add(_ key: Key, _ total: UsageTotal) {
        let index = place(of: key)
        if !slots[index].isUsed {
            insert(key, total, at: index)
            return
        }
        slots[index].total.add(total)
    }

    func forEach(_ body: (Key, UsageTotal) -> Void) {
        for slot in slots where slot.isUsed { body(slot.key, slot.total) }
    }

    @inline(__always)
    private func place(of key: Key) -> Int {
        let mask = slots.count &- 1
        var index = Int(truncatingIfNeeded: key.hash &>> 20) & mask
        while slots[index].isUsed && slots[index].key != key { index = (index &+ 1) & mask }
        return index
    }

    @inline(never)
    private mutating func insert(_ key: Key, _ total: UsageTotal, at index: Int) {
        slots[index] = Slot(key: key, isUsed: true, total: total)
        count += 1
        guard 2 * count > slots.count else { return }
        let old = slots
        slots = [Slot](repeating: Slot(), count: 2 * old.count)
        for slot in old where slot.isUsed { slots[place(of: slot.key)] = slot }
    }
}

/// A sum of 64-bit numbers in two words.
struct WideSum {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    @inline(__always)
    mutating func add(_ value: UInt64) {
        let (sum, carry) = low.addingReportingOverflow(value)
        low = sum
        high &+= carry ? 1 : 0
    }

    var value: UInt128 { UInt128(high) << 64 | UInt128(low) }

    /// The sum, or the largest number of 64 bits.
    var clamped: UInt64 { high == 0 ? low : .max }
}

extension UsageTotal {
    /// Adds another total. 2^64 rows would be needed to leave the 128 bits of the sum; a number of
    /// amounts that would leave 64 bits stays at the largest.
    @inline(__always)
    mutating func add(_ other: UsageTotal) {
        sum &+= other.sum
        count = count.addingClamped(other.count)
    }
}

extension UInt64 {
    /// The sum, or the largest number of 64 bits: numbers of amounts get nowhere near it.
    func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
