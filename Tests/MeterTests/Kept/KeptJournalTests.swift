import Meter
import MeterTesting
import MeterWire
import Testing

/// The kept journal read again: each event as it was admitted, and nothing else.
@Suite struct KeptJournalTests {
    private func found(
        _ journal: KeptJournal, _ selection: KeptSelection
    ) throws -> (entries: [KeptHistory.Entry], reading: KeptReading) {
        var entries: [KeptHistory.Entry] = []
        let reading = try journal.events(selection) { (event: KeptEvent) throws(Never) in
            entries.append(KeptHistory.Entry(event))
        }
        return (entries, reading)
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `every event of a random history is found as it was admitted, in its order`(
        seed: UInt64
    ) throws {
        let disk = SimulatedDisk()
        let history = try KeptHistory(seed: seed, on: disk)
        try history.run(120)
        var everything = KeptSelection()
        everything.includesUncounted = true
        let all = history.entries.map(\.told)
        let live = try found(history.harness.engine.keptJournal, everything)
        #expect(live.entries == all)
        #expect(live.reading.damage.isEmpty)
        #expect(live.reading.keptSince == nil)
        #expect(live.reading.eventCount == UInt64(all.count))
        let counted = try found(history.harness.engine.keptJournal, KeptSelection()).entries
        #expect(counted == all.filter(\.isCounted))
        #expect(NaiveMeter(counted.map(\.event)) == (try history.harness.totals()))
        #expect(try found(KeptJournal.open(disk), everything).entries == all)
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `a selection finds what the plainest reading of it finds`(seed: UInt64) throws {
        let history = try KeptHistory(seed: seed, on: SimulatedDisk())
        try history.run(150)
        var random = Seed(seed)
        let journal = history.harness.engine.keptJournal
        let all = history.entries.map(\.told)
        var foundCount = 0
        for _ in 0..<60 {
            let drawn = KeptSelection.random(of: all, using: &random)
            let selection = try #require(drawn)
            let (entries, reading) = try found(journal, selection)
            let expected = all.filter { $0.isSelected(by: selection) }
            #expect(entries == expected, "\(selection)")
            #expect(reading.eventCount == UInt64(expected.count))
            foundCount += expected.count
        }
        #expect(foundCount > 60)
    }

    @Test func `a span of positions is read and nothing around it`() throws {
        let history = try KeptHistory(seed: 3, on: SimulatedDisk())
        try history.run(80)
        let journal = history.harness.engine.keptJournal
        var positions: [UInt64] = []
        _ = try journal.records(KeptSelection()) {
            (record: KeptRecord, _: borrowing EventBatch) throws(Never) in
            positions.append(record.position)
        }
        let (from, to) = (positions[positions.count / 3], positions[positions.count / 2])
        var selection = KeptSelection()
        selection.span = JournalSpan(from: from, to: to)
        var read: [UInt64] = []
        let reading = try journal.records(selection) {
            (record: KeptRecord, _: borrowing EventBatch) throws(Never) in
            read.append(record.position)
        }
        #expect(read == positions.filter { from <= $0 && $0 < to })
        #expect(reading.fileCount < 60)
    }

    @Test func `what is not durable is not read`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame([.call(1)]))
        _ = try harness.engine.commit()
        harness.receive(maker.frame([.call(2)]))
        #expect(try found(harness.engine.keptJournal, KeptSelection()).entries.count == 1)
        _ = try harness.engine.commit()
        #expect(try found(harness.engine.keptJournal, KeptSelection()).entries.count == 2)
    }

    @Test func `a damaged range is named, and what is around it is read`() throws {
        let disk = SimulatedDisk()
        let history = try KeptHistory(seed: 5, on: disk)
        try history.run(100)
        let journal = history.harness.engine.keptJournal
        var records: [(position: UInt64, end: UInt64, count: Int)] = []
        var selection = KeptSelection()
        selection.includesUncounted = true
        _ = try journal.records(selection) {
            (record: KeptRecord, _: borrowing EventBatch) throws(Never) in
            records.append((record.position, record.end, record.eventCount))
        }
        let hurt = records.count / 2
        try disk.damage(position: records[hurt].position + 30)
        let (entries, reading) = try found(journal, selection)
        let before = records[..<hurt].reduce(0) { $0 + $1.count }
        var expected = history.entries.map(\.told)
        expected.removeSubrange(before..<(before + records[hurt].count))
        #expect(entries == expected)
        #expect(
            reading.damage.contains {
                $0.from <= records[hurt].position && records[hurt].end <= $0.to
            }
        )
    }
}

