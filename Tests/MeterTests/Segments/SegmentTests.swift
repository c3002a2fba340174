import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct SegmentTests {
    private let span = JournalSpan(from: 0, to: 4096)

    @Test(arguments: 0..<24 as Range<UInt64>)
    func `a scan of a segment answers as the naive model does`(seed: UInt64) throws {
        var random = Seed(seed)
        let table = Workload.table(&random, rowCountMax: seed % 6 == 0 ? 30_000 : 2000)
        let disk = MemoryDisk()
        let effort = random.oneIn(2) ? LZ4.Effort.fast : .high
        let summary = try SegmentWriter.write(table: table, span: span, to: disk, effort: effort)
        #expect(summary.rowCount == UInt64(table.rows.count))
        #expect(summary.byteCount == disk[summary.name].count)
        #expect(try disk.list() == [summary.name])
        let segment = try Segment.open(summary.name, on: disk)
        #expect(segment.series == table.series)
        #expect(segment.components == table.components)
        #expect(segment.span == span)
        for _ in 0..<12 {
            let query = NaiveAccumulator.query(&random, about: table)
            var naive = NaiveAccumulator(query)
            naive.add(table)
            var accumulator = UsageAccumulator(query)
            let scan = try segment.scan(into: &accumulator)
            #expect(scan.damaged.isEmpty)
            #expect(accumulator.finish() == naive.totals)
        }
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func `the footer's sums are those of the rows`(seed: UInt64) throws {
        var random = Seed(seed)
        let table = Workload.table(&random)
        let summary = try SegmentWriter.write(table: table, span: span, to: MemoryDisk())
        var totals: [Name: UsageTotal] = [:]
        for (key, total) in Workload.usage(table) {
            totals[key.component, default: UsageTotal()].sum += total.sum
            totals[key.component, default: UsageTotal()].count = Workload.addClamped(
                totals[key.component]?.count ?? 0,
                total.count
            )
        }
        #expect(summary.components.map(\.component) == table.components)
        for entry in summary.components {
            #expect(entry.total == totals[entry.component] ?? UsageTotal())
        }
    }

    @Test func `rows out of order are refused, and nothing has the segment's name`() throws {
        let series = [SeriesName(tenant: "t", agent: "a"), SeriesName(tenant: "t", agent: "b")]
        func row(_ series: UInt32, _ component: UInt32, _ minute: UInt32) -> UsageRow {
            UsageRow(
                series: series,
                component: component,
                minute: Minute(rawValue: minute),
                count: 1,
                sum: 1
            )
        }
        for rows in [
            [row(1, 0, 5), row(0, 0, 5)], [row(0, 1, 5), row(0, 0, 5)],
            [row(0, 0, 5), row(0, 0, 4)], [row(0, 0, 4), row(2, 0, 4)],
            [row(0, 0, 4), row(0, 2, 4)],
        ] {
            let disk = MemoryDisk()
            #expect(throws: SegmentError.notCanonical(row: 1)) {
                try SegmentWriter.write(
                    table: UsageTable(series: series, components: ["x", "y"], rows: rows),
                    span: span,
                    to: disk
                )
            }
            #expect(try disk.list().allSatisfy { $0.hasSuffix(".tmp") })
        }
        #expect(throws: SegmentError.dictionaryNotSorted(index: 1)) {
            try SegmentWriter.write(
                table: UsageTable(series: series, components: ["x", "x"], rows: []),
                span: span,
                to: MemoryDisk()
            )
        }
    }

    @Test func `a temporary file that an earlier attempt left behind is replaced`() throws {
        let disk = MemoryDisk()
        let name = DataFileName.sealed(.segment, span).text
        disk[name + ".tmp"] = [1, 2, 3]
        let table = UsageTable(series: [], components: [], rows: [])
        try SegmentWriter.write(table: table, span: span, to: disk)
        #expect(try disk.list() == [name])
        #expect(try Segment.open(name, on: disk).minutes == nil)
    }
}
