package import MeterWire

extension Segment {
    /// Reads every block and proves what the file says of itself: all checksums, the order of the rows, the
    /// block index, the first and last minute, and each component's sum and number of amounts.
    ///
    /// - Throws: The first thing that does not hold.
    /// - Complexity: O(rows); memory for one block.
    package func verify() throws(SegmentError) {
        var buffer = PieceBuffer()
        var reader = makeReader()
        var rows: [UsageRow] = []
        var totals = components.map { _ in UsageTotal() }
        var last: UInt128 = 0
        var first = Minute(rawValue: .max)
        var latest = Minute(rawValue: 0)
        for (block, zone) in footer.blocks.enumerated() {
            try decodeRows(ofBlock: block, &buffer, &reader, into: &rows)
            for row in rows {
                guard row.canonicalKey >= last else {
                    throw .malformedBlock(file: name, block: block)
                }
                last = row.canonicalKey
                totals[Int(row.component)].add(
                    UsageTotal(sum: UInt128(row.sum), count: row.count)
                )
            }
            guard zone == RowBlock.Zone(of: rows) else {
                throw .malformedBlock(file: name, block: block)
            }
            first = min(first, zone.firstMinute)
            latest = max(latest, zone.lastMinute)
        }
        for (entry, found) in zip(footer.components, totals) {
            guard entry.total.sum == found.sum else {
                throw .sumsDiffer(
                    file: name,
                    component: entry.component,
                    expected: entry.total.sum,
                    found: found.sum
                )
            }
            guard entry.total.count == found.count else {
                throw .countsDiffer(
                    file: name,
                    expected: entry.total.count,
                    found: found.count
                )
            }
        }
        let isEmpty = footer.blocks.isEmpty
        guard footer.firstMinute == (isEmpty ? Minute(rawValue: 0) : first),
            footer.lastMinute == latest
        else { throw .malformedFooter(file: name) }
    }
}

/// One key's usage over any number of segments.
package struct CanonicalRow: Equatable, Sendable {
    package let series: SeriesName
    package let component: Name
    package let minute: Minute
    package let total: UsageTotal

    package init(series: SeriesName, component: Name, minute: Minute, total: UsageTotal) {
        self.series = series
        self.component = component
        self.minute = minute
        self.total = total
    }
}

/// The usage in segments by ascending (series, component, minute), each key once.
///
/// The rows are the same before and after any merge, whatever the files' spans, so a hash over them stands
/// for the usage and not for how it is stored.
package enum CanonicalDump {
    /// Calls `body` for each row, in order.
    ///
    /// - Parameter segments: In any order, overlapping in nothing but keys.
    /// - Throws: Where a segment cannot be read or a block is damaged; the rows so far are then of no use.
    package static func forEachRow(
        of segments: [Segment],
        _ body: (CanonicalRow) -> Void
    ) throws(SegmentError) {
        var merge = try RowMerge(segments)
        var key: UsageRow?
        var total = UsageTotal()
        func emit(_ row: UsageRow, _ series: [SeriesName], _ components: [Name]) {
            body(
                CanonicalRow(
                    series: series[Int(row.series)],
                    component: components[Int(row.component)],
                    minute: row.minute,
                    total: total
                )
            )
        }
        while let row = try merge.next() {
            if let earlier = key, earlier.canonicalKey != row.canonicalKey {
                emit(earlier, merge.series, merge.components)
                total = UsageTotal()
            }
            key = row
            total.add(UsageTotal(sum: UInt128(row.sum), count: row.count))
        }
        if let key { emit(key, merge.series, merge.components) }
    }

    /// One line of text for a row: tenant, agent, access or "-", component, minute, count and sum, and "otlp" if it
    /// is of spans, with tabs between them.
    package static func line(_ row: CanonicalRow) -> String {
        [
            row.series.tenant.description, row.series.agent.description,
            row.series.access?.description ?? "-", row.component.description,
            String(row.minute.rawValue), String(row.total.count),
            String(row.total.sum) + (row.series.way == .otlp ? "\totlp" : ""),
        ].joined(separator: "\t")
    }
}
