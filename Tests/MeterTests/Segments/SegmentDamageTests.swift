import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct SegmentDamageTests {
    private let span = JournalSpan(from: 256, to: 4096)
    private let everything = UsageQuery(
        windows: [Minute(rawValue: 0), Minute(rawValue: .max)],
        grouping: [.tenant, .component],
        classes: .all
    )

    private func smallTable(_ seed: UInt64, _ rowCountMax: Int = 60) -> UsageTable {
        var random = Seed(seed)
        var table = Workload.table(&random, rowCountMax: rowCountMax)
        while table.rows.isEmpty { table = Workload.table(&random, rowCountMax: rowCountMax) }
        return table
    }

    /// Nil if the file was refused, or any damage was reported.
    private func answer(_ name: String, on disk: MemoryDisk) -> [UsageGroup: UsageTotal]? {
        do throws(SegmentError) {
            let segment = try Segment.open(name, on: disk)
            var accumulator = UsageAccumulator(everything)
            let scan = try segment.scan(into: &accumulator)
            return scan.damaged.isEmpty ? accumulator.finish() : nil
        } catch {
            #expect(!error.description.isEmpty)
            return nil
        }
    }

    @Test func `every flipped bit of a segment is detected`() throws {
        let disk = MemoryDisk()
        let name = try SegmentWriter.write(table: smallTable(1, 8), span: span, to: disk).name
        #expect(answer(name, on: disk) != nil)
        for bit in 0..<8 * disk[name].count {
            disk.flip(bit: bit, of: name)
            #expect(answer(name, on: disk) == nil, "bit \(bit)")
            disk.flip(bit: bit, of: name)
        }
    }

    @Test(arguments: [2, 3, 4] as [UInt64])
    func `every changed byte of a segment is detected`(seed: UInt64) throws {
        var random = Seed(seed)
        let disk = MemoryDisk()
        let table = smallTable(seed, 100)
        let name = try SegmentWriter.write(table: table, span: span, to: disk).name
        #expect(answer(name, on: disk) != nil)
        let bytes = disk[name]
        for index in bytes.indices {
            var changed = bytes
            changed[index] &+= UInt8(1 + random.below(255))
            disk[name] = changed
            #expect(answer(name, on: disk) == nil, "byte \(index)")
        }
    }

    @Test func `every cut and every addition is detected`() throws {
        let disk = MemoryDisk()
        let name = try SegmentWriter.write(table: smallTable(4), span: span, to: disk).name
        let bytes = disk[name]
        for count in 0..<bytes.count {
            disk[name] = Array(bytes[..<count])
            #expect(answer(name, on: disk) == nil, "cut to \(count) bytes")
            disk[name] = Array(bytes[(bytes.count - count)...])
            #expect(answer(name, on: disk) == nil, "only the last \(count) bytes")
        }
        disk[name] = bytes + [0]
        #expect(answer(name, on: disk) == nil)
        disk[name] = bytes + bytes
        #expect(answer(name, on: disk) == nil)
    }

    @Test func `a segment under another's name is refused`() throws {
        let disk = MemoryDisk()
        let name = try SegmentWriter.write(table: smallTable(5), span: span, to: disk).name
        let other = DataFileName.sealed(.segment, JournalSpan(from: 0, to: 4096)).text
        disk[other] = disk[name]
        #expect(
            throws: SegmentError.file(.misnamed(file: other, holds: .sealed(.segment, span)))
        ) { try Segment.open(other, on: disk) }
        let dedup = DataFileName.sealed(.dedup, JournalSpan(from: 0, to: 4096)).text
        disk[dedup] = disk[name]
        #expect(throws: SegmentError.self) { try Segment.open(dedup, on: disk) }
    }

    @Test func `the blocks around a damaged one are served, and the damaged range is named`() throws
    {
        let disk = MemoryDisk()
        let series = (0..<40).map { SeriesName(tenant: "t", agent: Name("a\($0 + 10)")) }
        var rows: [UsageRow] = []
        for index in 0..<40_000 as Range<UInt32> {
            let minute = Minute(rawValue: 1000 + index % 1000)
            rows.append(
                UsageRow(
                    series: index / 1000,
                    component: 0,
                    minute: minute,
                    count: 1,
                    sum: UInt64(index % 997)
                )
            )
        }
        let table = UsageTable(series: series, components: ["x"], rows: rows)
        let name = try SegmentWriter.write(table: table, span: span, to: disk).name
        var bytes = disk[name]
        bytes[24 + 10] ^= 4
        disk[name] = bytes

        let query = UsageQuery(
            windows: [Minute(rawValue: 0), Minute(rawValue: .max)],
            grouping: []
        )
        var accumulator = UsageAccumulator(query)
        let scan = try Segment.open(name, on: disk).scan(into: &accumulator)
        let damage = try #require(scan.damaged.first)
        #expect(scan.damaged.count == 1)
        #expect(damage.rowCount == 8192)
        #expect(damage.firstSeries == series[0])
        #expect(damage.lastSeries == series[8])
        #expect(damage.minutes == Minute(rawValue: 1000)...Minute(rawValue: 1999))
        guard case .damaged(let file, block: 0, _, _) = damage.error, file == name else {
            Issue.record("not named: \(damage.error.description)")
            return
        }
        let rest = rows[8192...].reduce(0) { $0 + UInt128($1.sum) }
        #expect(accumulator.finish() == [UsageGroup(): UsageTotal(sum: rest, count: 40_000 - 8192)])
    }
}
