import Meter
import MeterTesting
import MeterWire
import Testing

/// Whoever asks again and again never sees a durable total fall, whatever happens to the files beneath.
@Suite struct EngineContinuityTests {
    @Test(arguments: [1, 2] as [UInt64])
    func `durable totals never fall through checkpoints, merges, failures and crashes`(
        seed: UInt64
    ) throws {
        let world = try ContinuousWorld(seed: seed)
        while world.checkpointCount < 1_000 { try world.step() }
        try world.ask()
        #expect(world.answered == world.model.totals)
        #expect(world.mergeCount > 200)
        #expect(world.crashCount > 500)
        #expect(world.recoveryCount > 300)
        #expect(world.duplicateCount > 800)
    }
}

/// One emitter of three sources, the committer, and a reader that remembers its last answer.
private final class ContinuousWorld {
    private static var options: EngineOptions {
        var options = EngineHarness.options
        options.journal = Journal.Options(fileBytesMax: 8_192, bufferBytesMax: 1 << 18)
        options.mergeCountMin = 3
        return options
    }

    let disk = SimulatedDisk()
    private var harness: EngineHarness
    private var random: Seed
    private var workload: EventWorkload
    private var makers = (0..<3).map { FrameMaker(source: UInt64($0)) }
    /// Frames without an acknowledgement, which the emitter sends again after every failure.
    private var window: [(maker: Int, bytes: [UInt8])] = []
    /// Frames acknowledged lately, which the network may still deliver again.
    private var settled: [[UInt8]] = []
    private var batchCount: UInt64 = 0
    private var batches: [IngestBatch] = []
    private var pendingCheckpoint: PendingCheckpoint?
    private(set) var model = NaiveMeter()
    private(set) var answered: [UsageGroup: UsageTotal] = [:]
    private(set) var checkpointCount = 0
    private(set) var mergeCount = 0
    private(set) var crashCount = 0
    private(set) var recoveryCount = 0
    private(set) var duplicateCount = 0

    init(seed: UInt64) throws {
        random = Seed(seed)
        workload = EventWorkload(seed: seed)
        harness = try EngineHarness(disk: disk, options: ContinuousWorld.options)
    }

    func step() throws {
        harness.now = harness.now.advanced(byMilliseconds: 250)
        switch random.below(20) {
        case 0...6: send()
        case 7: sendBatch()
        case 8: if let frame = settled.randomElement(using: &random) { expectDuplicate(frame) }
        case 9...12: try ask()
        case 13...15: try checkpoint()
        case 16: if try harness.engine.mergeNext(at: harness.now) != nil { mergeCount += 1 }
        case 17: try failSync()
        case 18: try crash(.anything)
        default: try crashAmidst()
        }
    }

    private func send() {
        let number = random.below(makers.count)
        let events = workload.events(1 + random.below(4))
        let frame = makers[number].frame(events)
        model.count(events)
        window.append((number, frame))
        #expect(harness.receive(frame).disposition == .new)
    }

    private func sendBatch() {
        let events = workload.events(2)
        batchCount += 1
        let batch = IngestBatch([(batchCount * 2, events[0]), (batchCount * 2 + 1, events[1])])
        model.count(events)
        batches.append(batch)
        #expect(harness.receive(batch).items == [.accepted, .accepted])
    }

    private func expectDuplicate(_ frame: [UInt8]) {
        #expect(harness.receive(frame).disposition == .duplicate)
        duplicateCount += 1
    }

    /// Asks, makes durable, and takes the answer; everything sent so far is acknowledged then.
    func ask() throws {
        let pending = try harness.engine.query(.everything, at: harness.now)
        _ = try harness.engine.commit()
        let answer = try #require(harness.engine.answer(pending))
        try compare(answer.totals)
        answered = answer.totals
        #expect(answered == model.totals)
        settled += window.map(\.bytes)
        settled.removeFirst(max(0, settled.count - 20))
        window = []
        batches = []
    }

    private func compare(_ totals: [UsageGroup: UsageTotal]) throws {
        var now = NaiveMeter()
        now.totals = totals
        if let fallen = now.fallen(since: answered) { throw EngineMismatch(description: fallen) }
    }

    /// In two halves, with whatever the other steps do between them.
    private func checkpoint() throws {
        guard let begun = pendingCheckpoint else {
            pendingCheckpoint = harness.engine.beginCheckpoint()
            return
        }
        pendingCheckpoint = nil
        _ = try harness.engine.commit()
        do throws(EngineError) {
            _ = try harness.engine.finishCheckpoint(begun)
            checkpointCount += 1
        } catch {
            guard case .outlived = error else { throw error }
        }
    }

    private func failSync() throws {
        disk.fail(DiskFault(.sync, takesEffect: random.flag()))
        defer { disk.heal() }
        let unknown = try harness.engine.query(.everything, at: harness.now)
        guard (try? harness.engine.commit()) == nil else { return }
        #expect(harness.engine.answer(unknown) == nil)
        _ = try harness.engine.recover()
        recoveryCount += 1
        #expect(harness.engine.isOutlived(unknown))
        try lookAndSendAgain()
    }

    private func crash(_ policy: CrashPolicy) throws {
        disk.crash(policy, using: &random)
        harness = try harness.reopened(options: ContinuousWorld.options)
        #expect(harness.recovery.damage.isEmpty)
        crashCount += 1
        pendingCheckpoint = nil
        try lookAndSendAgain()
    }

    /// The power goes while a commit, a checkpoint or a merge is at work.
    private func crashAmidst() throws {
        disk.fail(DiskFault(after: random.below(25), isSticky: true))
        _ = try? harness.engine.commit()
        if random.flag(), let begun = harness.engine.beginCheckpoint() {
            _ = try? harness.engine.finishCheckpoint(begun)
        } else {
            _ = try? harness.engine.mergeNext(at: harness.now)
        }
        disk.heal()
        try crash(random.flag() ? .anything : .nothingKept)
    }

    /// What was answered before is still there, before anything is sent again; then all is.
    private func lookAndSendAgain() throws {
        try compare(harness.totals().totals)
        for (_, frame) in window {
            let disposition = harness.receive(frame).disposition
            #expect(disposition == .new || disposition == .duplicate)
        }
        for batch in batches {
            let items = harness.receive(batch).items
            #expect(items == [.accepted, .accepted] || items == [.duplicate, .duplicate])
        }
    }
}
