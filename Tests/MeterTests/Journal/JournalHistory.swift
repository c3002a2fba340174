import Meter
import MeterTesting

/// What must be found again after a power cut, and what may be.
struct JournalOracle: Hashable, Sendable {
    /// Durable, and not covered by the checkpoint.
    var committed: [Int] = []
    /// Appended after them; a crash may keep any number of them from the front.
    var appended: [Int] = []
    var checkpoint: UInt64 = 0
    /// Numbers of records that were ever appended; those in neither list were given up.
    var count = 0
}

struct JournalMismatch: Error, CustomStringConvertible {
    let description: String
}

/// A journal that is driven by single operations, with the oracle beside it.
final class JournalHistory {
    enum Operation: CaseIterable {
        case appendSmall, appendLarge
        case commit
        /// A commit whose write leaves half of it, and the restart after it.
        case failWrite
        /// A commit whose sync loses the pages, and the restart.
        case failSync
        /// A commit whose sync fails though everything is on the platter, and the restart.
        case failSyncWritten
        /// As `failSync`, and the first restart fails when it makes the new name durable.
        case failRestart
        /// The process is killed; the machine goes on.
        case reopen
        /// The process is killed between write and sync: the next one sees what is in memory only.
        case killBeforeSync
        /// The process ends over a failed sync: the next one sees pages that are clean and lost.
        case dieOfFailedSync
        case finish
        /// All that is durable is covered elsewhere, and its files are removed.
        case checkpoint
    }

    /// A file is full after one large record.
    static let options = Journal.Options(fileBytesMax: 1_600, bufferBytesMax: 4_096)

    private let run: CrashRun<JournalOracle>
    private var journal: Journal
    private var opened = 1

    init(_ run: CrashRun<JournalOracle>) throws {
        self.run = run
        journal = try Journal.open(run.disk, options: Self.options, seed: 1).journal
    }

    static func record(_ number: Int, isLarge: Bool) -> TestRecord {
        let seed = Seed(UInt64(number))
        var bytes = Array("\(number) ".utf8)
        var random = seed
        while isLarge && bytes.count < 700 { bytes.append(UInt8(random.below(255)) + 1) }
        return TestRecord(kind: UInt8(1 + number % 9), bytes)
    }

    static func number(of record: TestRecord) throws -> Int {
        let digits = record.payload.prefix { $0 != 0x20 }
        guard let number = Int(String(decoding: digits, as: UTF8.self)),
            record == Self.record(number, isLarge: record.payload.count > 600)
        else { throw JournalMismatch(description: "\(record) was never appended") }
        return number
    }

    /// Takes one step; false if the step would do nothing here.
    func perform(_ operation: Operation) throws -> Bool {
        let hasAppended = !run.oracle.appended.isEmpty
        switch operation {
        case .appendSmall, .appendLarge:
            let record = Self.record(run.oracle.count, isLarge: operation == .appendLarge)
            guard journal.append(record) != nil else {
                throw JournalMismatch(description: "an open journal refused a record")
            }
            run.note { oracle in
                oracle.appended.append(oracle.count)
                oracle.count += 1
            }
            return true
        case .commit:
            guard hasAppended else { return false }
            try journal.commit()
            noteCommitted()
        case .failWrite:
            guard hasAppended else { return false }
            try fail(DiskFault(.append))
        case .failSync:
            guard hasAppended else { return false }
            try fail(DiskFault(.sync))
        case .failSyncWritten:
            guard hasAppended else { return false }
            try fail(DiskFault(.sync, takesEffect: true))
        case .failRestart:
            guard hasAppended else { return false }
            try fail(DiskFault(.sync), restart: DiskFault(.syncDirectory))
        case .reopen:
            try reopen()
        case .killBeforeSync, .dieOfFailedSync:
            guard hasAppended else { return false }
            let isWritten = operation == .killBeforeSync
            run.disk.fail(DiskFault(isWritten ? .append : .sync, takesEffect: isWritten))
            guard (try? journal.commit()) == nil else {
                throw JournalMismatch(description: "a failed call did not fail the commit")
            }
            try reopen()
        case .finish:
            try journal.finish()
            noteCommitted()
            try reopen()
        case .checkpoint:
            guard !run.oracle.committed.isEmpty else { return false }
            run.note { oracle in
                oracle.checkpoint = journal.durable
                oracle.committed = []
            }
            try journal.removeFiles(below: journal.durable, keepingBytes: 0)
        }
        return true
    }

    private func noteCommitted() {
        run.note { oracle in
            oracle.committed += oracle.appended
            oracle.appended = []
        }
    }

    private func fail(_ fault: DiskFault, restart: DiskFault? = nil) throws {
        let durable = journal.durable
        run.disk.fail(fault)
        guard (try? journal.commit()) == nil, (try? journal.commit()) == nil,
            journal.failure != nil, journal.append(TestRecord("refused")) == nil
        else { throw JournalMismatch(description: "a failed journal went on") }
        if let restart {
            run.disk.fail(restart)
            guard (try? journal.restart()) == nil, journal.failure != nil else {
                throw JournalMismatch(description: "a failed restart went on")
            }
        }
        try journal.restart()
        // Nothing of what was given up is left in a buffer either.
        try journal.commit()
        run.note { $0.appended = [] }
        let (records, reading) = try journal.records(from: run.oracle.checkpoint)
        guard journal.durable == durable, journal.appended == durable, reading.damaged == [],
            try records.map(Self.number) == run.oracle.committed
        else { throw JournalMismatch(description: "after the restart: \(records), \(reading)") }
    }

    private func reopen() throws {
        opened += 1
        journal = try Self.check(run, seed: UInt64(opened))
    }

    /// Opens the journal, compares it with the oracle, and holds it to what it has shown from now on.
    @discardableResult
    static func check(_ run: CrashRun<JournalOracle>, seed: UInt64 = 99) throws -> Journal {
        let oracle = run.oracle
        let opened = try Journal.open(
            run.disk,
            from: oracle.checkpoint,
            options: options,
            seed: seed
        )
        let numbers = try opened.records.map(number)
        let may = oracle.committed + oracle.appended
        guard numbers.count >= oracle.committed.count, numbers.count <= may.count,
            numbers[...] == may.prefix(numbers.count)
        else {
            throw JournalMismatch(
                description: "found \(numbers), committed \(oracle.committed), "
                    + "appended \(oracle.appended); \(opened.recovery)"
            )
        }
        guard opened.recovery.damaged == [] else {
            throw JournalMismatch(description: "damage without any: \(opened.recovery.damaged)")
        }
        guard opened.journal.durable == opened.journal.appended,
            opened.journal.durable == opened.recovery.end,
            opened.recovery.recordCount == UInt64(numbers.count)
        else { throw JournalMismatch(description: "the counts are off: \(opened.recovery)") }
        run.note { oracle in
            oracle.committed = numbers
            oracle.appended = []
        }
        return opened.journal
    }
}
