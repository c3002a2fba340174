import Meter
import MeterTesting
import MeterWire
import Testing

/// Frames come again, out of order, late, from elsewhere: each event is counted once.
@Suite struct EngineReplayTests {
    @Test func `the whole workload sent a second time changes no figure`() throws {
        let disk = SimulatedDisk()
        var harness = try EngineHarness(disk: disk)
        var workload = EventWorkload(seed: 11)
        var makers = (0..<4).map {
            FrameMaker(
                source: UInt64($0),
                protection: $0 % 2 == 0
                    ? .signed(EngineHarness.key) : .encrypted(EngineHarness.key)
            )
        }
        var frames: [[UInt8]] = []
        var eventCount: UInt64 = 0
        for round in 0..<60 {
            let events = workload.events(1 + round % 9)
            eventCount += UInt64(events.count)
            frames.append(makers[round % 4].frame(events))
            #expect(harness.receive(frames[round]).disposition == .new)
            if round % 20 == 10 { try harness.checkpoint() }
        }
        _ = try harness.engine.commit()
        let before = try harness.engine.canonicalDump()
        for frame in frames { #expect(harness.receive(frame, by: .udp).disposition == .duplicate) }
        #expect(try harness.engine.canonicalDump() == before)
        #expect(harness.counts.duplicate == eventCount)
        #expect(harness.counts.accepted == eventCount)
        #expect(harness.engine.sources().reduce(0) { $0 + $1.counts.duplicate } == eventCount)
        #expect(harness.engine.sources().allSatisfy { $0.counts.unverified == 0 })
        let appended = harness.engine.appended
        try harness.checkpoint()
        // A week later, in another process.
        harness = try harness.reopened()
        harness.now = harness.now.advanced(byMilliseconds: 7 * 86_400_000)
        for frame in frames.shuffled(using: &workload.seed) {
            #expect(harness.receive(frame).disposition == .duplicate)
        }
        #expect(try harness.engine.canonicalDump() == before)
        #expect(harness.counts.duplicate == eventCount)
        // Duplicates are not journalled.
        #expect(harness.engine.appended <= appended + 1_024)
    }

    /// A replay that asked a clock, a key or a policy would refuse what was accepted, and take what was
    /// refused.
    @Test func `a crash, forty days and revoked keys replay to the same state, byte for byte`()
        throws
    {
        let disk = SimulatedDisk()
        let policy = EngineHarness.policy(tenants: .only(["acme"]))
        let harness = try EngineHarness(disk: disk, policy: policy)
        var maker = FrameMaker(source: 1)
        let day: Int64 = 24 * 60
        harness.receive(
            maker.frame([
                .call(2, minutes: -61 * day), .call(minutes: -63 * day), .call(minutes: 2 * day),
                .call(of: "globex"), .call(3),
            ])
        )
        // Two of one identifier: evidence, and from now on nothing of the source counts.
        maker.restart(at: 4)
        #expect(harness.receive(maker.frame([.call(9), .call(9)])).disposition == .inConflict)
        let batch = IngestBatch([(1, .call(5)), (2, .call(minutes: -4 * day))])
        #expect(harness.receive(batch).items == [.accepted, .refused(.tooOldForIDDedup)])
        _ = try harness.engine.commit()
        let before = try harness.engine.canonicalDump()
        let source = try #require(harness.source(of: maker))
        #expect(source.counts.refused == [.tooOld: 1, .inFuture: 1, .tenantNotAllowed: 1])
        #expect(source.isQuarantined)
        #expect(try harness.totals().sum == 10)

        var random = Seed(40)
        disk.crash(.nothingKept, using: &random)
        let later = try EngineHarness(
            disk: disk,
            policy: AdmissionPolicy(),
            now: harness.now.advanced(byMilliseconds: 40 * 86_400_000)
        )
        #expect(later.recovery.recordCount == 3)
        #expect(try later.engine.canonicalDump() == before)
        #expect(later.source(of: maker) == source)
        #expect(try later.totals().sum == 10)
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `frames lost, doubled and reordered lead to the same totals`(seed: UInt64) throws {
        var random = Seed(seed)
        var workload = EventWorkload(seed: seed)
        let harness = try EngineHarness(disk: SimulatedDisk())
        let calm = try EngineHarness(disk: SimulatedDisk())
        var makers = (0..<3).map { FrameMaker(source: UInt64($0)) }
        var waiting: [[UInt8]] = []
        for round in 0..<90 {
            let frame = makers[round % 3].frame(workload.events(1 + random.below(6)))
            calm.receive(frame)
            waiting.append(frame)
        }
        // Each try delivers some of what was not delivered yet, in another order, some of it twice.
        while !waiting.isEmpty {
            waiting.shuffle(using: &random)
            var lost: [[UInt8]] = []
            for frame in waiting {
                if random.oneIn(5) {
                    lost.append(frame)
                    continue
                }
                #expect(harness.receive(frame, by: .udp).disposition == .new)
                if random.oneIn(5) {
                    #expect(harness.receive(frame, by: .udp).disposition == .duplicate)
                }
            }
            waiting = lost
            if random.oneIn(2) { try harness.checkpoint() }
        }
        #expect(try harness.totals() == calm.totals())
        #expect(harness.engine.sources().allSatisfy { $0.received.isEmpty && $0.openHoles.isEmpty })
        #expect(
            harness.engine.sources().map(\.watermark) == calm.engine.sources().map(\.watermark)
        )
    }

    @Test func `another principal's source of the same id is another source`() throws {
        let key = WireKey.derived(
            fromMaster: Array(repeating: 43, count: 32),
            id: KeyID(rawValue: 0xB2)
        )
        let other = PrincipalID(rawValue: 2)
        let policy = AdmissionPolicy(
            credentials: [
                EngineHarness.key.id: .init(
                    key: EngineHarness.key,
                    principal: EngineHarness.principal
                ),
                key.id: .init(key: key, principal: other),
            ],
            principals: [EngineHarness.principal: .all, other: .only(["nordix"])]
        )
        let harness = try EngineHarness(disk: SimulatedDisk(), policy: policy)
        var mine = FrameMaker(source: 1)
        var theirs = FrameMaker(source: 1, protection: .signed(key))
        let stolen = mine.frame([.call(5)])
        #expect(
            harness.receive(theirs.frame([.call(of: "nordix", 7), .call(7)])).disposition == .new
        )
        #expect(harness.receive(stolen).disposition == .new)
        #expect(harness.engine.sources().map(\.watermark) == [1, 2])
        #expect(harness.engine.sources().map(\.counts.accepted) == [1, 1])
        #expect(try harness.totals() == NaiveMeter([.call(5), .call(of: "nordix", 7)]))
        let counts = harness.engine.admissionCounts()
        #expect(counts[other]?.refused == 1)
        #expect(counts[EngineHarness.principal]?.refused == 0)
    }

