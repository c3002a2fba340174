import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct SegmentMergerTests {
    private func write(_ tables: [UsageTable], to disk: MemoryDisk) throws -> [Segment] {
        try tables.indices.map { index in
            let span = JournalSpan(from: UInt64(index) * 10, to: UInt64(index) * 10 + 10)
            let name = try SegmentWriter.write(table: tables[index], span: span, to: disk).name
            return try Segment.open(name, on: disk)
        }
    }

    private func dump(_ segments: [Segment]) throws -> [CanonicalRow] {
        var rows: [CanonicalRow] = []
        try CanonicalDump.forEachRow(of: segments) { rows.append($0) }
        return rows
    }

    /// Merges random neighbours until one segment is left.
    private func mergeAll(
        _ segments: [Segment],
        _ random: inout Seed,
        on disk: MemoryDisk
    ) throws -> Segment {
        var segments = segments
        while segments.count > 1 {
            let start = random.below(segments.count - 1)
            let end = start + 2 + random.below(segments.count - start - 1)
            let merged = try SegmentMerger.merge(Array(segments[start..<end]), to: disk)
            segments.replaceSubrange(
                start..<end,
                with: [try Segment.open(merged.name, on: disk)]
            )
        }
        return segments[0]
    }

    @Test(arguments: 0..<16 as Range<UInt64>)
    func `merges in any order add up to what the naive model does`(seed: UInt64) throws {
        var random = Seed(seed)
        let disk = MemoryDisk()
        let tables = (0..<2 + random.below(7)).map { _ in
            Workload.table(&random, rowCountMax: seed == 0 ? 9_000 : 800)
        }
        let segments = try write(tables, to: disk)
        let before = try dump(segments)
        let merged = try mergeAll(segments, &random, on: disk)
        try merged.verify()
        #expect(merged.span == JournalSpan(from: 0, to: UInt64(tables.count) * 10))
        var usage: Workload.Usage = [:]
        for table in tables { Workload.add(table, to: &usage) }
        let expected = usage.keys.sorted().map { key in
            CanonicalRow(
                series: key.series,
                component: key.component,
                minute: key.minute,
                total: usage[key] ?? UsageTotal()
            )
        }
        #expect(before == expected)
        #expect(try dump([merged]) == expected)
        #expect(merged.series == Set(tables.flatMap(\.series)).sorted())
        #expect(merged.components == Set(tables.flatMap(\.components)).sorted())
    }

    @Test func `equal keys become one row unless the sum would leave 64 bits`() throws {
        func table(_ sums: [UInt64]) -> UsageTable {
            UsageTable(
                series: [SeriesName(tenant: "t", agent: "a")],
                components: ["x"],
                rows: sums.map {
                    UsageRow(
                        series: 0,
                        component: 0,
                        minute: Minute(rawValue: 7),
                        count: 1,
                        sum: $0
                    )
                }
            )
        }
        for (inputs, rowCount) in [
            ([[1], [2], [3, 4]], 1), ([[.max], [1]], 2), ([[.max - 1], [1]], 1),
            ([[.max], [.max], [.max]], 3), ([[], [5]], 1), ([[], []], 0),
        ] as [([[UInt64]], UInt64)] {
            let disk = MemoryDisk()
            let segments = try write(inputs.map(table), to: disk)
            let summary = try SegmentMerger.merge(segments, to: disk)
            #expect(summary.rowCount == rowCount)
            let sum = inputs.joined().reduce(0) { $0 + UInt128($1) }
            let count = UInt64(inputs.joined().count)
            #expect(summary.components.map(\.total) == [UsageTotal(sum: sum, count: count)])
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `rows past their retention are left out, and names that only they used`(
        seed: UInt64
    ) throws {
        var random = Seed(seed)
        let disk = MemoryDisk()
        let tables = (0..<1 + random.below(4)).map { _ in
            Workload.table(&random, rowCountMax: 50)
        }
        let segments = try write(tables, to: disk)
        let rows = tables.flatMap(\.rows)
        let cutoff = rows.isEmpty ? Minute(rawValue: 5) : random.pick(rows).minute
        let expected = try dump(segments).filter { $0.minute >= cutoff }
        let summary = try SegmentMerger.merge(segments, to: disk, retainedFrom: cutoff)
        let merged = try Segment.open(summary.name, on: disk)
        try merged.verify()
        #expect(try dump([merged]) == expected)
        #expect(merged.retainedFrom == cutoff)
        if segments.contains(where: { $0.minutes.map { $0.lowerBound < cutoff } ?? false }) {
            #expect(merged.series == Set(expected.map(\.series)).sorted())
            #expect(merged.components == Set(expected.map(\.component)).sorted())
        }
    }

    @Test func `segments that are not neighbours are refused`() throws {
        let disk = MemoryDisk()
        let empty = UsageTable(series: [], components: [], rows: [])
        let segments = try write([empty, empty, empty], to: disk)
        #expect(
            throws: SegmentError.notAdjacent(left: segments[0].span, right: segments[2].span)
        ) { try SegmentMerger.merge([segments[0], segments[2]], to: disk) }
        #expect(throws: SegmentError.self) {
            try SegmentMerger.merge([segments[1], segments[0]], to: disk)
        }
    }

    @Test func `a damaged input stops the merge and nothing gets its name`() throws {
        var random = Seed(3)
        var table = Workload.table(&random)
        while table.rows.isEmpty { table = Workload.table(&random) }
        let disk = MemoryDisk()
        let segments = try write([table, table], to: disk)
        disk.flip(bit: 8 * 40, of: segments[1].name)
        #expect(throws: SegmentError.self) { try SegmentMerger.merge(segments, to: disk) }
        let live = try disk.list().filter { !$0.hasSuffix(".tmp") }
        #expect(live.sorted() == segments.map(\.name))
    }
}

