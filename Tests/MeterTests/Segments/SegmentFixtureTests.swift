import Glibc
import Meter
import MeterTesting
import MeterWire
import Testing

/// Files of format version 1 must stay readable for ever.
@Suite struct SegmentFixtureTests {
    static let table: UsageTable = {
        let access = AccessID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
        let series = [
            SeriesName(tenant: "0f6d8d2c", agent: "summariser"),
            SeriesName(tenant: "0f6d8d2c", agent: "summariser", access: access),
            SeriesName(tenant: "0f6d8d2c", agent: "triage"),
            SeriesName(tenant: "7ab1c3d4", agent: "übersetzer"),
        ]
        var rows: [UsageRow] = []
        for index in 0..<600 as Range<UInt32> {
            let minute = Minute(rawValue: 29_000_000 + index % 50 + (index % 50) / 7 * 3)
            let calls = UInt64(1 + index % 5)
            let isCalls = index / 50 % 3 == 0
            rows.append(
                UsageRow(
                    series: index / 150,
                    component: index / 50 % 3,
                    minute: minute,
                    count: calls,
                    sum: isCalls ? calls : UInt64(index) * 977 % 4001
                )
            )
        }
        rows[599].sum = .max
        rows[599].count = 1 << 40
        return UsageTable(
            series: series,
            components: ["agent_calls", "input_tokens", "output_tokens"],
            rows: rows
        )
    }()

    static let span = JournalSpan(from: 0x1000, to: 0x2_0000)

    private func fixture(_ name: String) throws -> [UInt8] {
        let path = #filePath.replacing("MeterTests/Segments/SegmentFixtureTests.swift", with: "")
        guard let file = unsafe fopen(path + "Fixtures/" + name, "r") else {
            Issue.record("\(path)Fixtures/\(name) is missing")
            return []
        }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        return Array(bytes[..<count])
    }

    @Test func `a segment of version 1 is read as it was written`() throws {
        let disk = MemoryDisk()
        let name = DataFileName.sealed(.segment, Self.span).text
        disk[name] = try fixture("segment-v1.ms")
        let segment = try Segment.open(name, on: disk)
        try segment.verify()
        var lines: [String] = []
        try CanonicalDump.forEachRow(of: [segment]) { lines.append(CanonicalDump.line($0)) }
        let usage = Workload.usage(Self.table)
        #expect(lines.count == usage.count)
        #expect(lines.first == "0f6d8d2c\tsummariser\t-\tagent_calls\t29000000\t1\t1")
        #expect(
            lines.last
                == "7ab1c3d4\tübersetzer\t-\toutput_tokens\t29000070\t1099511627776\t"
                + "18446744073709551615"
        )
        #expect(
            lines[200].hasPrefix(
                "0f6d8d2c\tsummariser\t0123456789abcdeffedcba9876543210\tinput_tokens\t"
            )
        )
        let query = UsageQuery(
            windows: [Minute(rawValue: 0), Minute(rawValue: .max)],
            grouping: [.tenant, .agent, .access, .component]
        )
        var accumulator = UsageAccumulator(query)
        let groups = accumulator.register(series: segment.series, components: segment.components)
        unsafe Self.table.rows.withUnsafeBufferPointer {
            unsafe accumulator.add($0, of: groups)
        }
        var scanned = UsageAccumulator(query)
        #expect(try segment.scan(into: &scanned).damaged.isEmpty)
        #expect(scanned.finish() == accumulator.finish())
    }

    @Test func `the writer still makes the same pieces`() throws {
        let disk = MemoryDisk()
        let name = DataFileName.sealed(.segment, Self.span).text
        disk[name] = try fixture("segment-v1.ms")
        let old = try SealedFile.open(name, on: disk)
        let newDisk = MemoryDisk()
        try SegmentWriter.write(table: Self.table, span: Self.span, to: newDisk)
        let new = try SealedFile.open(name, on: newDisk)
        #expect(new.pieceCount == old.pieceCount)
        for piece in 0..<old.pieceCount { #expect(try new.piece(piece) == old.piece(piece)) }
    }

    @Test func `series of spans are marked by a flag that native ones do not have`() throws {
        let access = AccessID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
        let series = [
            SeriesName(tenant: "t", agent: "a"), SeriesName(tenant: "t", agent: "a", way: .otlp),
            SeriesName(tenant: "t", agent: "a", access: access, way: .otlp),
        ]
        let table = UsageTable(
            series: series,
            components: ["c"],
            rows: (0..<3).map {
                UsageRow(series: $0, component: 0, minute: Minute(rawValue: 5), count: 1, sum: 1)
            }
        )
        let disk = MemoryDisk()
        let name = try SegmentWriter.write(table: table, span: Self.span, to: disk).name
        let page: [UInt8] =
            [3, 0, 0, 1, 0x74, 0, 1, 0x61, 0x0B, 0x0F] + [
                0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF,
                0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10,
            ]
        #expect(try SealedFile.open(name, on: disk).piece(1) == page)
        #expect(try Segment.open(name, on: disk).series == series)
    }

    @Test func `an id file of version 1 is read as it was written`() throws {
        let disk = MemoryDisk()
        let name = DataFileName.sealed(.identifiers, Self.span).text
        disk[name] = try fixture("ids-v1.mi")
        let file = try IdentifierFile.open(name, on: disk)
        try file.verify()
        #expect(file.entryCount == 700)
        for entry in Self.identifiers {
            #expect(try file.entry(entry.hash) == entry)
        }
    }

    static let identifiers: [IdentifierEntry] = {
        var random = Seed(1)
        return (0..<700).map { index in
            IdentifierEntry(
                hash: IdentifierHash(
                    rawValue: UInt128(random.next()) << 64 | UInt128(random.next())
                ),
                content: random.next(),
                received: Minute(rawValue: 29_000_000 + index),
                disposition: UInt8(index % 3)
            )
        }
    }()
}
