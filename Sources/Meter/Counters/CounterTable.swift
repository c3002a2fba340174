internal import CMeter
internal import MeterWire

/// What a counter counts, packed in 64 bits: series, component and minute.
///
/// ```
///  63        38 37       26 25                0
/// ┌────────────┬───────────┬───────────────────┐
/// │ series + 1 │ component │ minute since 1970 │    26 bits of minutes reach the year 2097
/// └────────────┴───────────┴───────────────────┘
/// ```
/// Zero is no key: it marks an empty slot.
struct CounterKey: Equatable {
    static let seriesCountMax = (1 << 26) - 2
    static let componentCountMax = 1 << 12
    static let minuteMax: UInt32 = (1 << 26) - 1

    let rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The caller keeps each part within its bits: `NameTable` by its limits, admission by the horizon.
    init(series: UInt32, component: UInt32, minute: UInt32) {
        rawValue = (UInt64(series) &+ 1) << 38 | UInt64(component) << 26 | UInt64(minute)
    }

    var series: UInt32 { UInt32(truncatingIfNeeded: (rawValue >> 38) &- 1) }
    var component: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 26) & 0xFFF }
    var minute: UInt32 { UInt32(truncatingIfNeeded: rawValue) & CounterKey.minuteMax }
}

/// The running totals: open addressing with linear probing over 24-byte slots, at most 5/8 full.
///
/// Nothing is allocated and no reference is counted while adding, but when the table doubles. A sum that
/// would leave 64 bits is set aside as a row of its own and the slot begins again, so nothing wraps and
/// nothing is refused: whoever reads adds rows in 128 bits.
@safe struct CounterTable: ~Copyable {
    struct Slot {
        var key: UInt64
        var sum: UInt64
        var count: UInt64
    }

    private var slots: UnsafeMutablePointer<Slot>
    private var mask: Int
    /// Distinct keys in the table.
    private(set) var keyCount = 0
    private var overflowed: [Slot] = []
    /// Rows in the table: its keys, and sums set aside because they would have left 64 bits.
    var rowCount: Int { keyCount + overflowed.count }

    /// - Parameter capacity: Slots to begin with; a power of two.
    init(capacity: Int = 1 << 12) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0, "capacity is a power of two")
        unsafe slots = CounterTable.map(capacity)
        mask = capacity - 1
    }

    deinit { unsafe meter_unmap(slots, (mask + 1) * MemoryLayout<Slot>.stride) }

    /// Adds `amounts[i]` to the counter `keys[i]` for each i below `count`.
    ///
    /// Slots are fetched eight additions ahead: with 10^6 keys the table lies outside the caches.
    mutating func add(
        keys: UnsafePointer<UInt64>, amounts: UnsafePointer<UInt64>, count: Int
    ) {
        // Room for every key of the batch being new, so that the loop never grows the table.
        while (keyCount &+ count) &* 8 > (mask &+ 1) &* 5 { grow() }
        let ahead = 8
        for index in 0..<Swift.min(ahead, count) {
            unsafe meter_prefetch(slots + home(of: keys[index]))
        }
        for index in 0..<count {
            if index &+ ahead < count {
                unsafe meter_prefetch(slots + home(of: keys[index &+ ahead]))
            }
            unsafe add(keys[index], amounts[index], 1)
        }
    }

    @inline(__always)
    private func home(of key: UInt64) -> Int {
        // Fibonacci hashing with the high half folded in: neighbours in minute spread over the table.
        let mixed = key &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed ^ (mixed >> 32)) & mask
    }

    @inline(__always)
    private mutating func add(_ key: UInt64, _ amount: UInt64, _ count: UInt64) {
        var index = home(of: key)
        while true {
            let slot = unsafe slots + index
            let found = unsafe slot.pointee.key
            if found == key {
                let (sum, overflow) = unsafe slot.pointee.sum.addingReportingOverflow(amount)
                if overflow {
                    unsafe overflowed.append(slot.pointee)
                    unsafe slot.pointee = Slot(key: key, sum: amount, count: count)
                } else {
                    unsafe slot.pointee.sum = sum
                    unsafe slot.pointee.count &+= count
                }
                return
            }
            if found == 0 {
                unsafe slot.pointee = Slot(key: key, sum: amount, count: count)
                keyCount &+= 1
                return
            }
            index = (index &+ 1) & mask
        }
    }

    @inline(never)
    private mutating func grow() {
        let old = unsafe UnsafeMutableBufferPointer(start: slots, count: mask + 1)
        unsafe slots = CounterTable.map(old.count * 2)
        mask = old.count * 2 - 1
        for place in 0..<old.count {
            let slot = unsafe old[place]
            if slot.key == 0 { continue }
            var index = home(of: slot.key)
            while unsafe slots[index].key != 0 { index = (index &+ 1) & mask }
            unsafe slots[index] = slot
        }
        unsafe meter_unmap(old.baseAddress, old.count * MemoryLayout<Slot>.stride)
    }

    private static func map(_ capacity: Int) -> UnsafeMutablePointer<Slot> {
        let byteCount = capacity * MemoryLayout<Slot>.stride
        guard let memory = unsafe meter_map_zeroed(byteCount) else {
            preconditionFailure("the live-key limit keeps \(byteCount) bytes of counters available")
        }
        return unsafe memory.bindMemory(to: Slot.self, capacity: capacity)
    }

    /// Calls `body` with every row, in no order; a key whose sum left 64 bits comes several times.
    func forEachRow(_ body: (UsageRow) -> Void) {
        for index in 0...mask {
            let slot = unsafe slots[index]
            if slot.key != 0 { body(CounterTable.row(slot)) }
        }
        for slot in overflowed { body(CounterTable.row(slot)) }
    }

    private static func row(_ slot: Slot) -> UsageRow {
        let key = CounterKey(rawValue: slot.key)
        return UsageRow(
            series: key.series, component: key.component, minute: Minute(rawValue: key.minute),
            count: slot.count, sum: slot.sum)
    }
}

/// The table owns its memory alone and cannot be copied, so handing it to another thread hands over all of it.
extension CounterTable: @unchecked Sendable {}
