import Meter
import MeterTesting
import MeterWire
import Testing

/// Files whose checksums hold and whose content is wrong: only a defect of ours makes them, and even then
/// nothing may trap and `verify` must see it.
@Suite struct SegmentForgeryTests {
    private let span = JournalSpan(from: 0, to: 512)

    /// Seals pieces into a segment of a disk of its own.
    private func forged(_ pieces: [[UInt8]]) throws -> (MemoryDisk, String) {
        let disk = MemoryDisk()
        var writer = try SealedFileWriter(.segment, span, on: disk)
        for piece in pieces { try writer.append(piece, effort: nil) }
        let name = writer.name
        _ = try writer.seal()
        return (disk, name)
    }

    private func pieces(_ seed: UInt64) throws -> [[UInt8]] {
        var random = Seed(seed)
        var table = Workload.table(&random, rowCountMax: 300)
        while table.rows.isEmpty { table = Workload.table(&random, rowCountMax: 300) }
        let disk = MemoryDisk()
        let summary = try SegmentWriter.write(table: table, span: span, to: disk)
        let file = try SealedFile.open(summary.name, on: disk)
        return try (0..<file.pieceCount).map { try file.piece($0) }
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `no forged content traps`(seed: UInt64) throws {
        var random = Seed(seed)
        let original = try pieces(seed)
        for _ in 0..<60 {
            var pieces = original
            for _ in 0...random.below(3) {
                let piece = random.below(pieces.count)
                guard !pieces[piece].isEmpty else { continue }
                let index = random.below(pieces[piece].count)
                switch random.below(4) {
                case 0: pieces[piece][index] = UInt8(random.below(256))
                case 1: pieces[piece][index] ^= 1 << random.below(8)
                case 2: pieces[piece].removeSubrange(index...)
                default: pieces[piece].insert(0xFF, at: index)
                }
            }
            let (disk, name) = try forged(pieces)
            do throws(SegmentError) {
                let segment = try Segment.open(name, on: disk)
                var accumulator = UsageAccumulator(
                    UsageQuery(
                        windows: [0, 28_420_000, .max].map { Minute(rawValue: $0) },
                        grouping: [.component, .window]
                    )
                )
                _ = try segment.scan(into: &accumulator)
                try segment.verify()
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
    }

    @Test func `a footer that differs from its rows in one sum or count is found`() throws {
        let disk = MemoryDisk()
        let row = UsageRow(
            series: 0,
            component: 0,
            minute: Minute(rawValue: 9),
            count: 3,
            sum: 12
        )
        let table = UsageTable(
            series: [SeriesName(tenant: "t", agent: "a")],
            components: ["x"],
            rows: [row]
        )
        let summary = try SegmentWriter.write(table: table, span: span, to: disk)
        let file = try SealedFile.open(summary.name, on: disk)
        let original = try (0..<file.pieceCount).map { try file.piece($0) }
        // u32, varint, u32, u32, varint, varint, varint, varint, "x": 18 bytes before the sum.
        let footer = original.count - 1
        #expect(original[footer][18] == 12)
        #expect(original[footer][34] == 3)

        var pieces = original
        pieces[footer][18] = 13
        var (forgedDisk, name) = try forged(pieces)
        #expect(
            throws: SegmentError.sumsDiffer(file: name, component: "x", expected: 13, found: 12)
        ) { try Segment.open(name, on: forgedDisk).verify() }
        #expect(throws: SegmentError.self) {
            try SegmentMerger.merge([Segment.open(name, on: forgedDisk)], to: forgedDisk)
        }

        pieces = original
        pieces[footer][34] = 4
        (forgedDisk, name) = try forged(pieces)
        #expect(throws: SegmentError.countsDiffer(file: name, expected: 4, found: 3)) {
            try Segment.open(name, on: forgedDisk).verify()
        }
        let report = try DataFileVerification.report(on: name, forgedDisk)
        #expect(report.findings.count == 1)
    }
}
