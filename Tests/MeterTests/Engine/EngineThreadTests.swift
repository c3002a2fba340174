import Meter
import MeterTesting
import MeterWire
import Synchronization
import Testing

/// The engine as the server uses it: threads of its own for ingest, commits, checkpoints and queries, on a
/// real disk.
@Suite struct EngineThreadTests {
    @Test func `threads that ingest, commit, checkpoint and ask agree on every total`() throws {
        let directory = try TemporaryDirectory()
        let workshop = try Workshop(path: directory.path)
        try workshop.run()
        var model = NaiveMeter()
        for events in workshop.sent { model.count(events) }
        let durable = try workshop.durableTotals()
        #expect(durable == model)
        #expect(workshop.checkpointCount.load(ordering: .relaxed) > 2)
        #expect(workshop.answerCount.load(ordering: .relaxed) > 2)
        let counts = try #require(
            workshop.engine.admissionCounts()[EngineHarness.principal]
        )
        #expect(counts.duplicate > 0)
        #expect(counts.accepted == UInt64(workshop.sent.reduce(0) { $0 + $1.count }))
        #expect(Conservation.check(counts, of: EngineHarness.principal).isEmpty)
        let dump = try workshop.engine.canonicalDump()
        try workshop.engine.finish()
        let again = try EngineHarness(
            disk: POSIXDisk(path: directory.path),
            options: Workshop.options
        )
        #expect(!again.recovery.wasUnclean)
        #expect(try again.engine.canonicalDump() == dump)
    }
}

private final class Workshop: Sendable {
    static let ingestCount = 2
    static let roundCount = 400
    /// However slowly checkpoints are written beside: then the test fails.
    static let roundMax = 40_000

    static var options: EngineOptions {
        var options = EngineHarness.options
        options.shardCount = 4
        options.journal = Journal.Options(fileBytesMax: 1 << 18, bufferBytesMax: 1 << 18)
        options.mergeCountMin = 4
        return options
    }

    let engine: Engine
    private let now = EventWorkload.start.advanced(byMilliseconds: 3_600_000)
    private let working = Atomic<Int>(ingestCount)
    let checkpointCount = Atomic<Int>(0)
    let answerCount = Atomic<Int>(0)
    /// Of each ingesting thread, whatever it sent.
    private let events = Mutex<[[UsageEvent]]>([])

    var sent: [[UsageEvent]] { events.withLock { $0 } }

    init(path: String) throws {
        var random = Seed(7)
        (engine, _) = try Engine.open(
            disk: POSIXDisk(path: path),
            policy: EngineHarness.policy(),
            options: Workshop.options,
            random: &random
        )
    }

    func run() throws {
        var bodies: [@Sendable () throws -> Void] = [
            { while self.engine.waitForAppend() { _ = try self.engine.commit() } },
            { try self.checkpointUntilDone() },
            { try self.askUntilDone() },
        ]
        for number in 0..<Workshop.ingestCount {
            bodies.append { try self.ingest(number) }
        }
        try Threads.run(bodies)
    }

    private var hasSeenEnough: Bool {
        checkpointCount.load(ordering: .relaxed) > 2 && answerCount.load(ordering: .relaxed) > 2
    }

    private var isWorking: Bool { working.load(ordering: .acquiring) > 0 }

    /// Two sources of its own; every third frame is delivered twice, every seventh arrives late.
    private func ingest(_ number: Int) throws {
        defer {
            let left = working.subtract(1, ordering: .acquiringAndReleasing).newValue
            if left == 0 { engine.stopWaiting() }
        }
        let receiver = Receiver(engine: engine)
        var workload = EventWorkload(seed: UInt64(number))
        var makers = (0..<2).map { FrameMaker(source: UInt64(number * 2 + $0)) }
        var late: [[UInt8]] = []
        var round = 0
        while round < Workshop.roundCount || !hasSeenEnough && round < Workshop.roundMax {
            defer { round += 1 }
            let sent = workload.events(5)
            let frame = makers[round % 2].frame(sent)
            events.withLock { $0.append(sent) }
            if round % 7 == 3 {
                late.append(frame)
            } else {
                try send(frame, to: receiver, expecting: .new)
                if round % 3 == 0 { try send(frame, to: receiver, expecting: .duplicate) }
            }
            if late.count == 4 {
                for frame in late.reversed() { try send(frame, to: receiver, expecting: .new) }
                late = []
            }
        }
        for frame in late { try send(frame, to: receiver, expecting: .new) }
    }

    private func send(
        _ frame: [UInt8],
        to receiver: Receiver,
        expecting: FrameOutcome.Disposition
    ) throws {
        while true {
            let outcome = unsafe frame.withUnsafeBytes {
                unsafe receiver.ingest(frame: $0, at: now, by: .tcp)
            }
            if outcome.disposition == .deferred(.journal) { continue }
            guard outcome.disposition == expecting else {
                throw EngineMismatch(description: "\(expecting) expected: \(outcome)")
            }
            if let source = outcome.source {
                let durable = engine.durable
                _ = engine.acknowledgement(for: source, byteCountMax: 1_400)
                guard engine.durable >= durable else {
                    throw EngineMismatch(description: "the durable position went back")
                }
            }
            return
        }
    }

    private func checkpointUntilDone() throws {
        while isWorking {
            guard let begun = engine.beginCheckpoint() else { continue }
            while engine.durable < begun.span.to {}
            _ = try engine.finishCheckpoint(begun)
            checkpointCount.add(1, ordering: .relaxed)
            while try engine.mergeNext(at: now) != nil {}
        }
    }

    private func askUntilDone() throws {
        var last: [UsageGroup: UsageTotal] = [:]
        while isWorking {
            let pending = try engine.query(.everything, at: now)
            while engine.answer(pending) == nil {}
            guard let answer = engine.answer(pending) else { continue }
            var meter = NaiveMeter()
            meter.totals = answer.totals
            if let fallen = meter.fallen(since: last) { throw EngineMismatch(description: fallen) }
            last = answer.totals
            answerCount.add(1, ordering: .relaxed)
        }
    }

    func durableTotals() throws -> NaiveMeter {
        let pending = try engine.query(.everything, at: now)
        _ = try engine.commit()
        var meter = NaiveMeter()
        meter.totals = engine.answer(pending)?.totals ?? [:]
        return meter
    }
}
