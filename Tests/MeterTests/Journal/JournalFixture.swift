import Meter
import MeterTesting
import Testing

/// Three files: the first ends in a commit that was given up, the second is full, the third is
/// `finished` or not. Two records a group.
struct JournalFixture {
    let image: DiskImage
    var records: [TestRecord] = []
    /// Where each record lies: file, and its range of bytes in it.
    var places: [(file: String, bytes: Range<Int>)] = []
    var positions: [Range<UInt64>] = []

    init(isFinished: Bool) throws {
        let disk = SimulatedDisk()
        let options = Journal.Options(fileBytesMax: 1_300, bufferBytesMax: 4_096)
        let journal = try Journal.open(disk, options: options).journal
        for number in 0..<12 {
            let record = TestRecord(kind: UInt8(number + 1), "record number \(number)")
            records.append(record)
            let end = try #require(journal.append(record))
            positions.append((end - UInt64(20 + record.payload.count))..<end)
            if number % 2 == 1 { try journal.commit() }
            if number == 3 {
                _ = journal.append(TestRecord("given up"))
                disk.fail(DiskFault(.sync, takesEffect: true))
                #expect(throws: DiskError.self) { try journal.commit() }
                try journal.restart()
            }
        }
        if isFinished { try journal.finish() }
        image = disk.image
        #expect(try journal.records().records == records)
        let starts: [(name: String, start: UInt64)] = try disk.list().map { name in
            (
                name,
                try disk.open(name).bytes(at: 32, count: 8).reversed().reduce(0) {
                    $0 << 8 | UInt64($1)
                }
            )
        }
        #expect(starts.count == 3)
        for range in positions {
            let file = try #require(starts.last { $0.start <= range.lowerBound })
            let offset = 1_024 + Int(range.lowerBound - file.start)
            places.append((file.name, offset..<(offset + range.count)))
        }
    }

    func open(_ change: (SimulatedDisk) -> Void) throws -> OpenedJournal {
        let disk = SimulatedDisk(image)
        change(disk)
        return try Journal.open(disk, seed: 7)
    }

    /// Bit by bit, so that the tests have a sum of their own.
    static func crc32c(_ bytes: [UInt8]) -> UInt32 {
        var sum: UInt32 = .max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
        }
        return ~sum
    }
}
