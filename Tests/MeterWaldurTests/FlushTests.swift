import Meter
import MeterTesting
import MeterWaldur
import MeterWire
import Synchronization
import Testing

/// The last minutes of a month: what is told when, with the latencies of transcript 13.
@Suite struct FlushTests {
    private static let components: [Name] = [
        "agent_calls", "input_tokens", "output_tokens", "tool_seconds",
    ]

    /// What a call costs a real Waldur, one in twenty twice as much and one in a hundred five times.
    private final class Latency: Sendable {
        private let seed = Mutex(Seed(13))

        func milliseconds(_ action: ReporterAction) -> Int64 {
            let usual: Int64 =
                switch action {
                case .rest, .book, .readFigures, .readMonth: 0
                case .setUsage(let call): [50, 178, 303, 397, 491][min(call.items.count, 4)]
                case .readPlanPeriods: 60
                case .readUsageRows: 42
                case .readOrders, .readOrder: 47
                case .readOffering, .readInvoices: 89
                // Seven pages of 300.
                case .listResources: 1_500
                }
            let luck = seed.withLock { $0.below(100) }
            return luck == 0 ? 5 * usual : luck < 5 ? 2 * usual : usual * Int64(90 + luck / 5) / 100
        }
    }

    private func simulation(
        resourceCount: Int,
        at start: String,
        accounts: Int
    ) throws -> ParallelSimulation {
        let start = try #require(WaldurTime.parse(start))
        let world = try DoubleWorld(
            milliseconds: start.milliseconds,
            resourceCount: resourceCount
        )
        let all = [ReportingAccount("a"), ReportingAccount("b")]
        let settings = ReporterSettings(
            waldur: Simulation.waldur,
            accounts: Array(all.prefix(accounts))
        )
        let simulation = try ParallelSimulation(
            settings,
            world: world,
            tokens: Array([DoubleWorld.providerToken, DoubleWorld.otherToken].prefix(accounts)),
            at: start
        )
        try simulation.engine.book(
            Self.components.map { .componentDeclared(Component(name: $0, unit: "u")) }
        )
        let minute = try #require(Minute(start))
        var decisions: [Decision] = []
        for index in 0..<resourceCount {
            let access = Access(
                id: AccessID(high: 1, low: UInt64(index)),
                tenant: Simulation.tenant,
                agent: Name("agent\(index)")
            )
            decisions.append(.accessMade(access))
            decisions.append(
                .bindingSet(
                    Binding(
                        access: access.id,
                        tenant: access.tenant,
                        agent: access.agent,
                        waldur: Simulation.waldur,
                        resource: try #require(ResourceID(DoubleWorld.resource(index))),
                        from: Minute(rawValue: minute.rawValue - 600),
                        class: .live
                    )
                )
            )
        }
        try simulation.engine.book(decisions)
        let latency = Latency()
        simulation.latency = { latency.milliseconds($0) }
        return simulation
    }

    /// Every agent uses some of every component.
    private func use(_ simulation: ParallelSimulation, resourceCount: Int) throws {
        let minute = try #require(Minute(simulation.now))
        for index in 0..<resourceCount {
            for component in Self.components {
                simulation.engine.record(
                    component,
                    UInt64(index % 7 + 1),
                    agent: Name("agent\(index)"),
                    tenant: Simulation.tenant,
                    at: minute
                )
            }
        }
        simulation.engine.sync()
    }

    /// The first cycle, which sees every resource for the first time, is under way when the last one is due.
    @Test func `two accounts tell 2,000 resources to within minutes of the month's end`()
        async throws
    {
        let count = 2_000
        let simulation = try simulation(
            resourceCount: count,
            at: "2026-11-30T23:40:00Z",
            accounts: 2
        )
        let end = try #require(WaldurTime.parse("2026-12-01T00:00:00Z"))
        while simulation.now < end {
            try use(simulation, resourceCount: count)
            await simulation.run(until: simulation.now.advanced(byMilliseconds: 180_000))
        }
        let guardStart = end.advanced(
            byMilliseconds: -simulation.settings.guardMilliseconds
        )
        #expect(simulation.told.allSatisfy { $0.ended <= guardStart })
        var tails: [ResourceID: Int64] = [:]
        for call in simulation.told where call.components == Self.components.count {
            let told = Minute(rawValue: call.through.rawValue + 1).start
            tails[call.resource] = end.milliseconds - told.milliseconds
        }
        #expect(tails.count == count, "everything was told")
        let sorted = tails.values.sorted()
        #expect(sorted[count / 2] <= 600_000)
        #expect((sorted.last ?? .max) <= 1_200_000)
        let lanes = [0, 1].map { lane in simulation.told.count { $0.lane == lane } }
        #expect(lanes.allSatisfy { $0 * 5 > simulation.told.count * 2 }, "both tell about as much")
        #expect(simulation.book.openIntents.isEmpty)
    }

