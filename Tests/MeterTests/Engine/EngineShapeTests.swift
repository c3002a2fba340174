import Meter
import MeterTesting
import MeterWire
import Testing

/// Events of one agent and minute that have different components, in every order and with every outcome.
@Suite struct EngineShapeTests {
    private static let lists = [
        ["input_tokens", "output_tokens"], ["output_tokens", "input_tokens"], ["input_tokens"],
        ["input_tokens", "output_tokens", "agent_calls"], ["agent_calls"],
        (0..<9).map { "component-\($0)" }, ["component-8", "input_tokens"],
    ]

    private func events(_ count: Int, seed: UInt64) -> [UsageEvent] {
        var random = Seed(seed)
        return (0..<count).map { _ in
            let list = Self.lists[Int(random.below(Self.lists.count))]
            return UsageEvent(
                time: EventWorkload.start.advanced(
                    byMilliseconds: Int64(random.below(2)) * 60_000),
                tenant: "acme", agent: "bot",
                amounts: list.map {
                    // Sums leave 64 bits now and then.
                    let most = random.oneIn(4) ? Int(Int64.max) : 1_000
                    return ComponentAmount($0, UInt64(random.below(most)))
                },
                outcome: random.oneIn(3) ? .error : .ok)
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `each component's sum and count are exact, live, written down and read again`(
        seed: UInt64
    ) throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        var sent: [UsageEvent] = []
        for round in 0..<6 {
            let new = events(60, seed: seed * 100 + UInt64(round))
            sent += new
            #expect(harness.receive(maker.frame(new)).disposition == .new)
            #expect(try harness.totals() == NaiveMeter(sent))
            if round == 3 {
                try harness.checkpoint()
                #expect(try harness.totals() == NaiveMeter(sent))
            }
        }
        _ = try harness.engine.commit()
        let reopened = try harness.reopened()
        #expect(try reopened.totals() == NaiveMeter(sent))
        try reopened.checkpoint()
        #expect(try reopened.totals() == NaiveMeter(sent))
    }
}
