import Meter
import MeterTesting
import MeterWire
import Testing

/// A person says that a source will not come back: what that changes, and for how long.
@Suite struct EngineRetirementTests {
    private func retire(_ maker: FrameMaker, in harness: EngineHarness) throws {
        let key = try #require(harness.source(of: maker)).key
        let known = harness.engine.policy
        harness.engine.policy = AdmissionPolicy(
            credentials: known.credentials,
            principals: known.principals,
            retired: [key: harness.now]
        )
    }

    private func completeThrough(_ harness: EngineHarness) throws -> Timestamp? {
        let pending = try harness.engine.query(UsageQuery.everything, at: harness.now)
        _ = try harness.engine.commit()
        return try #require(harness.engine.answer(pending)).completeThrough
    }

    /// Two minutes pass, so that what comes now is after what was decided before.
    private func pass(_ harness: EngineHarness) {
        harness.now = harness.now.advanced(byMilliseconds: 120_000)
    }

    @Test(arguments: [true, false])
    func `a retired source holds nothing back, until it speaks again`(hasClaimed: Bool) throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        let frame = maker.frame([.call(), .call(minutes: 1)])
        harness.receive(frame)
        if hasClaimed {
            harness.receive(maker.claim(Claim(number: 1, recordedCount: 2), at: harness.now))
        }
        pass(harness)
        #expect(try completeThrough(harness) != harness.now)
        try retire(maker, in: harness)
        #expect(try completeThrough(harness) == harness.now)
        #expect(harness.source(of: maker)?.isRetired == true)
        #expect(harness.engine.sourceStandings().retired == 1)
        #expect(harness.engine.sourceStandings().unclean == 0)
        // It stays so over checkpoints.
        _ = try harness.checkpoint()
        #expect(harness.source(of: maker)?.isRetired == true)
        pass(harness)
        // It was not dead: what it says counts, and it is waited for again.
        let outcome = harness.receive(maker.frame([.call(minutes: 2)]))
        #expect(outcome.disposition == .new)
        #expect(harness.source(of: maker)?.isRetired == false)
        #expect(try completeThrough(harness) != harness.now)
        #expect(harness.engine.sourceStandings().unclean == 1)
    }

    @Test func `a source that only repeats itself is alive, too`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        let frame = maker.frame([.call()])
        harness.receive(frame)
        pass(harness)
        try retire(maker, in: harness)
        pass(harness)
        harness.receive(frame)
        #expect(harness.source(of: maker)?.isRetired == false)
    }

    @Test func `what is known to be missing of a retired source stays missing`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame([.call()]))
        _ = maker.frame([.call(minutes: 1)])
        harness.receive(maker.frame([.call(minutes: 2)]))
        pass(harness)
        try retire(maker, in: harness)
        #expect(harness.source(of: maker)?.isRetired == true)
        #expect(harness.source(of: maker)?.openHoles == [1..<2])
        #expect(try completeThrough(harness) == nil)
    }
}