    @Test func `a rotated key goes on with the same source`() throws {
        let rotated = WireKey.derived(
            fromMaster: Array(repeating: 44, count: 32),
            id: KeyID(rawValue: 0xC3)
        )
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        let frame = maker.frame([.call(), .call()])
        harness.receive(frame)
        harness.engine.policy = AdmissionPolicy(
            credentials: [rotated.id: .init(key: rotated, principal: EngineHarness.principal)],
            principals: [EngineHarness.principal: .all]
        )
        guard case .ignored(.otherKey) = harness.receive(frame).disposition else {
            Issue.record("a revoked key opens nothing")
            return
        }
        var after = FrameMaker(source: 1, protection: .signed(rotated))
        after.restart(at: 2)
        #expect(harness.receive(after.frame([.call()])).disposition == .new)
        #expect(harness.engine.sources().map(\.watermark) == [3])
        // The old numbers under the new key have another tag.
        after.restart(at: 0)
        #expect(harness.receive(after.frame([.call(), .call()])).disposition == .inConflict)
        #expect(try harness.totals().sum == 3)
    }

    @Test func `a repetition that nobody remembers is a duplicate, and counted as unverified`()
        throws
    {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        let first = maker.frame([.call()])
        harness.receive(first)
        for _ in 0..<1_024 { harness.receive(maker.frame([.call()])) }
        #expect(harness.receive(first).disposition == .duplicate)
        #expect(harness.source(of: maker)?.counts.unverified == 1)
        #expect(harness.receive(first).disposition == .duplicate)
        #expect(try harness.totals().sum == 1_025)
        let after = try harness.reopened()
        #expect(after.receive(first).disposition == .duplicate)
        #expect(after.source(of: maker)?.counts.unverified == 1)
    }

    @Test func `evidence of a conflict is journalled once, however often it comes`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame([.call(), .call()]))
        maker.restart(at: 1)
        let frame = maker.frame([.call(), .call()])
        #expect(harness.receive(frame).disposition == .inConflict)
        let appended = harness.engine.appended
        for _ in 0..<100 { #expect(harness.receive(frame).disposition != .new) }
        #expect(harness.engine.appended == appended)
        #expect(Conservation.check(harness.counts, of: EngineHarness.principal).isEmpty)
        #expect(harness.source(of: maker)?.counts.inConflict == 2)
        #expect(try harness.totals().sum == 2)
    }
}
