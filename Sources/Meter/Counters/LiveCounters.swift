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
        rows.reserve(rows: 2 &* calls.count, sums: amountCount)
        var pipeline = RowPipeline(calls.count)
        while pipeline.step() {
            if let index = pipeline.first { rows.prefetch(unsafe calls[index].counterHash) }
            if let index = pipeline.third { unsafe rows.prefetchRow(calls[index].counterHash) }
            if let index = pipeline.last { unsafe add(calls[index], amounts: amounts) }
        }
        unsafe details.add(
            calls, amounts: amounts, components: components, amountCount: amountCount,
            names: names)
    }

    /// Calls `body` with minute, component, sum and count of everything that a series used; a minute and
    /// component may come several times.
    @inline(__always)
    func forEachSum(ofSeries series: UInt32, _ body: (Minute, UInt32, UInt64, UInt64) -> Void) {
        rows.forEachSum(ofSeries: series, names.shapes, body)
    }

    @inline(__always)
    private mutating func add(_ call: CountedCall, amounts: UnsafePointer<UInt64>) {
        let count = Int(call.componentCount)
        let own = unsafe amounts + Int(call.firstAmount)
        unsafe rows.add(call.counterKey, call.counterHash, amounts: own, count: count)
        if call.hasVariants { unsafe addVariants(call, amounts: own, count: count) }
    }

    /// Most calls have none.
    @inline(never)
    private mutating func addVariants(
        _ call: CountedCall, amounts: UnsafePointer<UInt64>, count: Int
    ) {
        let key = CounterKey(series: call.series, minute: call.minute, shape: call.variantShape)
        unsafe rows.add(key, key.hash, amounts: amounts, count: count)
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
