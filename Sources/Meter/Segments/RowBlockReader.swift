internal import MeterWire

/// Decodes blocks into columns of its own, which it keeps from one block to the next.
///
/// Nothing here trusts the bytes: every count is compared with the zone and the room before it is
/// used, and a contradiction is an answer of nil or false, never a trap.
@safe struct RowBlockReader: ~Copyable {
    /// The rows of one component in a block.
    struct Group {
        let component: Int
        let runCount: Int
        let rowCount: Int
        let columns: Range<Int>
    }

    /// Of each run, after `decodeRuns`.
    let series: UnsafeMutablePointer<UInt64>
    /// Rows of each run, after `decodeRuns`.
    let lengths: UnsafeMutablePointer<UInt64>
    /// Of each row, after `decodeMinutes`.
    let minutes: UnsafeMutablePointer<UInt64>
    /// Of each row, after `decodeAmounts`.
    let counts: UnsafeMutablePointer<UInt64>
    /// Of each row, after `decodeAmounts`.
    let sums: UnsafeMutablePointer<UInt64>
    private let spare: UnsafeMutablePointer<UInt64>
    private let capacity: Int
    private var offset = 0

    /// Makes room for blocks of up to `rowCountMax` rows.
    init(rowCountMax: Int) {
        precondition(rowCountMax <= RowBlock.rowCountMax, "the footer's limit was checked")
        capacity = max(1, rowCountMax)
        unsafe series = .allocate(capacity: capacity)
        unsafe lengths = .allocate(capacity: capacity)
        unsafe minutes = .allocate(capacity: capacity)
        unsafe counts = .allocate(capacity: capacity)
        unsafe sums = .allocate(capacity: capacity)
        unsafe spare = .allocate(capacity: capacity)
    }

    deinit {
        unsafe series.deallocate()
        unsafe lengths.deallocate()
        unsafe minutes.deallocate()
        unsafe counts.deallocate()
        unsafe sums.deallocate()
        unsafe spare.deallocate()
    }

    /// The groups of a block, by ascending component; nil if they do not fill the block, or hold other
    /// than `zone.rowCount` rows or components beyond `componentCount`.
    func groups(
        of bytes: UnsafeRawBufferPointer,
        _ zone: RowBlock.Zone,
        componentCount: Int
    ) -> [Group]? {
        var offset = 0
        guard let groupCount = unsafe PackedColumn.varint(bytes, at: &offset),
            groupCount <= UInt64(componentCount), groupCount <= UInt64(zone.rowCount)
        else { return nil }
        var heads: [(component: Int, runCount: Int, rowCount: Int, byteCount: Int)] = []
        var component: UInt64 = 0
        var rowCount: UInt64 = 0
        for index in 0..<groupCount {
            guard let step = unsafe PackedColumn.varint(bytes, at: &offset),
                let runs = unsafe PackedColumn.varint(bytes, at: &offset),
                let rows = unsafe PackedColumn.varint(bytes, at: &offset),
                let byteCount = unsafe PackedColumn.varint(bytes, at: &offset),
                step < UInt64(componentCount), step > 0 || index == 0,
                runs > 0, runs <= rows, rows <= UInt64(zone.rowCount),
                byteCount <= UInt64(bytes.count)
            else { return nil }
            component += step
            rowCount += rows
            guard component < UInt64(componentCount) else { return nil }
            heads.append((Int(component), Int(runs), Int(rows), Int(byteCount)))
        }
        guard rowCount == UInt64(zone.rowCount), zone.rowCount <= capacity else { return nil }
        var groups: [Group] = []
        for head in heads {
            guard head.byteCount <= bytes.count - offset else { return nil }
            groups.append(
                Group(
                    component: head.component,
                    runCount: head.runCount,
                    rowCount: head.rowCount,
                    columns: offset..<offset + head.byteCount
                )
            )
            offset += head.byteCount
        }
        return offset == bytes.count ? groups : nil
    }

