import Meter
import MeterTesting
import MeterWire

/// What an engine owes after a power cut: every frame that was acknowledged, and none but those sent.
struct EngineOracle: Hashable, Sendable {
    /// Numbers of frames that were acknowledged.
    var acknowledged: Set<Int> = []
    /// Numbers of frames that were handed to the engine.
    var sent: Int = 0
}

struct EngineMismatch: Error, CustomStringConvertible {
    let description: String
}

/// An engine that is driven by single operations, with the oracle beside it.
final class EngineHistory {
    enum Operation: CaseIterable {
        /// A frame of one of two sources, or a batch with ids.
        case ingest
        /// Commit, and acknowledge what it covers.
        case commit
        /// Begin, commit, finish.
        case checkpoint
        /// Merge all segments, then all id files.
        case merge
        /// A commit whose sync loses the pages; the recovery; every frame sent again.
        case failSync
        /// The process is killed and started again; the machine goes on.
        case reopen
    }

    static var options: EngineOptions {
        var options = EngineHarness.options
        options.shardCount = 1
        options.journal = Journal.Options(fileBytesMax: 2_048, bufferBytesMax: 16_384)
        options.mergeCountMin = 2
        return options
    }

    private let run: CrashRun<EngineOracle>
    private var harness: EngineHarness

    init(_ run: CrashRun<EngineOracle>) throws {
        self.run = run
        harness = try EngineHarness(disk: run.disk, options: EngineHistory.options)
    }

    func perform(_ operation: Operation) throws {
        switch operation {
        case .ingest:
            let number = run.oracle.sent
            run.note { $0.sent += 1 }
            try EngineHistory.send(number, to: harness)
        case .commit:
            _ = try harness.engine.commit()
            run.note { $0.acknowledged = Set(0..<$0.sent) }
        case .checkpoint:
            try harness.checkpoint()
            run.note { $0.acknowledged = Set(0..<$0.sent) }
        case .merge:
            while try harness.engine.mergeNext(at: harness.now) != nil {}
        case .failSync:
            run.disk.fail(DiskFault(.sync, reason: .system(errno: 5)))
            if (try? harness.engine.commit()) != nil {
                // Nothing was pending, so nothing was synced: the fault goes with the next commit.
                run.disk.heal()
                return
            }
            _ = try harness.engine.recover()
            for number in 0..<run.oracle.sent { try EngineHistory.send(number, to: harness) }
        case .reopen:
            harness = try EngineHarness(disk: run.disk, options: EngineHistory.options)
            for number in 0..<run.oracle.sent { try EngineHistory.send(number, to: harness) }
        }
    }

    /// Recovers after a power cut: what was acknowledged is there, what is there was sent, and sending
    /// everything again counts each frame once.
    static func check(_ run: CrashRun<EngineOracle>) throws {
        let harness = try EngineHarness(disk: run.disk, options: options)
        guard harness.recovery.damage.isEmpty else {
            throw EngineMismatch(description: "damage without rot: \(harness.recovery.damage)")
        }
        let found = try harness.totals()
        var counted: Set<Int> = []
        for number in 0..<run.oracle.sent where found.contains(events(number)) {
            counted.insert(number)
        }
        guard counted.isSuperset(of: run.oracle.acknowledged) else {
            throw EngineMismatch(
                description: "acknowledged \(run.oracle.acknowledged.sorted()), "
                    + "found \(counted.sorted())")
        }
        guard found == naive(counted) else {
            throw EngineMismatch(
                description: "found something else than frames \(counted.sorted())")
        }
        guard try harness.details() == details(counted) else {
            throw EngineMismatch(
                description: "details differ from those of frames \(counted.sorted())")
        }
        for number in 0..<run.oracle.sent { try send(number, to: harness) }
        guard try harness.totals() == naive(Set(0..<run.oracle.sent)) else {
            throw EngineMismatch(description: "sent again, not every frame is counted once")
        }
        guard try harness.details() == details(Set(0..<run.oracle.sent)) else {
            throw EngineMismatch(description: "sent again, details do not have each frame once")
        }
    }

    private static func details(_ numbers: Set<Int>) -> [DetailsGroup: DetailsTotal] {
        NaiveDetails(numbers.sorted().flatMap { events($0) }).answer(.everything)
    }

    private static func naive(_ numbers: Set<Int>) -> NaiveMeter {
        var naive = NaiveMeter()
        for number in numbers.sorted() { naive.count(events(number)) }
        return naive
    }

    /// One event whose agent is the frame's number: its total tells how often it was counted.
    private static func events(_ number: Int) -> [UsageEvent] {
        [
            UsageEvent(
                time: EventWorkload.start.advanced(byMilliseconds: Int64(number) * 30_000),
                tenant: "acme", agent: "agent-\(number)",
                amounts: [
                    ComponentAmount("agent_calls", 1),
                    ComponentAmount("input_tokens", UInt64(1) << UInt64(number)),
                ], model: "model-\(number % 2)", user: number % 3 == 0 ? nil : "user",
                outcome: Outcome(rawValue: UInt8(number % 4)) ?? .ok,
                durationMilliseconds: UInt64(1_000 * number))
        ]
    }

    /// Every third is a batch with an id, the others are frames of two sources in turn.
    private static func send(_ number: Int, to harness: EngineHarness) throws {
        if number % 3 == 2 {
            var encoder = PayloadEncoder(byteCountMax: 4_096)
            for event in events(number) { _ = encoder.append(event) }
            let outcome = harness.receive(
                IngestBatch(
                    principal: EngineHarness.principal, baseTime: encoder.baseTime,
                    payload: encoder.payload(),
                    identities: [
                        EventIdentity(high: UInt64(number), low: 1, content: UInt64(number))
                    ]))
            guard outcome.items == [.accepted] || outcome.items == [.duplicate] else {
                throw EngineMismatch(description: "batch \(number): \(outcome)")
            }
            return
        }
        var maker = FrameMaker(source: UInt64(number % 3))
        maker.skip(number / 3)
        let outcome = harness.receive(maker.frame(events(number)))
        guard outcome.disposition == .new || outcome.disposition == .duplicate else {
            throw EngineMismatch(description: "frame \(number): \(outcome.disposition)")
        }
    }
}

extension NaiveMeter {
    /// Whether every group of these events is there.
    fileprivate func contains(_ events: [UsageEvent]) -> Bool {
        var other = NaiveMeter()
        other.count(events)
        return other.totals.keys.allSatisfy { totals[$0] != nil }
    }
}
