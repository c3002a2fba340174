import Meter
import MeterTesting
import Testing

/// A disk that refuses: every call in turn, for want of space, at random over long histories.
@Suite struct JournalFailureTests {
    private enum Step {
        case append(isLarge: Bool)
        case commit, reopen, finish, checkpoint
    }

    private static let scenario: [Step] = [
        .append(isLarge: false), .append(isLarge: true), .commit, .append(isLarge: true), .commit,
        .append(isLarge: false), .reopen, .append(isLarge: false), .commit, .checkpoint,
        .append(isLarge: true), .commit, .finish, .append(isLarge: false), .commit,
    ]

    /// Fails the k-th call of the scenario for every k, and cuts the power after each call as well.
    @Test(arguments: [false, true], [false, true])
    func `any one call may fail, once or until the disk is mended`(
        isSticky: Bool,
        takesEffect: Bool
    ) throws {
        var hits = 0
        let harness = CrashHarness(oracle: JournalOracle(), answersMax: 24) { run in
            try JournalHistory.check(run)
        }
        while true {
            var isHit = false
            do {
                try harness.run { run in
                    run.disk.fail(
                        DiskFault(after: hits, isSticky: isSticky, takesEffect: takesEffect)
                    )
                    let patient = try PatientJournal(run)
                    for step in Self.scenario { try patient.perform(step) }
                    isHit = run.disk.callCount > hits
                    run.disk.heal()
                    try JournalHistory.check(run)
                }
            } catch {
                throw JournalMismatch(description: "call \(hits + 1) failed: \(error)")
            }
            guard isHit else { break }
            hits += 1
        }
        #expect(hits > 100)
    }

