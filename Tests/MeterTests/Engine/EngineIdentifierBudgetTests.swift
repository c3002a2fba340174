import Meter
import MeterTesting
import MeterWire
import Testing

/// At a principal's budget of ids new events wait; an id that was promised to be remembered is never
/// forgotten for them.
@Suite struct EngineIdentifierBudgetTests {
    private var options: EngineOptions {
        var options = EngineHarness.options
        options.limits.principal[.identifiers] = 10
        options.mergeCountMin = 2
        return options
    }

    private func batch(
        _ ids: ClosedRange<UInt64>, at now: Timestamp,
        _ principal: PrincipalID = EngineHarness.principal
    ) -> IngestBatch {
        IngestBatch(
            ids.map { id in
                var event = UsageEvent.call(id + 1)
                event.time = now
                return (id, event)
            },
            principal: principal
        )
    }

    @Test func `at the budget new ids wait, known ones are told, and none is forgotten`() throws {
        let disk = SimulatedDisk()
        var harness = try EngineHarness(disk: disk, options: options)
        let start = harness.now
        #expect(harness.receive(batch(1...10, at: start)).items.count == 10)
        for round in 0..<4 {
            let held = harness.receive(batch(11...11, at: start))
            #expect(held.deferral == .identifiers)
            #expect(held.hit?.limit == .identifiers)
            #expect(held.hit?.value == 10)
            #expect(harness.receive(batch(1...10, at: start)).items.allSatisfy { $0 == .duplicate })
            switch round {
            case 0: try harness.checkpoint()
            case 1:
                _ = try harness.engine.commit()
                disk.crash(.nothingKept)
                harness = try harness.reopened(options: options)
            case 2: while try harness.engine.mergeNext(at: harness.now) != nil {}
            default: break
            }
        }
        #expect(Conservation.check(harness.counts, of: EngineHarness.principal).isEmpty)
    }

    @Test func `the wait that is told is enough, and ids are remembered for all of it`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        let start = harness.now
        #expect(harness.receive(batch(1...6, at: start)).items.count == 6)
        harness.now = start.advanced(byMilliseconds: 5 * 3_600_000)
        #expect(harness.receive(batch(7...10, at: harness.now)).items.count == 4)
        let one = try #require(harness.receive(batch(20...20, at: harness.now)).hit)
        let seven = try #require(harness.receive(batch(20...26, at: harness.now)).hit)
        #expect(one.waitMilliseconds < seven.waitMilliseconds)
        // Until then the first ids are still known.
        let before = harness.now.advanced(byMilliseconds: one.waitMilliseconds - 60_000)
        #expect(before > start.advanced(byMilliseconds: 72 * 3_600_000))
        harness.now = start.advanced(byMilliseconds: 72 * 3_600_000)
        #expect(harness.receive(batch(1...6, at: start)).items.allSatisfy { $0 == .duplicate })
        harness.now = before
        #expect(harness.receive(batch(20...20, at: before)).deferral == .identifiers)
        harness.now = before.advanced(byMilliseconds: 60_000)
        #expect(harness.receive(batch(20...20, at: harness.now)).items == [.accepted])
        #expect(harness.receive(batch(21...26, at: harness.now)).deferral == .identifiers)
        harness.now = harness.now.advanced(
            byMilliseconds: seven.waitMilliseconds - one.waitMilliseconds)
        #expect(harness.receive(batch(21...26, at: harness.now)).items.count == 6)
    }

    @Test func `budgets are each principal's own, and may be decided`() throws {
        let other = PrincipalID(rawValue: 2)
        let policy = AdmissionPolicy(
            principals: [EngineHarness.principal: .all, other: .all],
            limits: [.principal(other): [.identifiers: 3]]
        )
        let harness = try EngineHarness(disk: SimulatedDisk(), policy: policy, options: options)
        #expect(harness.receive(batch(1...10, at: harness.now)).deferral == nil)
        #expect(harness.receive(batch(1...4, at: harness.now, other)).deferral == .identifiers)
        #expect(harness.receive(batch(1...3, at: harness.now, other)).items.count == 3)
        #expect(harness.receive(batch(4...4, at: harness.now, other)).hit?.value == 3)
        harness.engine.policy = AdmissionPolicy(
            principals: policy.principals, limits: [.principal(other): [.identifiers: 0]])
        #expect(harness.receive(batch(4...400, at: harness.now, other)).items.count == 397)
        #expect(harness.receive(batch(11...11, at: harness.now)).deferral == .identifiers)
    }

    /// Counts ids in a list of (hour of receipt, ids), the simplest way there is.
    private struct NaiveBudget {
        var hours: [(end: Int64, count: Int)] = []

        mutating func take(_ count: Int, at now: Int64, horizon: Int64) -> Bool {
            hours.removeAll { $0.end <= (now - horizon) / 60_000 * 60_000 }
            let held = hours.reduce(0) { $0 + $1.count }
            guard held + count <= 10 else { return false }
            hours.append((end: (now / 3_600_000 + 1) * 3_600_000, count: count))
            return true
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `the budget follows a naive model through checkpoints, merges, restarts and days`(
        seed: UInt64
    ) throws {
        let disk = SimulatedDisk()
        var harness = try EngineHarness(disk: disk, options: options)
        let horizon =
            options.identifierHorizonMilliseconds + options.futureMilliseconds + 60_000
        var random = Seed(seed)
        var naive = NaiveBudget()
        var nextID: UInt64 = 1
        var refusedCount = 0
        for step in 0..<200 {
            harness.now = harness.now.advanced(
                byMilliseconds: Int64(random.below(6 * 3_600_000)))
            let count = UInt64(1 + random.below(3))
            let outcome = harness.receive(
                batch(nextID...(nextID + count - 1), at: harness.now))
            let isTaken = naive.take(
                Int(count), at: harness.now.milliseconds, horizon: horizon)
            #expect((outcome.deferral == nil) == isTaken, "step \(step)")
            if outcome.deferral == nil { nextID += count } else { refusedCount += 1 }
            switch random.below(10) {
            case 0, 1: try harness.checkpoint()
            case 2: while try harness.engine.mergeNext(at: harness.now) != nil {}
            case 3:
                _ = try harness.engine.commit()
                disk.crash(.nothingKept)
                harness = try harness.reopened(options: options)
            default: break
            }
        }
        #expect(refusedCount > 20)
        #expect(nextID > 50)
    }
}