    @Test func `no call is begun that by its p99 may still run when sending stops`() async throws {
        let simulation = try simulation(
            resourceCount: 8,
            at: "2026-11-30T23:00:00Z",
            accounts: 2
        )
        // A Waldur that has become slow: 20 s a call.
        simulation.latency = { action in
            if case .setUsage = action { return 20_000 }
            if case .rest = action { return 0 }
            return 50
        }
        let end = try #require(WaldurTime.parse("2026-12-01T00:00:00Z"))
        let guardStart = end.advanced(
            byMilliseconds: -simulation.settings.guardMilliseconds
        )
        while simulation.now < end {
            try use(simulation, resourceCount: 8)
            await simulation.run(until: simulation.now.advanced(byMilliseconds: 60_000))
        }
        #expect(!simulation.told.isEmpty)
        #expect(simulation.told.allSatisfy { $0.ended <= guardStart })
        let last = simulation.told.map(\.begun).max() ?? guardStart
        #expect(last.advanced(byMilliseconds: 20_000) <= guardStart)
        #expect(
            last.advanced(byMilliseconds: 120_000) > guardStart, "and not long before it either")
    }

    @Test func `nobody waits for an answer when sending has stopped`() async throws {
        let simulation = try simulation(
            resourceCount: 1,
            at: "2026-11-30T23:50:00Z",
            accounts: 1
        )
        let end = try #require(WaldurTime.parse("2026-12-01T00:00:00Z"))
        let guardStart = end.advanced(
            byMilliseconds: -simulation.settings.guardMilliseconds
        )
        try use(simulation, resourceCount: 1)
        await simulation.run(until: guardStart.advanced(byMilliseconds: -30_000))
        // It was quick so far; now nothing comes back.
        simulation.latency = { action in
            if case .setUsage = action { return 600_000 }
            if case .rest = action { return 0 }
            return 50
        }
        try use(simulation, resourceCount: 1)
        await simulation.run(until: end)
        let last = try #require(simulation.told.last)
        #expect(last.ended <= guardStart, "it was begun and given up")
        #expect(last.ended > guardStart.advanced(byMilliseconds: -2_000))
        #expect(simulation.book.openIntents.count == 1)
    }

    @Test func `a call carries what changed, and once a day everything`() async throws {
        let simulation = try Simulation(at: #require(WaldurTime.parse("2026-11-16T12:00:30Z")))
        try simulation.bind("researcher", to: 0)
        for component: Name in ["agent_calls", "input_tokens", "unpriced"] {
            simulation.use(component, 5, by: "researcher")
        }
        func sizes() -> [Int] {
            simulation.actions.compactMap { action in
                guard case .setUsage(let call) = action else { return nil }
                return call.items.count
            }
        }
        await simulation.cycle()
        simulation.use("agent_calls", 1, by: "researcher")
        await simulation.cycle()
        #expect(sizes() == [3, 1])
        await simulation.cycle()
        await simulation.advance(milliseconds: 86_400_000)
        // Waldur shows the last call's components as the resource's usage, so the others are due.
        await simulation.cycle()
        #expect(sizes() == [3, 1, 3])
        await simulation.advance(milliseconds: 86_400_000)
        await simulation.cycle()
        #expect(sizes() == [3, 1, 3], "nothing is told that Waldur has and shows")
        simulation.use("input_tokens", 1, by: "researcher")
        await simulation.cycle()
        simulation.use("input_tokens", 1, by: "researcher")
        await simulation.cycle()
        #expect(sizes() == [3, 1, 3, 3, 1])
    }

    @Test(arguments: [true, false])
    func `a resource that ends tomorrow comes first, and whole`(ofProject: Bool) async throws {
        let simulation = try Simulation(at: #require(WaldurTime.parse("2026-11-16T12:00:30Z")))
        for index in 0..<3 {
            try simulation.bind(Name("agent\(index)"), to: index)
            simulation.use("agent_calls", 1, by: Name("agent\(index)"))
            simulation.use("input_tokens", 1, by: Name("agent\(index)"))
        }
        await simulation.cycle()
        func order() -> [String] {
            simulation.actions.compactMap { action in
                guard case .setUsage(let call) = action else { return nil }
                return "\(call.resource.description.prefix(1)):\(call.items.count)"
            }
        }
        #expect(order() == ["1:2", "2:2", "3:2"])
        if ofProject {
            simulation.world.setProjectEnd("2026-11-18")
        } else {
            simulation.world.setEnd(of: DoubleWorld.resources[2], "2026-11-18")
        }
        for index in 0..<3 { simulation.use("agent_calls", 1, by: Name("agent\(index)")) }
        await simulation.cycle()
        #expect(order().suffix(3) == ["1:1", "2:1", "3:1"], "more than a day before it")
        await simulation.advance(milliseconds: 13 * 3_600_000)
        for index in 0..<3 { simulation.use("agent_calls", 1, by: Name("agent\(index)")) }
        await simulation.cycle()
        #expect(
            ofProject
                ? order().suffix(3) == ["1:2", "2:2", "3:2"]
                : order().suffix(3) == ["3:2", "1:1", "2:1"]
        )
    }
}
