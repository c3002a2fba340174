import Meter
import MeterTesting
import MeterWire
import Testing

/// Beyond a limit details are folded, and still add up to the usage.
@Suite struct DetailsGuardTests {
    private static func options(_ change: (inout DetailLimits) -> Void) -> EngineOptions {
        var options = EngineHarness.options
        options.shardCount = 1
        change(&options.detailLimits)
        return options
    }

    private func event(_ number: Int, tenant: String = "acme") -> UsageEvent {
        UsageEvent(
            time: EventWorkload.start.advanced(byMilliseconds: Int64(number)), tenant: tenant,
            agent: "bot", amounts: [ComponentAmount("input_tokens", UInt64(number + 1))],
            model: "model-\(number % 20)", user: "user-\(number % 50)",
            outcome: number % 2 == 0 ? .ok : .error, durationMilliseconds: UInt64(number))
    }

    private func sums(_ details: [DetailsGroup: DetailsTotal]) -> (UInt64, UInt128, UInt64) {
        details.values.reduce((0, 0, 0)) {
            (
                $0.0 + $1.calls, $0.1 + ($1.amounts["input_tokens"]?.sum ?? 0),
                $0.2 + $1.durations.count
            )
        }
    }

    @Test(arguments: [false, true])
    func `models beyond the limit are folded, and everything still adds up`(
        isFlushed: Bool
    ) throws {
        let harness = try EngineHarness(
            disk: SimulatedDisk(), options: Self.options { $0.modelsPerTenant = 5 })
        var maker = FrameMaker(source: 1)
        let events = (0..<400).map { event($0) }
        harness.receive(maker.frame(events))
        // Another tenant's models are its own, also where they have the same names.
        harness.receive(maker.frame((0..<5).map { event($0, tenant: "nordix") }))
        if isFlushed { try harness.checkpoint() }
        var query = DetailsQuery.everything
        query.grouping = [.tenant, .model]
        let details = try harness.details(query)
        let models = Set(details.keys.filter { $0.tenant == "acme" }.map(\.model))
        #expect(models.count == 6 && models.contains(.otherDetails))
        query.tenants = ["nordix"]
        #expect(try harness.details(query).keys.allSatisfy { $0.model != .otherDetails })
        query.tenants = ["acme"]
        let found = sums(try harness.details(query))
        #expect(found == sums(NaiveDetails(events).answer(query)))
        #expect(Set(harness.engine.foldedCalls.keys) == ["acme"])
        #expect(harness.engine.foldedCalls["acme"]?.byModels == 300)
        #expect(harness.engine.foldedCalls["acme"]?.byUsers == 0)
    }

    @Test func `users and keys beyond their limits are folded, and the tenant is named`() throws {
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            options: Self.options {
                $0.usersPerTenant = 10
                $0.keysPerTenant = 12
            })
        var maker = FrameMaker(source: 1)
        let events = (0..<400).map { event($0) }
        harness.receive(maker.frame(events))
        let details = try harness.details()
        #expect(details.count <= 12 + 2 * 4, "keys, and what they are folded into")
        #expect(sums(details) == sums(NaiveDetails(events).answer(.everything)))
        var byOutcome = DetailsQuery.everything
        byOutcome.grouping = [.tenant, .agent, .outcome]
        #expect(
            try harness.details(byOutcome) == NaiveDetails(events).answer(byOutcome),
            "what is not folded is as exact as ever")
        let folded = try #require(harness.engine.foldedCalls["acme"])
        #expect(folded.byUsers > 0 && folded.byKeys > 0 && folded.byModels == 0)
        try harness.checkpoint()
        #expect(sums(try harness.details()) == sums(NaiveDetails(events).answer(.everything)))
        #expect(harness.engine.foldedCalls["acme"] == folded, "a checkpoint forgets nobody")
        // After it there is room again.
        harness.receive(maker.frame([event(0)]))
        #expect(harness.engine.foldedCalls["acme"] == folded)
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `replay folds what live ingest folded`(seed: UInt64) throws {
        var random = Seed(seed)
        let options = Self.options {
            $0.modelsPerTenant = 1 + random.below(4)
            $0.usersPerTenant = 1 + random.below(4)
            $0.keysPerTenant = 1 + random.below(30)
        }
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var workload = EventWorkload(seed: seed, minuteCount: 50)
        var makers = (0..<3).map { FrameMaker(source: UInt64($0)) }
        for round in 0..<20 {
            harness.receive(makers[round % 3].frame(workload.events(1 + random.below(40))))
            if round == 6 { try harness.checkpoint() }
        }
        let before = try harness.details()
        _ = try harness.engine.commit()
        #expect(try harness.reopened(options: options).details() == before)
    }

    @Test func `at the memory limit frames wait for a checkpoint`() throws {
        var options = EngineHarness.options
        options.shardCount = 1
        options.checkpointDetailByteCount = 50_000
        options.detailByteCountMax = 200_000
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var maker = FrameMaker(source: 1)
        var wasAsked = false
        var round = 0
        while true {
            let frame = maker.frame(
                (0..<50).map { number in
                    var event = event(number)
                    event.user = "user-\(round)-\(number)"
                    return event
                })
            if harness.receive(frame).disposition != .new { break }
            wasAsked = wasAsked || harness.engine.checkpointNeeded
            round += 1
            if round > 1_000 { break }
        }
        #expect(wasAsked && round > 2 && round < 1_000)
        try harness.checkpoint()
        maker = FrameMaker(source: 2)
        #expect(harness.receive(maker.frame([event(1)])).disposition == .new)
    }
}
