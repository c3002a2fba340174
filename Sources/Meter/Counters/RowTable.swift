internal import CMeter

/// What a row of a ``RowTable`` is found by.
protocol RowKey: BitwiseCopyable, Equatable, Sendable {
    /// All 64 bits depend on all of the key.
    var hash: UInt64 { get }
    var series: UInt32 { get }
}

/// Rows of exact sums by component, found by key and by series.
///
/// ```
/// index   hash, upper half │ place      open addressing, at most five eighths full
///            │
/// arena   ...│key│next│cells│state│sum│count│component│next│sum│count│component│next│...
///             └────── row ───────┘ └──── its first cells ─────────────────────────┘
/// ```
///
/// A row begins with a cell for each component of the event that made it, so that events of one shape,
/// which nearly all of a series' are, add to neighbouring words. A component that comes later gets a cell
/// elsewhere, linked to the last one. Rows never move within the arena: those of a series are linked too, and
/// a question about one series costs its rows and not the table.
///
/// Nothing is allocated and no reference is counted while adding, but when index or arena double. A sum
/// that would leave 64 bits is set aside in a cell behind its own, which begins again: nothing wraps and
/// nothing is refused, and whoever reads adds up in 128 bits.
@safe struct RowTable<Key: RowKey, State: BitwiseCopyable & Sendable>: ~Copyable {
    struct Row: BitwiseCopyable {
        let key: Key
        /// The row of the same series that was made before.
        let next: RowPlace
        /// Of the cells that follow the row.
        let cellCount: UInt32
        var state: State
    }

    struct Cell: BitwiseCopyable {
        var sum: UInt64
        var count: UInt64
        let component: UInt32
        /// Where the row's next cell is; 0 at the end.
        var next: UInt32
    }

    private var index = RowIndex()
    private var arena = MappedMemory(byteCount: 1 << 16)
    /// Bytes of the arena in use; the first word is no row's.
    private var arenaByteCount = 8
    /// The newest row of each series.
    private var heads: [RowPlace] = []
    private(set) var rowCount = 0
    /// Distinct (key, component) pairs, and sums set aside: what memory is limited by.
    private(set) var cellCount = 0

    init() {}

    /// What the table takes, as far as it is in use.
    var byteCount: Int { arenaByteCount + index.byteCount }

    private static var rowByteCount: Int { MemoryLayout<Row>.stride }
    private static var cellByteCount: Int { MemoryLayout<Cell>.stride }

    /// Makes room for so many more rows with so many cells in all, so that nothing moves while they are
    /// added.
    mutating func reserve(rows: Int, cells: Int) {
        while !index.hasRoom(for: rowCount &+ rows) { growIndex() }
        arena.reserve(
            arenaByteCount &+ rows &* Self.rowByteCount &+ cells &* Self.cellByteCount)
    }

    // MARK: - Finding rows

    /// The row; valid until the next `reserve`.
    @inline(__always)
    func row(at place: RowPlace) -> UnsafeMutablePointer<Row> {
        unsafe (arena.base + Int(place) &* 8).assumingMemoryBound(to: Row.self)
    }

    @inline(__always)
    private func cell(at place: UInt32) -> UnsafeMutablePointer<Cell> {
        unsafe (arena.base + Int(place) &* 8).assumingMemoryBound(to: Cell.self)
    }

    /// Asks for the index where a key will be looked up soon.
    @inline(__always)
    func prefetch(_ hash: UInt64) { index.prefetch(hash) }

    /// The row that the key with this hash probably has; 0 where that is not known at a glance.
    @inline(__always)
    func probable(_ hash: UInt64) -> RowPlace { index.probable(hash) }

    /// Asks for the row that the key with this hash probably has, with its first cells.
    @inline(__always)
    func prefetchRow(_ hash: UInt64) {
        let place = probable(hash)
        if place == 0 { return }
        let row = unsafe UnsafeRawPointer(row(at: place))
        unsafe meter_prefetch(row)
        unsafe meter_prefetch(row + 64)
        if Self.rowByteCount > 64 { unsafe meter_prefetch(row + 128) }
    }

    /// The row of a key with this hash; 0 if it has none.
    @inline(__always)
    func find(_ key: Key, _ hash: UInt64) -> RowPlace {
        let base = unsafe arena.base
        return index.find(hash) { place in
            unsafe (base + Int(place) &* 8).assumingMemoryBound(to: Row.self).pointee.key == key
        }
    }

