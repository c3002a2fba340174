internal import MeterWire

extension Segment {
    /// The rows of one block in canonical order, in place of what `rows` held.
    func decodeRows(
        ofBlock block: Int,
        _ buffer: inout PieceBuffer,
        _ reader: inout RowBlockReader,
        into rows: inout [UsageRow]
    ) throws(SegmentError) {
        try read(block: block, into: &buffer)
        let zone = footer.blocks[block]
        let malformed = SegmentError.malformedBlock(file: name, block: block)
        let bytes = unsafe buffer.plain
        guard
            let groups = unsafe reader.groups(
                of: bytes,
                zone,
                componentCount: components.count
            )
        else { throw malformed }
        var byComponent: [UsageRow] = []
        byComponent.reserveCapacity(zone.rowCount)
        var runs: [Run] = []
        for group in groups {
            guard unsafe reader.decodeRuns(group, of: bytes, zone),
                unsafe reader.decodeMinutes(group, of: bytes, zone),
                unsafe reader.decodeAmounts(group, of: bytes)
            else { throw malformed }
            reader.appendRows(of: group, to: &byComponent, &runs)
        }
        runs.sort { $0.key < $1.key }
        rows.removeAll(keepingCapacity: true)
        rows.reserveCapacity(byComponent.count)
        for run in runs { rows += byComponent[run.rows] }
    }

    /// The rows of one series and component, where a block keeps them.
    fileprivate struct Run {
        let key: UInt64
        let rows: Range<Int>
    }
}

extension RowBlockReader {
    fileprivate func appendRows(
        of group: Group,
        to rows: inout [UsageRow],
        _ runs: inout [Segment.Run]
    ) {
        var row = 0
        for run in 0..<group.runCount {
            let start = rows.count
            let end = unsafe row &+ Int(lengths[run])
            let series = unsafe UInt32(truncatingIfNeeded: series[run])
            while row < end {
                rows.append(
                    UsageRow(
                        series: series,
                        component: UInt32(truncatingIfNeeded: group.component),
                        minute: Minute(rawValue: unsafe UInt32(truncatingIfNeeded: minutes[row])),
                        count: unsafe counts[row],
                        sum: unsafe sums[row]
                    )
                )
                row &+= 1
            }
            let key = UInt64(series) << 32 | UInt64(group.component)
            runs.append(Segment.Run(key: key, rows: start..<rows.count))
        }
    }
}
