import Meter
import MeterTesting
import MeterWire
import Testing

/// Claims at the limits of what a source may hold.
@Suite struct EngineClaimLimitTests {
    @Test func `a claim is taken when ranges and keys are at their limits`() throws {
        var options = EngineHarness.options
        options.openRangeMax = 4
        options.liveKeyMax = 4
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var maker = FrameMaker(source: 1)
        var held: [[UInt8]] = []
        for number in 0..<6 {
            maker.skip(1)
            held.append(maker.frame([.call(agent: "agent-\(number)")]))
        }
        for frame in held.prefix(4) { #expect(harness.receive(frame).disposition == .new) }
        #expect(harness.receive(held[4]).disposition == .deferred(.liveKeys))
        try harness.checkpoint()
        #expect(harness.receive(held[4]).disposition == .deferred(.openRanges))
        let claim = maker.claim(
            Claim(number: 1, recordedCount: 12, givenUp: [0..<1, 2..<3, 4..<5, 6..<7, 8..<9]),
            at: harness.now
        )
        #expect(harness.receive(claim).disposition == .new)
        // What was given up is no open range any more.
        #expect(harness.receive(held[4]).disposition == .new)
        #expect(harness.receive(held[5]).disposition == .new)
        #expect(harness.source(of: maker)?.openHoles == [10..<11])
        #expect(try harness.totals().sum == 6)
    }

    @Test func `a claim that would not be readable again is not taken`() throws {
        let disk = SimulatedDisk()
        let harness = try EngineHarness(disk: disk)
        // Many lines of names that stand first in the claim's dictionary and late in its lines: written
        // again in the order of the lines, each index takes a byte more.
        let names = (0..<256).map { Name("t\($0)") }
        var payload: [UInt8] = [1, 0, 0, 0]
        payload.appendVarint(names.count)
        for name in names.reversed() {
            payload.appendVarint(name.bytes.count)
            payload += name.bytes
        }
        payload.appendVarint(1)
        payload += [1, UInt8(ascii: "c")]
        payload.appendVarint(0)
        let lineCount = 170_000
        payload.appendVarint(lineCount)
        for index in 0..<lineCount {
            payload.append(0)
            payload.appendVarint(index < 128 ? 255 - index : index % 128)
            payload += [0, 1, 0, 0]
        }
        payload.appendVarint(0)
        #expect(payload.count < WireLimits.frameByteCountMax - 100)
        var random = Seed(1)
        let frame = FrameSealer(
            source: SourceID(high: 1, low: 1),
            protection: .signed(EngineHarness.key)
        ).seal(
            kind: .claim,
            payload: payload,
            eventCount: 0,
            firstSequence: 0,
            baseTime: EventWorkload.start.milliseconds,
            durableThrough: 0,
            using: &random
        )
        let outcome = harness.receive(frame)
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame([.call(3)]))
        try harness.checkpoint()
        #expect(try harness.reopened().totals().sum == 3)
        guard case .ignored(.frameTooLarge) = outcome.disposition else {
            Issue.record("\(outcome.disposition)")
            return
        }
    }
}
