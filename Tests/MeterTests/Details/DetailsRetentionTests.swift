import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct DetailsRetentionTests {
    private static let day: Int64 = 86_400_000

    @Test(arguments: [false, true])
    func `details go when their retention has passed, and usage stays`(isMerged: Bool) throws {
        var options = EngineHarness.options
        options.mergeCountMin = isMerged ? 2 : 100
        options.detailsRetentionMilliseconds = 10 * Self.day
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var maker = FrameMaker(source: 1)
        var sent: [UsageEvent] = []
        for day in 0..<20 {
            let event = UsageEvent.call(agent: "agent-\(day)", minutes: Int64(day) * 1_440)
            sent.append(event)
            harness.now = event.time.advanced(byMilliseconds: 60_000)
            harness.receive(maker.frame([event]))
            try harness.checkpoint()
            while try harness.engine.mergeNext(at: harness.now) != nil {}
        }
        let usage = try harness.totals()
        #expect(usage == NaiveMeter(sent))
        let cutoff = harness.now.advanced(byMilliseconds: -options.detailsRetentionMilliseconds)
        let slack = options.detailsRetentionMilliseconds / 8
        let found = Set(try harness.details().keys.compactMap(\.agent))
        for event in sent {
            let name = Name(event.agent)
            if event.time >= cutoff { #expect(found.contains(name)) }
            if event.time < cutoff.advanced(byMilliseconds: -slack - Self.day) {
                #expect(!found.contains(name))
            }
        }
        let pending = try harness.engine.details(.everything, at: harness.now)
        let answer = try #require(harness.engine.answer(pending))
        #expect(answer.missing.isEmpty)
        #expect(answer.retainedFrom > QuarterHour(rawValue: 0))
        let reopened = try harness.reopened(options: options)
        #expect(reopened.recovery.missingDetails.isEmpty)
        #expect(try reopened.totals() == usage)
        for file in reopened.engine.detailsFiles { try file.verify() }
    }
}
