import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct DataFileVerificationTests {
    @Test func `a sound segment is listed under any name`() throws {
        let disk = MemoryDisk()
        let table = SegmentFixtureTests.table
        let name = try SegmentWriter.write(
            table: table,
            span: JournalSpan(from: 3, to: 99),
            to: disk
        ).name
        disk["copy"] = disk[name]
        let report = try DataFileVerification.report(on: "copy", disk)
        #expect(report.isSound)
        #expect(report.kind == .segment)
        #expect(report.span == JournalSpan(from: 3, to: 99))
        let values = Dictionary(
            report.lines.map { ($0.label, $0.value) },
            uniquingKeysWith: { first, _ in first }
        )
        #expect(values["rows"] == "600")
        #expect(values["first minute"] == "29000000")
        #expect(values["sum of agent_calls"] == "600")
    }

    @Test func `every damaged piece is named`() throws {
        let disk = MemoryDisk()
        var writer = try SealedFileWriter(.dedup, JournalSpan(from: 0, to: 9), on: disk)
        for size in [100, 200, 300] {
            try writer.append([UInt8](repeating: 7, count: size), effort: nil)
        }
        let file = try writer.seal()
        #expect(try DataFileVerification.report(on: file.name, disk).isSound)
        #expect(try file.piece(2) == [UInt8](repeating: 7, count: 300))
        disk.flip(bit: 8 * 30, of: file.name)
        disk.flip(bit: 8 * 500, of: file.name)
        let report = try DataFileVerification.report(on: file.name, disk)
        #expect(report.findings.count == 2)
        #expect(report.findings[0].contains("piece 0"))
        #expect(report.findings[1].contains("piece 2"))
        #expect(try file.piece(1).count == 200)
    }

    @Test func `other files are not taken for ours`() throws {
        let disk = MemoryDisk()
        disk["notes.txt"] = Array("MS is not enough".utf8)
        #expect(throws: SealedFileError.self) {
            try DataFileVerification.report(on: "notes.txt", disk)
        }
        disk["empty"] = []
        #expect(throws: SealedFileError.notSealed(file: "empty")) {
            try DataFileVerification.report(on: "empty", disk)
        }
        #expect(
            throws: SealedFileError.disk(DiskError(.open, file: "absent", .notFound))
        ) { try DataFileVerification.report(on: "absent", disk) }
    }

    @Test func `a piece beyond the limit is not written`() throws {
        let limit = SealedFile.pieceByteCountMax
        var writer = try SealedFileWriter(
            .dedup,
            JournalSpan(from: 0, to: 9),
            on: MemoryDisk()
        )
        var found: SealedFileError?
        do throws(SealedFileError) {
            try writer.append([UInt8](repeating: 0, count: limit + 1), effort: .fast)
        } catch { found = error }
        #expect(
            found == .pieceTooLarge(file: writer.name, byteCount: limit + 1, limit: limit)
        )
    }
}