/// What was asked for and lies before what is kept.
@Suite struct JournalNotKeptTests {
    /// A source that sends a frame each hour for three days; the files of the first days are gone.
    private func aged() throws -> (harness: EngineHarness, maker: FrameMaker, since: Timestamp) {
        var options = KeptHistory.options
        options.keptJournalBytes = 12 << 10
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var maker = FrameMaker(source: 1)
        for hour in 0..<72 as Range<Int64> {
            harness.now = EventWorkload.start.advanced(byMilliseconds: hour * 3_600_000)
            let events = (0..<30).map { UsageEvent.call(UInt64($0), minutes: hour * 60) }
            #expect(harness.receive(maker.frame(events)).disposition == .new)
            _ = try harness.engine.commit()
            try harness.checkpoint()
        }
        let since = try #require(try harness.engine.keptJournal.keptSince())
        return (harness, maker, since)
    }

    private func count(
        _ harness: EngineHarness, _ change: (inout KeptSelection) -> Void
    ) throws(KeptJournalError<Never>) -> KeptReading {
        var selection = KeptSelection()
        change(&selection)
        return try harness.engine.keptEvents(selection) { (_) throws(Never) in }
    }

    @Test func `a time before the kept files is refused with the date from which they are kept`()
        throws
    {
        let (harness, _, since) = try aged()
        let end = harness.now.advanced(byMilliseconds: 1)
        #expect(EventWorkload.start < since && since < harness.now)
        let reading = try count(harness) { $0.times = since..<end }
        #expect(reading.eventCount > 0 && reading.eventCount % 30 == 0)
        #expect(reading.keptSince == since)
        let early = since.advanced(byMilliseconds: -1)
        let error = #expect(throws: KeptJournalError<Never>.self) {
            try count(harness) { $0.times = early..<end }
        }
        guard case .notKept(let refusal) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(refusal.since == since)
        let date = try #require(TimeText.text(since))
        #expect(refusal.description.contains(date))
        let partial = try count(harness) {
            $0.times = early..<end
            $0.allowsPartial = true
        }
        #expect(partial.eventCount >= reading.eventCount)
        #expect(throws: KeptJournalError<Never>.self) {
            try count(harness) { $0.tenants = ["acme"] }
        }
    }

    @Test func `numbers that were received and are gone are refused, those never sent are not`()
        throws
    {
        let (harness, maker, _) = try aged()
        let key = SourceKey(principal: EngineHarness.principal, source: maker.source)
        let end = maker.nextSequence
        let last = try count(harness) { $0.sequences = .init(key, (end - 30)..<(end + 10)) }
        #expect(last.eventCount == 30)
        #expect(last.missingSequences == [end..<(end + 10)])
        for range in [0..<1, 0..<end, 100..<(end - 1)] as [Range<UInt64>] {
            #expect(throws: KeptJournalError<Never>.self) {
                try count(harness) { $0.sequences = .init(key, range) }
            }
        }
        let other = SourceKey(principal: PrincipalID(rawValue: 9), source: maker.source)
        #expect(try count(harness) { $0.sequences = .init(other, 0..<5) }.eventCount == 0)
    }
}

extension SimulatedDisk {
    /// Changes a bit at a position of the journal.
    fileprivate func damage(position: UInt64) throws {
        for name in try list() where name.hasPrefix("journal-") {
            edit(name) { bytes in
                let start = bytes[32..<40].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
                let length = UInt64(bytes.count - 1_024)
                guard start <= position, position < start + length else { return }
                bytes[Int(1_024 + position - start)] ^= 4
            }
        }
    }
}
