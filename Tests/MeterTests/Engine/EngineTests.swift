import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct EngineTests {
    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `totals equal the naive model, whatever is checkpointed when`(seed: UInt64) throws {
        var seeded = Seed(seed)
        var workload = EventWorkload(seed: seed)
        let harness = try EngineHarness(disk: SimulatedDisk())
        var makers = (0..<3).map { FrameMaker(source: UInt64($0)) }
        var naive = NaiveMeter()
        for _ in 0..<40 {
            let events = workload.events(1 + seeded.below(30))
            let outcome = harness.receive(makers[seeded.below(3)].frame(events))
            #expect(outcome.disposition == .new)
            naive.count(events)
            if seeded.oneIn(5) { try harness.checkpoint() }
            if seeded.oneIn(3) { #expect(try harness.totals() == naive) }
        }
        #expect(try harness.totals() == naive)
    }

    @Test func `a repeated frame is a duplicate and changes nothing`() throws {
        var workload = EventWorkload(seed: 1)
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        let frames = (0..<5).map { _ in maker.frame(workload.events(7)) }
        for frame in frames { harness.receive(frame) }
        let before = try harness.totals()
        for frame in frames.reversed() {
            #expect(harness.receive(frame).disposition == .duplicate)
        }
        #expect(try harness.totals() == before)
        let counts = try #require(harness.engine.admissionCounts()[EngineHarness.principal])
        #expect(counts.duplicate == 35)
        #expect(Conservation.check(counts, of: EngineHarness.principal).isEmpty)
    }

    @Test func `an overlap is kept as evidence, counted nowhere, and quarantines the source`()
        throws
    {
        var workload = EventWorkload(seed: 2)
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame(workload.events(10)))
        let before = try harness.totals()
        maker.restart(at: 5)
        #expect(harness.receive(maker.frame(workload.events(10))).disposition == .inConflict)
        maker.restart(at: 100)
        let outcome = harness.receive(maker.frame(workload.events(3)))
        #expect(outcome.disposition == .inConflict)
        #expect(try harness.totals() == before)
        let told = try #require(harness.acknowledgement(for: outcome))
        #expect(told.isQuarantined)
        #expect(told.counters?.inConflict == 13)
        #expect(told.durableThrough == 10)
    }

    @Test func `nothing is acknowledged before the commit that covers it`() throws {
        var workload = EventWorkload(seed: 3)
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        let first = harness.receive(maker.frame(workload.events(4)))
        #expect(harness.acknowledgement(for: first)?.durableThrough == 0)
        let again = try harness.engine.commit()
        #expect(again >= first.position)
        #expect(harness.acknowledgement(for: first)?.durableThrough == 4)
        maker.skip(2)
        let beyond = harness.receive(maker.frame(workload.events(1)))
        _ = try harness.engine.commit()
        let told = try #require(harness.acknowledgement(for: beyond))
        #expect(told.durableThrough == 4)
        #expect(told.durable == [6..<7])
        #expect(told.missing == [4..<6])
    }

    @Test func `events are refused by name, and the rest of the frame is counted`() throws {
        let access = AccessID(high: 9, low: 9)
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            policy: EngineHarness.policy(
                tenants: .only(["acme", "nordix"]), accesses: [access: "nordix"]))
        func event(
            _ tenant: String, minutes: Int64 = 0, access: AccessID? = nil
        ) -> UsageEvent {
            UsageEvent(
                time: harness.now.advanced(byMilliseconds: minutes * 60_000), tenant: tenant,
                agent: "bot", amounts: [ComponentAmount("agent_calls", 1)], access: access)
        }
        var maker = FrameMaker(source: 1)
        let outcome = harness.receive(
            maker.frame([
                event("acme"), event("other"), event("acme", minutes: 6),
                event("acme", minutes: -63 * 1_440), event("acme", access: access),
                event("nordix", access: access), event("acme", minutes: -61),
            ]))
        _ = try harness.engine.commit()
        let counters = try #require(harness.acknowledgement(for: outcome)?.counters)
        #expect(counters.accepted == 3)
        #expect(counters.behind == 1)
        #expect(
            counters.refused.map { [UInt64($0.reason), $0.count] } == [
                [UInt64(RefusalReason.tenantNotAllowed.rawValue), 1],
                [UInt64(RefusalReason.tooOld.rawValue), 1],
                [UInt64(RefusalReason.inFuture.rawValue), 1],
                [UInt64(RefusalReason.accessOfOtherTenant.rawValue), 1],
            ])
        #expect(try harness.totals().totals.values.reduce(0) { $0 + $1.sum } == 3)
    }

    @Test func `a checkpoint and a replay lead to the same state, byte for byte`() throws {
        var workload = EventWorkload(seed: 5)
        let disk = SimulatedDisk()
        let harness = try EngineHarness(disk: disk)
        var maker = FrameMaker(source: 1)
        var other = FrameMaker(source: 2, protection: .encrypted(EngineHarness.key))
        for round in 0..<6 {
            harness.receive(maker.frame(workload.events(20)))
            harness.receive(other.frame(workload.events(5)))
            if round == 2 { try harness.checkpoint() }
            if round == 3 { maker.skip(3) }
        }
        harness.receive(
            other.claim(
                Claim(number: 1, isLast: true, recordedCount: other.nextSequence),
                at: harness.now))
        _ = try harness.engine.commit()
        let before = try harness.engine.canonicalDump()
        // Forty days later, with every key revoked: replay asks neither clock nor policy.
        let later = try EngineHarness(
            disk: disk, policy: AdmissionPolicy(),
            now: harness.now.advanced(byMilliseconds: 40 * 86_400_000))
        #expect(try later.engine.canonicalDump() == before)
        #expect(later.recovery.recordCount == 7)
    }
}
