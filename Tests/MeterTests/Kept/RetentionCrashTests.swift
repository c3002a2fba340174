import Meter
import MeterTesting
import MeterWire
import Testing

/// The power is cut at every place of a pass of retention.
@Suite struct RetentionCrashTests {
    private static let hourCount: Int64 = 40
    private static let released = EventWorkload.start.advanced(byMilliseconds: 26 * 3_600_000)
    /// Rows of the first day may go.
    private static let cutoff = EventWorkload.start.advanced(byMilliseconds: 24 * 3_600_000)

    private static var options: EngineOptions {
        var options = KeptHistory.options
        options.shardCount = 1
        options.keptJournalBytes = .max
        return options
    }

    private static func events(_ hour: Int64) -> [UsageEvent] {
        (0..<20).map { .call(UInt64($0), minutes: hour * 60 + Int64($0)) }
    }

    /// An event each three minutes; everything is acknowledged and in segments.
    private static func filled(_ disk: any Disk) throws -> EngineHarness {
        let harness = try EngineHarness(disk: disk, options: options)
        var maker = FrameMaker(source: 1)
        for hour in 0..<hourCount {
            harness.now = EventWorkload.start.advanced(
                byMilliseconds: hour * 3_600_000 + 1_800_000)
            harness.receive(maker.frame(events(hour)))
            _ = try harness.engine.commit()
            if hour % 16 == 15 { try harness.checkpoint() }
        }
        return harness
    }

    private static func check(_ run: CrashRun<Int>) throws {
        let harness = try EngineHarness(disk: run.disk, options: options)
        guard harness.recovery.damage.isEmpty else {
            throw EngineMismatch(description: "damage: \(harness.recovery.damage)")
        }
        let expected = NaiveMeter((0..<hourCount).flatMap(events).filter { $0.time >= cutoff })
        var query = UsageQuery.everything
        query.windows = [Minute(cutoff) ?? Minute(rawValue: 0), Minute(rawValue: .max)]
        let pending = try harness.engine.query(query, at: harness.now)
        _ = try harness.engine.commit()
        guard harness.engine.answer(pending)?.totals == expected.totals else {
            throw EngineMismatch(description: "usage that is not released has changed")
        }
        var found: Set<Timestamp> = []
        var selection = KeptSelection()
        selection.allowsPartial = true
        let journal = harness.engine.keptJournal
        let reading = try journal.events(selection) { (event: KeptEvent) throws(Never) in
            found.insert(event.time)
        }
        let since = try journal.keptSince() ?? Timestamp(milliseconds: .min)
        let wanted = (0..<hourCount).flatMap(events).map(\.time)
        guard reading.damage.isEmpty,
            Set(wanted.filter { $0 >= min(since, released) }).isSubset(of: found)
        else { throw EngineMismatch(description: "the kept journal lacks what it must have") }
        // The next pass ends what this one began.
        while try harness.engine.indexNext() != nil {}
        harness.engine.retention.journalReleasedBefore = released
        harness.engine.retention.segmentsReleasedBefore = Minute(cutoff) ?? Minute(rawValue: 0)
        _ = try harness.engine.applyRetention()
        guard try harness.engine.applyRetention() == RetentionSummary() else {
            throw EngineMismatch(description: "a pass left something for the next one")
        }
        let kept = LiveFiles.find(try run.disk.list()).kept
        guard kept.allSatisfy({ $0.span.from >= harness.engine.keptJournal.from }) else {
            throw EngineMismatch(description: "an index outlived its file")
        }
    }

    @Test func `a power cut anywhere in a pass loses nothing that is still needed`() throws {
        let harness = CrashHarness(oracle: 0, answersMax: 64) { run in try Self.check(run) }
        try harness.run { run in
            let filled = try Self.filled(run.disk)
            run.skipCrashesSoFar()
            while try filled.engine.indexNext() != nil {}
            filled.engine.retention.journalReleasedBefore = Self.released
            filled.engine.retention.segmentsReleasedBefore =
                Minute(Self.cutoff) ?? Minute(rawValue: 0)
            let summary = try filled.engine.applyRetention()
            #expect(summary.removedFiles.contains { $0.hasPrefix("journal-") })
            #expect(!summary.rewrittenSegments.isEmpty)
            #expect(filled.engine.usageRetainedFrom == Minute(Self.cutoff))
        }
        #expect(harness.checkCount > 30)
    }
}
