import Meter
import MeterTesting
import Testing

/// The journal on a real directory.
@Suite struct JournalTests {
    let directory: TemporaryDirectory
    let disk: POSIXDisk

    init() throws {
        directory = try TemporaryDirectory()
        disk = try POSIXDisk(path: directory.path)
    }

    @Test func `committed records are replayed in order after an unclean end`() throws {
        let records = (0..<20).map { TestRecord(kind: UInt8(1 + $0 % 9), "record \($0)") }
        var opened = try Journal.open(disk)
        #expect(opened.recovery.end == 0)
        #expect(!opened.recovery.wasUnclean)
        for (index, record) in records.enumerated() {
            let end = try #require(opened.journal.append(record))
            #expect(end == opened.journal.appended)
            #expect(end > opened.journal.durable)
            if index % 3 == 0 { #expect(try opened.journal.commit() > end) }
        }
        try opened.journal.commit()
        #expect(opened.journal.durable == opened.journal.appended)
        let end = opened.journal.durable

        opened = try Journal.open(disk, seed: 2)
        #expect(opened.records == records)
        #expect(opened.recovery.recordCount == 20)
        #expect(opened.recovery.wasUnclean)
        #expect(opened.recovery.end == end)
        #expect(opened.recovery.damaged == [])
        #expect(opened.recovery.tornTail == nil)
    }

    @Test func `a finished journal is clean, and nothing of it is written again`() throws {
        var opened = try Journal.open(disk)
        _ = opened.journal.append(TestRecord("one"))
        try opened.journal.finish()
        try opened.journal.finish()
        #expect(opened.journal.append(TestRecord("two")) == nil)
        #expect(opened.journal.durable == opened.journal.appended)
        opened = try Journal.open(disk, seed: 2)
        #expect(opened.records == [TestRecord("one")])
        #expect(!opened.recovery.wasUnclean)
        #expect(try disk.open("journal-0000000002").byteCount() == 1024)
    }

    @Test func `replay begins at the checkpoint`() throws {
        var opened = try Journal.open(disk)
        var ends: [UInt64] = []
        for index in 0..<6 {
            ends.append(try #require(opened.journal.append(TestRecord("record \(index)"))))
            if index % 2 == 1 { try opened.journal.commit() }
        }
        for (index, end) in ends.enumerated() {
            opened = try Journal.open(disk, from: end, seed: UInt64(index + 2))
            #expect(opened.records == (index + 1..<6).map { TestRecord("record \($0)") })
            #expect(opened.recovery.damaged == [])
            #expect(opened.recovery.tornTail == nil)
        }
    }

    @Test func `files rotate, are read as one journal, and are removed from the oldest`() throws {
        let options = Journal.Options(fileBytesMax: 4096, bufferBytesMax: 4096)
        var opened = try Journal.open(disk, options: options)
        var records: [TestRecord] = []
        var ends: [UInt64] = []
        for index in 0..<100 {
            let record = TestRecord([UInt8](repeating: UInt8(index), count: 200))
            records.append(record)
            ends.append(try #require(opened.journal.append(record)))
            if index % 4 == 3 { try opened.journal.commit() }
        }
        #expect(try disk.list().count > 5)
        #expect(try opened.journal.records().records == records)
        #expect(try opened.journal.records(from: ends[49]).records == Array(records[50...]))
        #expect(try opened.journal.removeFiles(below: ends[49], keepingBytes: .max) == [])
        #expect(try opened.journal.removeFiles(below: ends[49], keepingBytes: 0).count > 2)
        #expect(opened.journal.keptFrom <= ends[49])
        opened = try Journal.open(disk, from: ends[49], options: options, seed: 2)
        #expect(opened.records == Array(records[50...]))
        #expect(opened.recovery.damaged == [])
        let gone = try opened.journal.records().reading.damaged
        #expect(gone.map(\.cause) == [.missing])
        #expect(gone.first?.to == opened.journal.keptFrom)
    }

    @Test func `append refuses what the buffer has no room for, and commit makes room`() throws {
        let options = Journal.Options(bufferBytesMax: 1024)
        let journal = try Journal.open(disk, options: options).journal
        let record = TestRecord([UInt8](repeating: 7, count: 400))
        #expect(journal.append(record) != nil)
        #expect(journal.append(record) != nil)
        #expect(journal.append(record) == nil)
        try journal.commit()
        #expect(journal.append(record) != nil)
        #expect(journal.payloadBytesMax == 1024 - 64)
        #expect(journal.append(TestRecord([UInt8](repeating: 7, count: 960))) == nil)
        try journal.commit()
        #expect(journal.append(TestRecord([UInt8](repeating: 7, count: 960))) != nil)
        try journal.commit()
        #expect(try journal.records().records.count == 4)
    }

    @Test func `a committer sleeps while there is nothing, and drains before it stops`()
        async throws
    {
        let journal = try Journal.open(disk).journal
        let count = 2_000
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while journal.waitForAppend() { _ = try? journal.commit() }
            }
            group.addTask {
                await withTaskGroup(of: Void.self) { appenders in
                    for appender in 0..<4 {
                        appenders.addTask {
                            for index in 0..<(count / 4) {
                                let record = TestRecord("\(appender) \(index)")
                                while journal.append(record) == nil { await Task.yield() }
                            }
                        }
                    }
                }
                journal.stopWaiting()
            }
        }
        #expect(journal.failure == nil)
        #expect(journal.durable == journal.appended)
        let (records, reading) = try journal.records()
        #expect(reading == JournalReading(recordCount: UInt64(count)))
        // Each appender's records are in its order.
        for appender in 0..<4 {
            let mine = records.filter { $0.payload.first == UInt8(0x30 + appender) }
            #expect(mine == (0..<(count / 4)).map { TestRecord("\(appender) \($0)") })
        }
    }
}
