internal import MeterWire

/// One shard's running totals and details with the names that they refer to, taken out as a whole at a
/// checkpoint.
struct LiveCounters: ~Copyable {
    var names: LiveNames
    private(set) var rows = CounterTable()
    var details: LiveDetails

    init(seed: UInt64, limits: DetailLimits) {
        names = LiveNames(seed: seed)
        details = LiveDetails(seed: seed, limits: limits)
    }

    var held: HeldAmount {
        HeldAmount(keyCount: rows.cellCount, detailByteCount: details.heldByteCount)
    }

    /// Counts calls whose names have numbers: usage, then details.
    ///
    /// - Parameters:
    ///   - amounts: Of the batch; each call says where its own begin.
    ///   - components: The components' numbers; each call says where its own begin.
    ///   - amountCount: Amounts of these calls, those of variants counted once more.
    mutating func add(
        _ calls: UnsafeBufferPointer<CountedCall>, amounts: UnsafePointer<UInt64>,
        components: UnsafePointer<UInt32>, amountCount: Int
    ) {
        rows.reserve(rows: calls.count, cells: amountCount)
        var pipeline = RowPipeline(calls.count)
        while pipeline.step() {
            if let index = pipeline.first { rows.prefetch(unsafe calls[index].counterHash) }
            if let index = pipeline.third { unsafe rows.prefetchRow(calls[index].counterHash) }
            if let index = pipeline.last {
                unsafe add(calls[index], amounts: amounts, components: components)
            }
        }
        unsafe details.add(
            calls, amounts: amounts, components: components, amountCount: amountCount,
            names: names)
    }

    @inline(__always)
    private mutating func add(
        _ call: CountedCall, amounts: UnsafePointer<UInt64>, components: UnsafePointer<UInt32>
    ) {
        let own = unsafe components + Int(call.firstComponent)
        let count = Int(call.componentCount)
        var place = rows.find(call.counterKey, call.counterHash)
        if place == 0 {
            place = unsafe rows.insert(
                call.counterKey, NoState(), components: own, count: count)
        }
        unsafe rows.add(
            to: place, components: own, amounts: amounts + Int(call.firstAmount), count: count)
        if call.hasVariants {
            unsafe addVariants(
                to: place, components: components + Int(call.firstVariant),
                amounts: amounts + Int(call.firstAmount), count: count)
        }
    }

    /// Most calls have none.
    @inline(never)
    private mutating func addVariants(
        to place: RowPlace, components: UnsafePointer<UInt32>, amounts: UnsafePointer<UInt64>,
        count: Int
    ) {
        unsafe rows.add(to: place, components: components, amounts: amounts, count: count)
    }
}

/// Which calls of a list are at which stage, so that what one needs of memory is asked for some calls ahead.
struct RowPipeline {
    private static let ahead = 4
    private let count: Int
    private var next = -1

    init(_ count: Int) { self.count = count }

    /// Moves on by one call; false at the end.
    @inline(__always)
    mutating func step() -> Bool {
        next &+= 1
        return next < count &+ 3 &* Self.ahead
    }

    /// The call whose index entry is to be asked for.
    @inline(__always) var first: Int? { at(next) }
    @inline(__always) var second: Int? { at(next &- Self.ahead) }
    @inline(__always) var third: Int? { at(next &- 2 &* Self.ahead) }
    /// The call that is to be counted.
    @inline(__always) var last: Int? { at(next &- 3 &* Self.ahead) }

    @inline(__always)
    private func at(_ index: Int) -> Int? { index >= 0 && index < count ? index : nil }
}
