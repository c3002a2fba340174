import Meter
import MeterTesting
import MeterWire
import Testing

/// Indexes of kept journal files change how much is read, and nothing else.
@Suite struct KeptIndexTests {
    private struct Answer: Equatable {
        var entries: [KeptHistory.Entry] = []
        var missingSequences: [Range<UInt64>] = []
        var missingIdentifiers: Set<IdentifierHash> = []
    }

    private func answer(
        _ journal: KeptJournal, _ selection: KeptSelection
    ) throws -> (answer: Answer, reading: KeptReading) {
        var answer = Answer()
        let reading = try journal.events(selection) { (event: KeptEvent) throws(Never) in
            answer.entries.append(KeptHistory.Entry(event))
        }
        answer.missingSequences = reading.missingSequences
        answer.missingIdentifiers = reading.missingIdentifiers
        return (answer, reading)
    }

    private func index(_ harness: EngineHarness) throws -> [String] {
        var names: [String] = []
        while let name = try harness.engine.indexNext() { names.append(name) }
        return names
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `answers are the same without indexes, with them, and after they were deleted`(
        seed: UInt64
    ) throws {
        let disk = SimulatedDisk()
        let history = try KeptHistory(seed: seed, on: disk)
        try history.run(150)
        let plain = history.harness.engine.keptJournal
        let names = try index(history.harness)
        #expect(names.count > 2)
        let indexed = history.harness.engine.keptJournal
        let copy = try KeptJournal.open(disk)
        let written = try names.map { try disk.open($0).bytes() }
        var random = Seed(seed)
        let all = history.entries.map(\.told)
        var skippedCount = 0
        for _ in 0..<40 {
            let drawn = KeptSelection.random(of: all, using: &random)
            let selection = try #require(drawn)
            let (expected, whole) = try answer(plain, selection)
            let (found, reading) = try answer(indexed, selection)
            #expect(found == expected, "\(selection)")
            #expect(try answer(copy, selection).answer == expected, "\(selection)")
            #expect(reading.skippedFileCount + reading.fileCount == whole.fileCount)
            skippedCount += reading.skippedFileCount
        }
        #expect(skippedCount > 40)
        for name in names { try disk.remove(name) }
        let again = try history.harness.reopened(options: KeptHistory.options)
        #expect(try index(again).prefix(names.count) == names[...])
        #expect(try names.map { try disk.open($0).bytes() } == written)
    }

    @Test func `an index that is damaged in any bit is not believed`() throws {
        let disk = SimulatedDisk()
        let history = try KeptHistory(seed: 4, on: disk)
        try history.run(60)
        let names = try index(history.harness)
        let name = try #require(names.first)
        var selection = KeptSelection()
        selection.includesUncounted = true
        let expected = try answer(KeptJournal.open(disk), selection).answer
        let identifiers = expected.entries.compactMap { entry -> IdentifierHash? in
            if case .identifier(let identity) = entry.identity { identity.hash } else { nil }
        }
        selection.identifiers = Set(identifiers)
        let byID = try answer(KeptJournal.open(disk), selection).answer
        #expect(byID.entries.count > 5)
        for bit in stride(from: 0, to: try disk.open(name).byteCount() * 8, by: 7) {
            disk.flip(bit: bit, of: name)
            #expect(try answer(KeptJournal.open(disk), selection).answer == byID, "bit \(bit)")
            disk.flip(bit: bit, of: name)
        }
    }

    @Test func `a checkpoint, a restart and a merge leave indexes where they are`() throws {
        let disk = SimulatedDisk()
        let history = try KeptHistory(seed: 6, on: disk)
        try history.run(80)
        let names = try index(history.harness)
        try history.run(40)
        try history.harness.checkpoint()
        while try history.harness.engine.mergeNext(at: history.harness.now) != nil {}
        let again = try history.harness.reopened(options: KeptHistory.options)
        let present = Set(try disk.list())
        #expect(names.allSatisfy(present.contains))
        let added = try index(again)
        #expect(Set(added).isDisjoint(with: names) && !added.isEmpty)
        #expect(try index(again) == [])
        for name in names + added {
            #expect(try DataFileVerification.report(on: name, disk).isSound)
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `a filter that was folded still has everything`(seed: UInt64) {
        var random = Seed(seed)
        let count = 1 + random.below(2_000)
        var filter = IdentifierFilter(foldableFor: 1 << 14)
        let hashes = (0..<count).map { _ in
            IdentifierHash(rawValue: UInt128(random.next()) << 64 | UInt128(random.next()))
        }
        for hash in hashes { filter.insert(hash) }
        let folded = filter.folded(for: count)
        #expect(folded.words.count < filter.words.count)
        #expect(hashes.allSatisfy(folded.mayContain))
        let strangers = (0..<4_000).count { _ in
            folded.mayContain(
                IdentifierHash(rawValue: UInt128(random.next()) << 64 | UInt128(random.next())))
        }
        #expect(strangers < 80)
    }
}

/// Which journal files go, in which order, and what is said of what went.
@Suite struct JournalRetentionTests {
    /// Frames of one hour each for some days, every file indexed.
    private func days(
        _ count: Int64, on disk: any Disk, limit: Int = .max
    ) throws -> EngineHarness {
        var options = KeptHistory.options
        options.keptJournalBytes = limit
        let harness = try EngineHarness(disk: disk, options: options)
        var maker = FrameMaker(source: 1)
        for hour in 0..<(24 * count) {
            harness.now = EventWorkload.start.advanced(byMilliseconds: hour * 3_600_000 + 5)
            let events = (0..<20).map { UsageEvent.call(UInt64($0), minutes: hour * 60) }
            harness.receive(maker.frame(events))
            _ = try harness.engine.commit()
        }
        try harness.checkpoint()
        while try harness.engine.indexNext() != nil {}
        return harness
    }

    /// One more frame, and a checkpoint that removes what is released.
    private func apply(_ harness: EngineHarness) throws {
        var maker = FrameMaker(source: 2)
        harness.receive(maker.frame([.call(minutes: 24 * 60)]))
        try harness.checkpoint()
    }

    private func times(_ journal: KeptJournal) throws -> [Timestamp] {
        var selection = KeptSelection()
        selection.allowsPartial = true
        var times: [Timestamp] = []
        _ = try journal.events(selection) { (event: KeptEvent) throws(Never) in
            times.append(event.time)
        }
        return times
    }

    @Test func `files that concern only what is released go, and the date is exact`() throws {
        let disk = SimulatedDisk()
        let harness = try days(4, on: disk)
        let before = try times(harness.engine.keptJournal)
        let released = EventWorkload.start.advanced(byMilliseconds: 2 * 86_400_000)
        harness.engine.retention.journalReleasedBefore = released
        try apply(harness)
        let journal = harness.engine.keptJournal
        let since = try #require(try journal.keptSince())
        #expect(since <= released && EventWorkload.start < since)
        #expect(Set(before.filter { $0 >= released }).isSubset(of: try times(journal)))
        let gone = before.filter { $0 < since }
        #expect(since == gone.max()?.advanced(byMilliseconds: 1))
        // Most of what was released is gone: all but the rest of one file.
        #expect(released.milliseconds - since.milliseconds < 12 * 3_600_000)
        let left = LiveFiles.find(try disk.list()).kept
        #expect(left.allSatisfy { $0.span.from >= journal.from })
        // Where the indexes are lost, the date is later, and never earlier than what is there.
        for file in left { try disk.remove(file.name) }
        let later = try #require(try KeptJournal.open(disk).keptSince())
        #expect(since < later && later <= since.advanced(byMilliseconds: 4_000_000))
    }

    @Test func `a file with one event of an open period stays, and so does what came after it`()
        throws
    {
        let disk = SimulatedDisk()
        let harness = try days(3, on: disk)
        harness.engine.retention.journalReleasedBefore = EventWorkload.start
        let names = try disk.list().filter { $0.hasPrefix("journal-") }
        try apply(harness)
        #expect(Set(names).isSubset(of: try disk.list()))
    }

    @Test func `what is released by nobody goes when there is too much, the oldest first`() throws {
        let disk = SimulatedDisk()
        let harness = try days(4, on: disk)
        let numbers = LiveFiles.find(try disk.list()).journalNumbers
        harness.engine.retention.journalByteCountMax = 16 << 10
        try apply(harness)
        let left = LiveFiles.find(try disk.list()).journalNumbers
        let first = try #require(left.first)
        let last = try #require(left.last)
        #expect(numbers.contains(first) && first > numbers[0])
        #expect(left == Array(first...last))
        var byteCount = 0
        for number in left {
            byteCount += try disk.open(DataFileName.journal(number: number).text).byteCount()
        }
        #expect(16 << 10 <= byteCount && byteCount <= 24 << 10)
    }

    @Test func `nothing above the checkpoint goes, whatever is released`() throws {
        let disk = SimulatedDisk()
        let harness = try days(2, on: disk, limit: 0)
        harness.engine.retention.journalReleasedBefore = Timestamp(milliseconds: .max)
        var maker = FrameMaker(source: 3)
        for _ in 0..<40 {
            harness.receive(maker.frame((0..<20).map { .call(UInt64($0), minutes: 47 * 60) }))
            _ = try harness.engine.commit()
        }
        let expected = try harness.totals()
        let numbers = LiveFiles.find(try disk.list()).journalNumbers
        #expect(try harness.engine.applyRetention() == RetentionSummary())
        #expect(LiveFiles.find(try disk.list()).journalNumbers == numbers)
        #expect(try harness.reopened().totals() == expected)
    }
}
