package import MeterWire

/// Turns neighbouring segments into one that covers their spans together.
package enum SegmentMerger {
    /// Merges segments and gives the result its name; the inputs stay, and are superseded by it.
    ///
    /// Rows with equal keys become one unless their sum would leave 64 bits. Before the result gets its
    /// name its sums are compared with those in the inputs' footers.
    ///
    /// - Parameters:
    ///   - segments: At least one, in the order of their spans, without gap or overlap. One alone is
    ///     replaced by the result, which has its name.
    ///   - retainedFrom: Rows of earlier minutes are left out, and names that only they referred to.
    /// - Throws: ``SegmentError``, also where any block of an input is damaged; they are as they were.
    /// - Complexity: O(rows × inputs) at worst; memory for the names and one block of each input.
    @discardableResult
    package static func merge(
        _ segments: [Segment],
        to disk: any Disk,
        retainedFrom: Minute = Minute(rawValue: 0),
        effort: LZ4.Effort = .high
    ) throws(SegmentError) -> SegmentSummary {
        precondition(!segments.isEmpty, "a merge has at least one input")
        for (left, right) in zip(segments, segments.dropFirst())
        where left.span.to != right.span.from {
            throw .notAdjacent(left: left.span, right: right.span)
        }
        let span = JournalSpan(
            from: segments[0].span.from,
            to: segments[segments.count - 1].span.to
        )
        let usage = try Usage(segments, retainedFrom: retainedFrom)
        var builder = try SegmentBuilder.begin(
            series: usage.series,
            components: usage.components,
            span: span,
            on: disk,
            effort: effort,
            retainedFrom: segments.map(\.retainedFrom).reduce(retainedFrom, max)
        )
        let dropped = try copyRows(of: segments, retainedFrom, usage, to: &builder)
        try check(builder.totals, and: dropped, against: segments, file: builder.name)
        return try builder.finish(isReplacement: segments.count == 1)
    }

    /// Which names of the union the result keeps, and under which index.
    private struct Usage {
        var series: [SeriesName] = []
        var components: [Name] = []
        var seriesIndexes: [UInt32] = []
        var componentIndexes: [UInt32] = []

        init(_ segments: [Segment], retainedFrom: Minute) throws(SegmentError) {
            var merge = try RowMerge(segments)
            let isComplete = segments.allSatisfy {
                $0.rowCount == 0 || retainedFrom <= $0.footer.firstMinute
            }
            var seriesUse = [Bool](repeating: isComplete, count: merge.series.count)
            var componentUse = [Bool](repeating: isComplete, count: merge.components.count)
            while !isComplete, let row = try merge.next() {
                if row.minute < retainedFrom { continue }
                seriesUse[Int(row.series)] = true
                componentUse[Int(row.component)] = true
            }
            for (index, isUsed) in seriesUse.enumerated() {
                seriesIndexes.append(UInt32(series.count))
                if isUsed { series.append(merge.series[index]) }
            }
            for (index, isUsed) in componentUse.enumerated() {
                componentIndexes.append(UInt32(components.count))
                if isUsed { components.append(merge.components[index]) }
            }
        }
    }

    /// Returns what was left out.
    private static func copyRows(
        of segments: [Segment],
        _ retainedFrom: Minute,
        _ usage: Usage,
        to builder: inout SegmentBuilder
    ) throws(SegmentError) -> [Name: UsageTotal] {
        var merge = try RowMerge(segments)
        var dropped: [Name: UsageTotal] = [:]
        var pending: UsageRow?
        while var row = try merge.next() {
            if row.minute < retainedFrom {
                let component = merge.components[Int(row.component)]
                dropped[component, default: UsageTotal()].add(
                    UsageTotal(sum: UInt128(row.sum), count: row.count)
                )
                continue
            }
            row.series = usage.seriesIndexes[Int(row.series)]
            row.component = usage.componentIndexes[Int(row.component)]
            if let earlier = pending {
                if let sum = earlier.added(row) {
                    pending = sum
                    continue
                }
                try builder.append(earlier)
            }
            pending = row
        }
        if let pending { try builder.append(pending) }
        return dropped
    }

    private static func check(
        _ kept: [ComponentTotal],
        and dropped: [Name: UsageTotal],
        against segments: [Segment],
        file: String
    ) throws(SegmentError) {
        var expected: [Name: UsageTotal] = [:]
        for entry in segments.flatMap(\.totals) {
            expected[entry.component, default: UsageTotal()].add(entry.total)
        }
        var found = dropped
        for entry in kept { found[entry.component, default: UsageTotal()].add(entry.total) }
        for component in Set(expected.keys).union(found.keys).sorted() {
            let want = expected[component] ?? UsageTotal()
            let have = found[component] ?? UsageTotal()
            guard want.sum == have.sum else {
                throw .sumsDiffer(
                    file: file,
                    component: component,
                    expected: want.sum,
                    found: have.sum
                )
            }
            guard want.count == have.count else {
                throw .countsDiffer(file: file, expected: want.count, found: have.count)
            }
        }
    }
}

extension UsageRow {
    /// Both rows in one, where their keys are equal and neither number leaves 64 bits; else nil.
    fileprivate func added(_ other: UsageRow) -> UsageRow? {
        guard canonicalKey == other.canonicalKey else { return nil }
        let (sum, sumOverflow) = sum.addingReportingOverflow(other.sum)
        let (count, countOverflow) = count.addingReportingOverflow(other.count)
        if sumOverflow || countOverflow { return nil }
        return UsageRow(
            series: series,
            component: component,
            minute: minute,
            count: count,
            sum: sum
        )
    }
}
