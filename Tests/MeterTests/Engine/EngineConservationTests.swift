import Meter
import MeterTesting
import MeterWire
import Testing

/// Every event that came is in exactly one of accepted, refused, in conflict, duplicate and deferred.
@Suite struct EngineConservationTests {
    private static let tenantKey = WireKey.derived(
        fromMaster: Array(repeating: 77, count: 32),
        id: KeyID(rawValue: 0x77)
    )
    private static let tenantPrincipal = PrincipalID(rawValue: 7)

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `per principal, events in are the sum of what became of them`(seed: UInt64) throws {
        let policy = AdmissionPolicy(
            credentials: [
                EngineHarness.key.id: .init(
                    key: EngineHarness.key,
                    principal: EngineHarness.principal
                ),
                EngineConservationTests.tenantKey.id: .init(
                    key: EngineConservationTests.tenantKey,
                    principal: EngineConservationTests.tenantPrincipal
                ),
            ],
            principals: [
                EngineHarness.principal: .all,
                EngineConservationTests.tenantPrincipal: .only(["tenant-0"]),
            ]
        )
        var options = EngineHarness.options
        options.openRangeMax = 3
        options.liveKeyMax = 60
        options.limits.tenant[.agents] = 4
        options.journal.bufferBytesMax = 8_192
        let disk = SimulatedDisk()
        let harness = try EngineHarness(disk: disk, policy: policy, options: options)
        var random = Seed(seed)
        var workload = EventWorkload(seed: seed, agentCount: 6)
        var makers = (0..<4).map {
            FrameMaker(
                source: UInt64($0),
                protection: .signed(
                    $0 < 2 ? EngineHarness.key : EngineConservationTests.tenantKey
                )
            )
        }
        var frames: [[UInt8]] = []
        var sent: [PrincipalID: UInt64] = [:]
        var eventCounts: [Int] = []
        var owners: [Int] = []
        func deliver(_ index: Int) {
            harness.receive(frames[index], by: random.flag() ? .udp : .tcp)
            let principal =
                owners[index] < 2
                ? EngineHarness.principal : EngineConservationTests.tenantPrincipal
            sent[principal, default: 0] += UInt64(eventCounts[index])
        }
        for _ in 0..<250 {
            switch random.below(12) {
            case 0...4:
                let maker = random.below(4)
                if random.oneIn(4) { makers[maker].skip(random.below(4)) }
                if random.oneIn(40) { makers[maker].restart(at: UInt64(random.below(5))) }
                var events = workload.events(1 + random.below(6))
                if random.oneIn(8) { events[0].time = Timestamp(milliseconds: 5) }
                frames.append(makers[maker].frame(events))
                owners.append(maker)
                eventCounts.append(events.count)
                deliver(frames.count - 1)
            case 5, 6: if !frames.isEmpty { deliver(random.below(frames.count)) }
            case 7:
                let events = workload.events(1 + random.below(3))
                let principal =
                    random.flag()
                    ? EngineHarness.principal : EngineConservationTests.tenantPrincipal
                _ = harness.receive(
                    IngestBatch(
                        events.map { (UInt64(random.below(30)), $0) },
                        principal: principal
                    )
                )
                sent[principal, default: 0] += UInt64(events.count)
            case 8: harness.receive(Array(repeating: UInt8(random.below(256)), count: 100))
            case 9: try harness.checkpoint()
            case 10: _ = try harness.engine.commit()
            default:
                disk.fail(DiskFault(.sync))
                if (try? harness.engine.commit()) == nil { _ = try harness.engine.recover() }
                disk.heal()
            }
            for (principal, counts) in harness.engine.admissionCounts() {
                #expect(Conservation.check(counts, of: principal).isEmpty)
                #expect(counts.events == sent[principal] ?? 0)
            }
        }
        let all = harness.engine.admissionCounts().values.reduce(AdmissionCounts(), +)
        #expect(all.accepted > 0)
        #expect(all.refused > 0)
        #expect(all.duplicate > 0)
        #expect(all.inConflict > 0)
        #expect(all.deferred > 0)
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `what a source is told adds up to what it sent`(seed: UInt64) throws {
        let disk = SimulatedDisk()
        var harness = try EngineHarness(
            disk: disk,
            policy: EngineHarness.policy(tenants: .only(["tenant-0"]))
        )
        var random = Seed(seed)
        var workload = EventWorkload(seed: seed)
        var maker = FrameMaker(source: 1)
        var accepted: UInt64 = 0
        for _ in 0..<40 {
            let events = workload.events(1 + random.below(9))
            accepted += UInt64(events.count { $0.tenant == "tenant-0" })
            let outcome = harness.receive(maker.frame(events))
            let before = try #require(harness.acknowledgement(for: outcome))
            #expect(before.durableThrough < maker.nextSequence)
            _ = try harness.engine.commit()
            let told = try #require(harness.acknowledgement(for: outcome))
            let counters = try #require(told.counters)
            #expect(told.durableThrough == maker.nextSequence)
            #expect(counters.accepted == accepted)
            #expect(
                counters.accepted + counters.refused.reduce(0) { $0 + $1.count }
                    == maker.nextSequence
            )
            if random.oneIn(4) { try harness.checkpoint() }
            if random.oneIn(6) {
                disk.crash(.nothingKept)
                harness = try harness.reopened(
                    policy: EngineHarness.policy(tenants: .only(["tenant-0"]))
                )
            }
        }
    }
}
