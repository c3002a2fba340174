import Meter
import MeterTesting
import MeterWire
import Testing

/// Details equal a naive model, wherever they are: live, being flushed, in files, merged.
@Suite struct DetailsTests {
    @Test(arguments: 0..<24 as Range<UInt64>)
    func `any query equals the naive model, whatever is checkpointed, merged or reopened when`(
        seed: UInt64
    ) throws {
        var random = Seed(seed)
        var workload = EventWorkload(
            seed: seed, tenantCount: 1 + random.below(3), agentCount: 1 + random.below(5),
            minuteCount: 1 + random.below(55))
        var options = EngineHarness.options
        options.mergeCountMin = 2
        var harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var makers = (0..<3).map { FrameMaker(source: UInt64($0)) }
        var naive = NaiveDetails()
        var batchNumber: UInt64 = 0
        for _ in 0..<40 {
            switch random.below(8) {
            case 0: try harness.checkpoint()
            case 1: while try harness.engine.mergeNext(at: harness.now) != nil {}
            case 2:
                _ = try harness.engine.commit()
                harness = try harness.reopened(options: options)
            case 3:
                let events = workload.events(1 + random.below(5))
                naive.events += events
                let items = events.map { event -> (id: UInt64, event: UsageEvent) in
                    batchNumber += 1
                    return (batchNumber, event)
                }
                #expect(harness.receive(IngestBatch(items)).deferral == nil)
            default:
                let events = workload.events(1 + random.below(60))
                naive.events += events
                let maker = random.below(makers.count)
                #expect(harness.receive(makers[maker].frame(events)).disposition == .new)
            }
            if naive.events.isEmpty { continue }
            let query = DetailsQuery.random(&random, about: naive.events)
            #expect(try harness.details(query) == naive.answer(query), "\(query)")
            guard random.oneIn(4) else { continue }
            let both = try harness.usage(with: [.everything, query])
            #expect(both.details.map(\.totals) == [naive.answer(.everything), naive.answer(query)])
            #expect(both.details.allSatisfy { $0.position == both.usage.position })
            #expect(both.usage.totals == naive.usage)
        }
        #expect(try harness.details() == naive.answer(.everything))
        for file in harness.engine.detailsFiles { try file.verify() }
    }

    @Test func `while a checkpoint is under way nothing is missing and nothing counts twice`()
        throws
    {
        var workload = EventWorkload(seed: 5)
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        var naive = NaiveDetails()
        func send() {
            let events = workload.events(50)
            naive.events += events
            harness.receive(maker.frame(events))
        }
        send()
        try harness.checkpoint()
        send()
        let begun = try #require(harness.engine.beginCheckpoint())
        send()
        #expect(try harness.details() == naive.answer(.everything))
        _ = try harness.engine.finishCheckpoint(begun)
        #expect(try harness.details() == naive.answer(.everything))
        #expect(harness.engine.detailsFiles.count == 2)
    }

    @Test func `calls and amounts of details are those of usage`() throws {
        var workload = EventWorkload(seed: 9, minuteCount: 40)
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        for _ in 0..<10 {
            harness.receive(maker.frame(workload.events(80)))
            try harness.checkpoint()
        }
        let usage = try harness.totals().totals.filter { group, _ in
            group.component.map { ComponentVariant($0) == nil } ?? false
        }
        var query = DetailsQuery.everything
        query.grouping = [.tenant, .agent, .access]
        var found: [UsageGroup: UsageTotal] = [:]
        for (group, total) in try harness.details(query) {
            for (component, amount) in total.amounts {
                let key = UsageGroup(
                    tenant: group.tenant, agent: group.agent, access: group.access,
                    component: component)
                found[key] = amount
            }
        }
        #expect(found == usage)
    }

    @Test func `a sum beyond 64 bits and a bucket beyond 16 bits are exact`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        let event = UsageEvent(
            time: EventWorkload.start, tenant: "acme", agent: "bot",
            amounts: [
                ComponentAmount("input_tokens", UInt64(Int64.max)),
                ComponentAmount("agent_calls", 1),
            ], model: "m", outcome: .error, durationMilliseconds: 1_000)
        let perFrame = 1_000
        let frame = [UsageEvent](repeating: event, count: perFrame)
        for round in 0..<70 {
            #expect(harness.receive(maker.frame(frame)).disposition == .new)
            if round % 10 == 9 { _ = try harness.engine.commit() }
            if round == 67 { try harness.checkpoint() }
        }
        let count = UInt64(70 * perFrame)
        let total = try #require(harness.details().values.first)
        #expect(total.calls == count)
        #expect(total.calls(.error) == count)
        #expect(
            total.amounts["input_tokens"]
                == UsageTotal(sum: UInt128(Int64.max) * UInt128(count), count: count))
        #expect(total.durations.count == count)
        #expect(total.tokens.count == count)
        var expected = Histogram()
        for _ in 0..<count { expected.add(1_000) }
        #expect(total.durations == expected)
    }

    @Test func `an answer with more groups than allowed is refused`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame((0..<20).map { .call(agent: "agent-\($0)") }))
        var query = DetailsQuery.everything
        query.groupCountMax = 20
        #expect(try harness.details(query).count == 20)
        query.groupCountMax = 19
        #expect(throws: EngineError.self) { try harness.details(query) }
    }
}