    /// Fills `series` and `lengths`; the other columns of the group are decoded next, in order.
    mutating func decodeRuns(
        _ group: Group,
        of bytes: UnsafeRawBufferPointer,
        _ zone: RowBlock.Zone
    ) -> Bool {
        let columns = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<group.columns.upperBound])
        offset = group.columns.lowerBound
        guard
            unsafe PackedColumn.decode(
                group.runCount,
                from: columns,
                at: &offset,
                into: series
            ),
            unsafe PackedColumn.decode(
                group.runCount,
                from: columns,
                at: &offset,
                into: lengths
            )
        else { return false }
        var current = UInt64(zone.firstSeries)
        var rows: UInt64 = 0
        for run in 0..<group.runCount {
            let step = unsafe series[run]
            let length = unsafe lengths[run]
            guard step <= UInt64(UInt32.max), step > 0 || run == 0,
                length < UInt64(group.rowCount)
            else { return false }
            current &+= step
            guard current <= UInt64(zone.lastSeries) else { return false }
            unsafe series[run] = current
            unsafe lengths[run] = length &+ 1
            rows &+= length &+ 1
        }
        return rows == UInt64(group.rowCount)
    }

    /// Fills `minutes`; after `decodeRuns`.
    mutating func decodeMinutes(
        _ group: Group,
        of bytes: UnsafeRawBufferPointer,
        _ zone: RowBlock.Zone
    ) -> Bool {
        let columns = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<group.columns.upperBound])
        guard let byteCount = unsafe PackedColumn.varint(columns, at: &offset),
            byteCount <= UInt64(columns.count - offset)
        else { return false }
        let end = offset + Int(byteCount)
        // Firsts land in `spare`, steps at the end of `minutes`, where no run overwrites one before it
        // was read: row i is written when at least i - run steps of rows - runs have been taken.
        let stepCount = group.rowCount - group.runCount
        let steps = unsafe minutes + group.runCount
        guard
            unsafe PackedColumn.decode(group.runCount, from: columns, at: &offset, into: spare),
            unsafe PackedColumn.decode(stepCount, from: columns, at: &offset, into: steps),
            offset == end
        else { return false }
        let base = UInt64(zone.firstMinute.rawValue)
        let last = UInt64(zone.lastMinute.rawValue)
        var row = 0
        var next = 0
        var isInside = true
        for run in 0..<group.runCount {
            let first = unsafe spare[run]
            isInside = isInside && first <= last
            var minute = base &+ first
            unsafe minutes[row] = minute
            let runEnd = unsafe row &+ Int(lengths[run])
            row &+= 1
            while row < runEnd {
                let step = unsafe steps[next]
                isInside = isInside && step <= last
                minute &+= step
                unsafe minutes[row] = minute
                next &+= 1
                row &+= 1
            }
            isInside = isInside && minute <= last
        }
        return isInside
    }

    /// Leaves out the minutes; after `decodeRuns`.
    mutating func skipMinutes(_ group: Group, of bytes: UnsafeRawBufferPointer) -> Bool {
        let columns = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<group.columns.upperBound])
        guard let byteCount = unsafe PackedColumn.varint(columns, at: &offset),
            byteCount <= UInt64(columns.count - offset)
        else { return false }
        offset += Int(byteCount)
        return true
    }

    /// Fills `counts` and `sums`; after `decodeMinutes` or `skipMinutes`.
    mutating func decodeAmounts(_ group: Group, of bytes: UnsafeRawBufferPointer) -> Bool {
        let columns = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<group.columns.upperBound])
        guard
            unsafe PackedColumn.decode(group.rowCount, from: columns, at: &offset, into: counts),
            offset < columns.count,
            let form = unsafe RowBlock.SumForm(rawValue: columns[offset])
        else { return false }
        offset += 1
        guard unsafe PackedColumn.decode(group.rowCount, from: columns, at: &offset, into: sums)
        else { return false }
        switch form {
        case .sums: break
        case .quotients:
            for row in 0..<group.rowCount { unsafe sums[row] = sums[row] &* counts[row] }
        case .quotientsAndRemainders:
            guard
                unsafe PackedColumn.decode(
                    group.rowCount,
                    from: columns,
                    at: &offset,
                    into: spare
                )
            else { return false }
            for row in 0..<group.rowCount {
                unsafe sums[row] = sums[row] &* counts[row] &+ spare[row]
            }
        }
        return offset == group.columns.upperBound
    }
}
