import Meter
import MeterTesting
import MeterWire
import Testing

/// The disk fails, the process goes on: nothing is told that is not true, nothing true is lost.
@Suite struct EngineFaultTests {
    @Test func `a failed sync, a frame sent again and a power cut count it once`() throws {
        let disk = SimulatedDisk()
        let harness = try EngineHarness(disk: disk)
        var maker = FrameMaker(source: 1)
        let events = [UsageEvent.call(3), .call(agent: "other", 4)]
        let frame = maker.frame(events)
        let first = harness.receive(frame)
        disk.fail(DiskFault(.sync))
        #expect(throws: DiskError.self) { try harness.engine.commit() }
        // Sent again before the recovery: a duplicate of something that is not durable.
        let again = harness.receive(frame)
        #expect(again.disposition == .duplicate)
        #expect(harness.acknowledgement(for: again)?.durableThrough == 0)
        var later = FrameMaker(source: 2)
        let laterFrame = later.frame(events)
        #expect(harness.receive(laterFrame).disposition == .deferred(.journal))
        _ = try harness.engine.recover()
        // The position of the first try is appended to again, by others: it says nothing any more.
        #expect(harness.receive(laterFrame).disposition == .new)
        #expect(harness.receive(later.frame(events)).disposition == .new)
        #expect(try harness.engine.commit() > first.position)
        #expect(harness.acknowledgement(for: first)?.durableThrough == 0)
        let counted = harness.receive(frame)
        #expect(counted.disposition == .new)
        _ = try harness.engine.commit()
        #expect(harness.acknowledgement(for: counted)?.durableThrough == 2)
        disk.crash(.nothingKept)
        let after = try harness.reopened()
        #expect(try after.totals() == NaiveMeter(events + events + events))
        #expect(after.receive(frame).disposition == .duplicate)
        #expect(try after.totals() == NaiveMeter(events + events + events))
    }

    @Test func `a full disk acknowledges nothing false, and goes on when there is space`() throws {
        for room in stride(from: 0, through: 4_000, by: 97) {
            let disk = SimulatedDisk()
            let harness = try EngineHarness(disk: disk)
            var workload = EventWorkload(seed: UInt64(room))
            var maker = FrameMaker(source: 1)
            disk.capacity = disk.image.files.values.reduce(room) { $0 + $1.count }
            var frames: [[UInt8]] = []
            var events: [UsageEvent] = []
            var acknowledged: UInt64 = 0
            for _ in 0..<12 {
                let new = workload.events(5)
                events += new
                frames.append(maker.frame(new))
                let outcome = harness.receive(frames[frames.count - 1])
                if (try? harness.engine.commit()) == nil {
                    // Recovery needs a new journal file; without space it is tried again.
                    _ = try? harness.engine.recover()
                }
                if frames.count % 4 == 0 { _ = try? harness.checkpoint() }
                let told = harness.acknowledgement(for: outcome)
                acknowledged = max(acknowledged, told?.durableThrough ?? 0)
            }
            // What was acknowledged survives a power cut on the full disk.
            let copy = try EngineHarness(disk: SimulatedDisk(disk.imageAfterPowerCut))
            let kept = copy.source(of: maker)?.watermark ?? 0
            #expect(kept >= acknowledged)
            disk.capacity = nil
            if (try? harness.engine.commit()) == nil { _ = try harness.engine.recover() }
            for frame in frames { harness.receive(frame) }
            #expect(try harness.totals() == NaiveMeter(events))
            disk.crash(.nothingKept)
            #expect(try harness.reopened().totals() == NaiveMeter(events))
        }
    }

    /// Where a fault strikes, and how.
    struct Strike: CustomTestStringConvertible, Sendable {
        let isSticky: Bool
        let takesEffect: Bool
        var testDescription: String {
            (isSticky ? "for good" : "once") + (takesEffect ? ", after its work" : "")
        }
    }

    @Test(arguments: [
        Strike(isSticky: false, takesEffect: false), Strike(isSticky: true, takesEffect: false),
        Strike(isSticky: false, takesEffect: true), Strike(isSticky: true, takesEffect: true),
    ])
    func `any disk call may fail: what was acknowledged is there and counted once`(
        strike: Strike
    ) throws {
        var call = 0
        while try FaultedHistory(strike, call: call).run() { call += 1 }
        #expect(call > 60)
    }

