internal import CMeter
internal import MeterWire

/// Exact sums by series, minute and component: a row for all components that an event has.
///
/// ```
/// index   hash, upper half │ place
///            │
/// arena   ...│series│minute│shape│next│count│sum│sum│sum│sum│...
///             └────── 64 bytes: one cache line ────────────┘
/// ```
///
/// Events of one shape, which nearly all of a series' are, add to one row: one count for all of them and a
/// sum for each component. Of another shape the same series and minute have another row; whoever reads adds
/// up. A row of up to five components lies in one cache line, and rows never move within the arena. Those of
/// a series are linked, so that a question about one series costs its rows and not the table.
///
/// Nothing is allocated and no reference is counted while adding, but when index or arena double. Where a
/// sum would leave 64 bits its row is set aside and a new one begun: nothing wraps and nothing is refused,
/// and whoever reads adds up in 128 bits.
@safe struct CounterTable: ~Copyable {
    struct Row: BitwiseCopyable {
        let key: CounterKey
        /// The row of the same series that was made before.
        let next: RowPlace
        /// Events that were added.
        var count: UInt64
    }

    private static let lineByteCount = 64

    private var index = RowIndex()
    private var arena = MappedMemory(byteCount: 1 << 16)
    /// Bytes of the arena in use; the first line is no row's.
    private var arenaByteCount = CounterTable.lineByteCount
    /// The newest row of each series.
    private var heads: [RowPlace] = []
    private var rowCount = 0
    /// Sums in all rows: what memory is limited by.
    private(set) var cellCount = 0

    init() {}

    private static var rowByteCount: Int { MemoryLayout<Row>.stride }

    /// Makes room for so many more rows with so many sums in all, so that nothing moves while they are added.
    mutating func reserve(rows: Int, sums: Int) {
        while !index.hasRoom(for: rowCount &+ rows) { growIndex() }
        arena.reserve(
            arenaByteCount &+ rows &* (Self.rowByteCount &+ Self.lineByteCount) &+ sums &* 8)
    }

    @inline(never)
    private mutating func growIndex() {
        let base = unsafe arena.base
        index.grow { place in
            unsafe (base + Int(place) &* 8).assumingMemoryBound(to: Row.self).pointee.key.hash
        }
    }

    @inline(__always)
    private func row(at place: RowPlace) -> UnsafeMutablePointer<Row> {
        unsafe (arena.base + Int(place) &* 8).assumingMemoryBound(to: Row.self)
    }

    @inline(__always)
    private func sums(of row: UnsafeMutablePointer<Row>) -> UnsafeMutablePointer<UInt64> {
        unsafe (UnsafeMutableRawPointer(row) + Self.rowByteCount)
            .assumingMemoryBound(to: UInt64.self)
    }

    // MARK: - Adding

    /// Asks for the index where a key will be looked up soon.
    @inline(__always)
    func prefetch(_ hash: UInt64) { index.prefetch(hash) }

    /// Asks for the row that the key with this hash probably has.
    @inline(__always)
    func prefetchRow(_ hash: UInt64) {
        let place = index.probable(hash)
        if place != 0 { unsafe meter_prefetch(row(at: place)) }
    }

    /// Adds one event's amounts, as many as its shape has components. Room for a row was reserved.
    @inline(__always)
    mutating func add(
        _ key: CounterKey, _ hash: UInt64, amounts: UnsafePointer<UInt64>, count: Int
    ) {
        let base = unsafe arena.base
        var place = index.find(hash) { place in
            unsafe (base + Int(place) &* 8).assumingMemoryBound(to: Row.self).pointee.key == key
        }
        if place == 0 {
            place = insert(key, count: count)
            index.enter(place, hash: hash)
        }
        let row = unsafe row(at: place)
        let sums = unsafe sums(of: row)
        var isOverflow = false
        for position in 0..<count {
            let (sum, overflow) = unsafe sums[position].addingReportingOverflow(amounts[position])
            unsafe sums[position] = sum
            isOverflow = isOverflow || overflow
        }
        unsafe row.pointee.count &+= 1
        if isOverflow { unsafe beginAnew(place, hash, amounts: amounts, count: count) }
    }

    /// Takes an event's amounts back from the row that they do not fit into, and begins another one, for
    /// which there is room: nothing is too much for a row that is new.
    @inline(never)
    private mutating func beginAnew(
        _ full: RowPlace, _ hash: UInt64, amounts: UnsafePointer<UInt64>, count: Int
    ) {
        let old = unsafe row(at: full)
        for position in 0..<count { unsafe sums(of: old)[position] &-= amounts[position] }
        unsafe old.pointee.count &-= 1
        let place = insert(unsafe row(at: full).pointee.key, count: count)
        index.replace(full, by: place, hash: hash)
        let new = unsafe row(at: place)
        for position in 0..<count { unsafe sums(of: new)[position] = amounts[position] }
        unsafe new.pointee.count = 1
    }

    /// Makes a row without anything in it.
    @inline(never)
    private mutating func insert(_ key: CounterKey, count: Int) -> RowPlace {
        let byteCount = Self.rowByteCount + count * 8
        let used = arenaByteCount % Self.lineByteCount
        // What fits into one line lies in one.
        if byteCount <= Self.lineByteCount, used + byteCount > Self.lineByteCount {
            arenaByteCount += Self.lineByteCount - used
        }
        let place = RowPlace(truncatingIfNeeded: arenaByteCount / 8)
        let series = Int(key.series)
        while heads.count <= series { heads.append(0) }
        let row = unsafe (arena.base + arenaByteCount).bindMemory(to: Row.self, capacity: 1)
        unsafe row.initialize(to: Row(key: key, next: heads[series], count: 0))
        unsafe (UnsafeMutableRawPointer(row) + Self.rowByteCount)
            .bindMemory(to: UInt64.self, capacity: count).initialize(repeating: 0, count: count)
        heads[series] = place
        arenaByteCount += byteCount
        rowCount += 1
        cellCount += count
        return place
    }

    // MARK: - Reading

    /// Calls `body` with every row of a series, the newest first: its minute, and component, sum and count of
    /// each of its sums. What other rows have of the same minute and component is to be added.
    func forEachSum(
        ofSeries series: UInt32, _ shapes: borrowing ShapeTable,
        _ body: (Minute, UInt32, UInt64, UInt64) -> Void
    ) {
        guard Int(series) < heads.count else { return }
        var place = heads[Int(series)]
        while place != 0 {
            let row = unsafe row(at: place)
            let (key, count) = unsafe (row.pointee.key, row.pointee.count)
            var sum = unsafe sums(of: row)
            for component in shapes[key.shape] {
                body(key.minute, component, unsafe sum.pointee, count)
                unsafe sum += 1
            }
            place = unsafe row.pointee.next
        }
    }
}