    /// Makes a row for a key that has none, with a cell for each of the components; room was reserved.
    @inline(never)
    mutating func insert(
        _ key: Key, _ state: State, components: UnsafePointer<UInt32>, count: Int
    ) -> RowPlace {
        let place = RowPlace(truncatingIfNeeded: arenaByteCount / 8)
        let series = Int(key.series)
        while heads.count <= series { heads.append(0) }
        let memory = unsafe arena.base + arenaByteCount
        unsafe memory.bindMemory(to: Row.self, capacity: 1).initialize(
            to: Row(
                key: key, next: heads[series], cellCount: UInt32(truncatingIfNeeded: count),
                state: state))
        heads[series] = place
        arenaByteCount += Self.rowByteCount
        for position in 0..<count {
            let next = position + 1 < count ? (arenaByteCount + Self.cellByteCount) / 8 : 0
            let cell = Cell(
                sum: 0, count: 0, component: unsafe components[position],
                next: UInt32(truncatingIfNeeded: next))
            _ = append(cell)
        }
        rowCount += 1
        index.enter(place, hash: key.hash)
        return place
    }

    private mutating func append(_ cell: Cell) -> UInt32 {
        let memory = unsafe arena.base + arenaByteCount
        unsafe memory.bindMemory(to: Cell.self, capacity: 1).initialize(to: cell)
        defer { arenaByteCount += Self.cellByteCount }
        cellCount += 1
        return UInt32(truncatingIfNeeded: arenaByteCount / 8)
    }

    @inline(never)
    private mutating func growIndex() {
        let base = unsafe arena.base
        index.grow { place in
            unsafe (base + Int(place) &* 8).assumingMemoryBound(to: Row.self).pointee.key.hash
        }
    }

    // MARK: - Adding

    /// Adds an amount for each component to a row's cells. Room for as many cells was reserved.
    @inline(__always)
    mutating func add(
        to place: RowPlace, components: UnsafePointer<UInt32>, amounts: UnsafePointer<UInt64>,
        count: Int
    ) {
        let row = unsafe row(at: place)
        let isLikely = unsafe count <= Int(row.pointee.cellCount)
        let first = unsafe (UnsafeMutableRawPointer(row) + Self.rowByteCount)
            .assumingMemoryBound(to: Cell.self)
        for position in 0..<count {
            let cell = unsafe first + position
            let component = unsafe components[position]
            if isLikely, unsafe cell.pointee.component == component {
                unsafe add(amounts[position], to: cell)
            } else {
                unsafe addElsewhere(amounts[position], component, to: place)
            }
        }
    }

    @inline(__always)
    private mutating func add(_ amount: UInt64, to cell: UnsafeMutablePointer<Cell>) {
        let (sum, overflow) = unsafe cell.pointee.sum.addingReportingOverflow(amount)
        if overflow { unsafe setAside(cell) }
        unsafe cell.pointee.sum = overflow ? amount : sum
        unsafe cell.pointee.count &+= 1
    }

    /// Whoever looks for the component finds the cell itself before the one that is set aside.
    @inline(never)
    private mutating func setAside(_ cell: UnsafeMutablePointer<Cell>) {
        unsafe cell.pointee.next = append(cell.pointee)
        unsafe cell.pointee.count = 0
    }

    /// For a component that is not where the row's first event had it.
    @inline(never)
    private mutating func addElsewhere(_ amount: UInt64, _ component: UInt32, to place: RowPlace) {
        var at = place &+ UInt32(truncatingIfNeeded: Self.rowByteCount / 8)
        while true {
            let cell = unsafe cell(at: at)
            if unsafe cell.pointee.component == component {
                unsafe add(amount, to: cell)
                return
            }
            let next = unsafe cell.pointee.next
            if next == 0 { break }
            at = next
        }
        let new = append(Cell(sum: amount, count: 1, component: component, next: 0))
        unsafe cell(at: at).pointee.next = new
    }

    // MARK: - Reading

    /// Calls `body` with every row, those of a series together, the newest first.
    func forEachRow(_ body: (RowPlace, borrowing Row) -> Void) {
        for series in heads.indices {
            forEachRow(ofSeries: UInt32(truncatingIfNeeded: series), body)
        }
    }

    func forEachRow(ofSeries series: UInt32, _ body: (RowPlace, borrowing Row) -> Void) {
        guard Int(series) < heads.count else { return }
        var place = heads[Int(series)]
        while place != 0 {
            let row = unsafe row(at: place)
            body(place, unsafe row.pointee)
            place = unsafe row.pointee.next
        }
    }

    func state(at place: RowPlace) -> State { unsafe row(at: place).pointee.state }

    /// Calls `body` with component, sum and count of each of a row's cells; a component whose sum left 64
    /// bits comes several times.
    func forEachCell(of place: RowPlace, _ body: (UInt32, UInt64, UInt64) -> Void) {
        var at = place &+ UInt32(truncatingIfNeeded: Self.rowByteCount / 8)
        while at != 0 {
            let cell = unsafe cell(at: at).pointee
            body(cell.component, cell.sum, cell.count)
            at = cell.next
        }
    }
}