    @Test func `a checkpoint whose clean-up failed is not written a second time`() throws {
        let disk = SimulatedDisk()
        let harness = try EngineHarness(disk: disk)
        var workload = EventWorkload(seed: 3)
        var maker = FrameMaker(source: 1)
        var events: [UsageEvent] = []
        for round in 0..<3 {
            let new = workload.events(10)
            events += new
            harness.receive(maker.frame(new))
            _ = harness.receive(IngestBatch([(UInt64(round), .call())]))
            events.append(.call())
            let begun = try #require(harness.engine.beginCheckpoint())
            _ = try harness.engine.commit()
            // The first clean-up has nothing to remove, the others the dedup file before.
            disk.fail(DiskFault(.remove))
            if (try? harness.engine.finishCheckpoint(begun)) == nil {
                _ = try? harness.engine.finishCheckpoint(begun)
            }
            disk.heal()
            #expect(throws: EngineError.self) { try harness.engine.finishCheckpoint(begun) }
            #expect(try harness.totals() == NaiveMeter(events))
        }
        #expect(try harness.reopened().totals() == NaiveMeter(events))
    }

    @Test func `a recovery without a failure changes nothing`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        let frame = maker.frame([.call(5)])
        harness.receive(frame)
        _ = try harness.engine.recover()
        #expect(harness.receive(frame).disposition == .duplicate)
        #expect(try harness.totals().sum == 5)
        #expect(try harness.reopened().totals().sum == 5)
    }
}

/// One fixed history in which one disk call fails; the emitter sends everything again.
private final class FaultedHistory {
    private static var options: EngineOptions {
        var options = EngineHarness.options
        options.shardCount = 1
        options.journal = Journal.Options(fileBytesMax: 600, bufferBytesMax: 1 << 16)
        options.mergeCountMin = 2
        return options
    }

    private let strike: EngineFaultTests.Strike
    private let call: Int
    private let disk = SimulatedDisk()
    private let harness: EngineHarness
    private var maker = FrameMaker(source: 1)
    private var frames: [[UInt8]] = []
    private var batches: [IngestBatch] = []
    private var events: [UsageEvent] = []
    private var acknowledged: [UsageGroup: UsageTotal] = [:]
    private var hasStruck = false

    init(_ strike: EngineFaultTests.Strike, call: Int) throws {
        self.strike = strike
        self.call = call
        harness = try EngineHarness(disk: disk, options: FaultedHistory.options)
    }

    /// - Returns: False when the history was over before the call that was to fail.
    func run() throws -> Bool {
        disk.fail(
            DiskFault(
                after: call,
                isSticky: strike.isSticky,
                takesEffect: strike.takesEffect
            )
        )
        for round in 0..<3 {
            send(round)
            try attempt { _ = try self.harness.engine.commit() }
            try settle()
            send(round + 10)
            try attempt { _ = try self.harness.checkpoint() }
            try settle()
            try attempt { while try self.harness.engine.mergeNext(at: self.harness.now) != nil {} }
        }
        disk.heal()
        if (try? harness.engine.commit()) == nil { _ = try harness.engine.recover() }
        for frame in frames { harness.receive(frame) }
        for batch in batches { _ = harness.receive(batch) }
        try require(harness.totals() == NaiveMeter(events), "sent again")
        try require(
            harness.reopened(options: FaultedHistory.options).totals() == NaiveMeter(events),
            "reopened"
        )
        return hasStruck
    }

    private func send(_ number: Int) {
        let event = UsageEvent.call(agent: "agent-\(number)", 1 << UInt64(number))
        let other = UsageEvent.call(agent: "http-\(number)", 1 << UInt64(number))
        events += [event, other]
        frames.append(maker.frame([event]))
        batches.append(IngestBatch([(UInt64(number), other)]))
        harness.receive(frames[frames.count - 1])
        _ = harness.receive(batches[batches.count - 1])
    }

    private func attempt(_ body: () throws -> Void) throws {
        do { try body() } catch {
            hasStruck = true
            // The first recovery may meet the same fault; then the disk is mended.
            if strike.isSticky { _ = try? harness.engine.recover() }
            disk.heal()
            if (try? harness.engine.commit()) == nil { _ = try harness.engine.recover() }
        }
    }

    /// What is answered now must be there after the power is cut now.
    private func settle() throws {
        // A query reads segments, and so may meet the fault too.
        guard let pending = try? harness.engine.query(.everything, at: harness.now),
            (try? harness.engine.commit()) != nil,
            let answer = harness.engine.answer(pending)
        else { return }
        acknowledged = answer.totals
        let crashed = SimulatedDisk(disk.imageAfterPowerCut)
        let after = try EngineHarness(disk: crashed, options: FaultedHistory.options)
        if let fallen = try after.totals().fallen(since: acknowledged) {
            throw EngineMismatch(description: "call \(call), \(strike.testDescription): \(fallen)")
        }
    }

    private func require(_ condition: Bool, _ what: String) throws {
        if !condition {
            throw EngineMismatch(
                description: "call \(call), \(strike.testDescription): totals differ, \(what)"
            )
        }
    }
}