    @Test func `a full disk takes no false commit, and goes on when there is room`() throws {
        for capacity in stride(from: 1_100, to: 9_000, by: 90) {
            let disk = SimulatedDisk()
            disk.capacity = capacity
            let journal = try Journal.open(disk, options: JournalHistory.options).journal
            var committed: [TestRecord] = []
            var refused: DiskError?
            while refused == nil {
                let record = JournalHistory.record(committed.count, isLarge: true)
                _ = journal.append(record)
                do throws(DiskError) {
                    try journal.commit()
                    committed.append(record)
                } catch {
                    refused = error
                }
            }
            #expect(refused?.reason == .noSpace)
            // It stays so while the disk is full, without taking more of it.
            for _ in 0..<3 {
                #expect(throws: DiskError.self) {
                    while true {
                        try journal.restart()
                        _ = journal.append(JournalHistory.record(999, isLarge: true))
                        try journal.commit()
                    }
                }
            }
            disk.capacity = nil
            try journal.restart()
            let last = JournalHistory.record(committed.count, isLarge: false)
            _ = journal.append(last)
            try journal.commit()
            disk.crash()
            #expect(try Journal.open(disk, seed: 2).records == committed + [last])
        }
    }

    @Test func `after a failed sync the file is left alone`() throws {
        let disk = SimulatedDisk()
        let journal = try Journal.open(disk).journal
        _ = journal.append(TestRecord("one"))
        disk.fail(DiskFault(.sync))
        #expect(throws: DiskError(.sync, file: "journal-0000000001", .system(errno: 5))) {
            try journal.commit()
        }
        let failed = disk.image.files["journal-0000000001"]
        let calls = disk.callCount
        #expect(throws: DiskError(.sync, file: "journal-0000000001", .system(errno: 5))) {
            try journal.commit()
        }
        #expect(throws: DiskError.self) { try journal.finish() }
        #expect(disk.callCount == calls)
        #expect(journal.append(TestRecord("two")) == nil)
        #expect(journal.waitForAppend())
        try journal.restart()
        try journal.restart()
        _ = journal.append(TestRecord("three"))
        try journal.finish()
        #expect(disk.image.files["journal-0000000001"] == failed)
        #expect(try Journal.open(disk, seed: 2).records == [TestRecord("three")])
    }

    @Test func `old blocks under a new file are not taken for its records`() throws {
        // What was given up in the first file lies at the same offset, at the same position, in blocks
        // that the second file gets: only the salt tells them apart.
        let disk = SimulatedDisk()
        let journal = try Journal.open(disk).journal
        _ = journal.append(TestRecord("given up"))
        disk.fail(DiskFault(.sync, takesEffect: true))
        #expect(throws: DiskError.self) { try journal.commit() }
        try journal.restart()
        let old = try #require(disk.image.files["journal-0000000001"])
        disk.edit("journal-0000000002") { $0 += old[$0.count...] }
        let opened = try Journal.open(disk, seed: 2)
        #expect(opened.records == [])
        #expect(opened.recovery.tornTail?.byteCount == UInt64(old.count - 1_024))
    }

    /// Long histories with everything at once, against the oracle.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func `nothing committed is lost over a long life of faults and power cuts`(seed: UInt64) throws
    {
        var seed = Seed(seed)
        var image = DiskImage()
        var oracle = JournalOracle()
        for life in 0..<12 {
            let run = CrashRun(SimulatedDisk(image), oracle)
            let patient = try PatientJournal(run, seed: UInt64(life + 100))
            for _ in 0..<(1 + seed.below(40)) {
                if seed.oneIn(6) {
                    let operation: DiskError.Operation? = seed.pick([
                        nil, .append, .sync, .syncDirectory, .rename, .create,
                    ])
                    run.disk.fail(
                        DiskFault(
                            operation,
                            after: seed.below(4),
                            isSticky: seed.oneIn(4),
                            takesEffect: seed.oneIn(2)
                        )
                    )
                }
                if seed.oneIn(10) { run.disk.dropCaches() }
                let step: Step =
                    switch seed.below(12) {
                    case 0..<4: .append(isLarge: false)
                    case 4..<6: .append(isLarge: true)
                    case 6..<9: .commit
                    case 9: .reopen
                    case 10: .finish
                    default: .checkpoint
                    }
                try patient.perform(step)
            }
            run.disk.crash(.anything, using: &seed)
            image = run.disk.image
            oracle = run.oracle
            // Numbers must not come again: what was given up would look like something new.
            oracle.count += 1
        }
    }

    /// A journal whose owner tries again, as the engine does, and mends the disk if that does not help.
    private final class PatientJournal {
        private let run: CrashRun<JournalOracle>
        private var journal: Journal
        private var seed: UInt64

        init(_ run: CrashRun<JournalOracle>, seed: UInt64 = 1) throws {
            self.run = run
            self.seed = seed
            journal = try Self.open(run, seed: seed)
        }

        func perform(_ step: Step) throws {
            switch step {
            case .append(let isLarge):
                guard
                    journal.append(JournalHistory.record(run.oracle.count, isLarge: isLarge)) != nil
                else { return }
                run.note { oracle in
                    oracle.appended.append(oracle.count)
                    oracle.count += 1
                }
            case .commit:
                try attempt { () throws(DiskError) in try journal.commit() }
            case .finish:
                try attempt { () throws(DiskError) in try journal.finish() }
                if journal.failure == nil { try reopen() }
            case .reopen:
                try reopen()
            case .checkpoint:
                run.note { oracle in
                    oracle.checkpoint = journal.durable
                    oracle.committed = []
                }
                _ = try? journal.removeFiles(below: journal.durable, keepingBytes: 0)
            }
        }

        /// A commit, or a failure and the restarts that it takes.
        private func attempt(_ body: () throws(DiskError) -> Void) throws {
            let durable = journal.durable
            do {
                try body()
                run.note { oracle in
                    oracle.committed += oracle.appended
                    oracle.appended = []
                }
                return
            } catch {
                guard journal.failure == error else {
                    throw JournalMismatch(description: "\(error) did not fail the journal")
                }
            }
            // A mark may have been the only thing that failed, behind a commit that did not.
            let isCommitted = journal.durable > durable
            run.note { oracle in
                if isCommitted { oracle.committed += oracle.appended }
                if isCommitted { oracle.appended = [] }
            }
            for attempt in 0... {
                if attempt == 2 { run.disk.heal() }
                if (try? journal.restart()) != nil { break }
            }
            run.note { $0.appended = [] }
            for attempt in 0... {
                if attempt == 2 { run.disk.heal() }
                guard let (records, reading) = try? journal.records(from: run.oracle.checkpoint),
                    reading.damaged.isEmpty
                else { continue }
                let numbers = try records.map(JournalHistory.number)
                guard numbers == run.oracle.committed else {
                    throw JournalMismatch(
                        description: "after the restart \(numbers), not \(run.oracle.committed)"
                    )
                }
                return
            }
        }

        private func reopen() throws {
            seed += 1
            journal = try Self.open(run, seed: seed)
        }

        private static func open(_ run: CrashRun<JournalOracle>, seed: UInt64) throws -> Journal {
            var attempt = 0
            while true {
                do {
                    return try JournalHistory.check(run, seed: seed &+ UInt64(attempt) &* 1_000)
                } catch {
                    // Refused, or unreadable in the middle: never a wrong answer.
                    let isRefused = error is ReplayError<Never>
                    let isUnreadable = "\(error)".contains("cannot read")
                    guard isRefused || isUnreadable, attempt < 5 else { throw error }
                    attempt += 1
                    if attempt == 2 { run.disk.heal() }
                }
            }
        }
    }
}