@Suite struct MergePolicyTests {
    @Test(arguments: 0..<10 as Range<UInt64>)
    func `files stay few and each byte is rewritten seldom`(seed: UInt64) {
        var random = Seed(seed)
        let scale = 1 << (8 + random.below(14))
        var files: [MergePolicy.Candidate] = []
        var written = 0
        var rewritten = 0
        for number in 0..<2000 {
            let byteCount = 1 + random.below(scale)
            written += byteCount
            files.append(MergePolicy.Candidate(name: "f\(number)", byteCount: byteCount))
            while let names = MergePolicy.next(files) {
                let start = files.firstIndex { $0.name == names[0] } ?? files.count
                let inputs = files[start..<start + names.count]
                #expect(inputs.map(\.name) == names)
                #expect(names.count > 1 && names.count <= MergePolicy.inputCountMax)
                let sum = inputs.reduce(0) { $0 + $1.byteCount }
                rewritten += sum
                files.replaceSubrange(
                    start..<start + names.count,
                    with: [MergePolicy.Candidate(name: names[0] + "+", byteCount: sum)]
                )
            }
            #expect(files.count <= 80)
        }
        #expect(rewritten <= 8 * written)
        #expect(files.reduce(0) { $0 + $1.byteCount } == written)
    }

    @Test func `few files are left alone, and a merge never grows beyond the limit`() {
        #expect(MergePolicy.next([]) == nil)
        let one = MergePolicy.Candidate(name: "a", byteCount: 5)
        #expect(MergePolicy.next(Array(repeating: one, count: MergePolicy.fanIn - 1)) == nil)
        #expect(MergePolicy.next(Array(repeating: one, count: MergePolicy.fanIn))?.count == 8)
        let large = MergePolicy.Candidate(name: "b", byteCount: MergePolicy.byteCountMax / 2)
        #expect(MergePolicy.next(Array(repeating: large, count: 20)) == nil)
        let huge = MergePolicy.Candidate(name: "c", byteCount: .max)
        #expect(MergePolicy.next(Array(repeating: huge, count: 20)) == nil)
    }
}
