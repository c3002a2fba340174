import Meter
import MeterWaldur
import MeterWire
import Testing

/// Several accounts of one Waldur: who tells what, and what becomes of it when one of them fails.
@Suite struct AccountTests {
    private static let resourceCount = 12
    private static let offering = OfferingID(DoubleWorld.offering)

    private func simulation(
        _ accounts: [ReportingAccount] = [ReportingAccount("a"), ReportingAccount("b")]
    ) throws -> ParallelSimulation {
        let start = Simulation.midMonth
        let world = try DoubleWorld(
            milliseconds: start.milliseconds,
            resourceCount: Self.resourceCount
        )
        let settings = ReporterSettings(waldur: Simulation.waldur, accounts: accounts)
        let simulation = try ParallelSimulation(
            settings,
            world: world,
            tokens: [DoubleWorld.providerToken, DoubleWorld.otherToken],
            at: start
        )
        try simulation.engine.book([
            .componentDeclared(Component(name: "agent_calls", unit: "call")),
            .componentDeclared(Component(name: "input_tokens", unit: "token")),
        ])
        for index in 0..<Self.resourceCount { try bind(index, simulation) }
        return simulation
    }

    private func bind(_ index: Int, _ simulation: ParallelSimulation) throws {
        let access = Access(
            id: AccessID(high: 1, low: UInt64(index)),
            tenant: Simulation.tenant,
            agent: Name("agent\(index)")
        )
        let minute = try #require(Minute(simulation.now))
        try simulation.engine.book([
            .accessMade(access),
            .bindingSet(
                Binding(
                    access: access.id,
                    tenant: access.tenant,
                    agent: access.agent,
                    waldur: Simulation.waldur,
                    resource: try Self.resource(index),
                    from: Minute(rawValue: minute.rawValue - 60),
                    class: .live
                )
            ),
        ])
    }

    private static func resource(_ index: Int) throws -> ResourceID {
        try #require(ResourceID(DoubleWorld.resource(index)))
    }

    /// Every agent uses so much more.
    private func use(_ amount: UInt64, _ simulation: ParallelSimulation) throws {
        let minute = try #require(Minute(simulation.now))
        for index in 0..<Self.resourceCount {
            simulation.engine.record(
                "agent_calls",
                amount,
                agent: Name("agent\(index)"),
                tenant: Simulation.tenant,
                at: minute
            )
        }
        simulation.engine.sync()
    }

    private func shown(_ simulation: ParallelSimulation) -> [String] {
        simulation.world.rows.filter { $0.key.contains(" agent_calls ") }.map(\.value).sorted()
    }

    @Test func `accounts tell at the same time, each its own resources`() async throws {
        let simulation = try simulation()
        let begun = simulation.now
        for _ in 0..<3 {
            try use(1, simulation)
            await simulation.cycle()
        }
        #expect(shown(simulation) == Array(repeating: "3.00", count: Self.resourceCount))
        var lanes: [ResourceID: Set<Int>] = [:]
        for call in simulation.told { lanes[call.resource, default: []].insert(call.lane) }
        #expect(lanes.values.allSatisfy { $0.count == 1 }, "a resource stays with its account")
        #expect(simulation.told.count { $0.lane == 0 } == 3 * Self.resourceCount / 2)
        #expect(simulation.reporter.trouble == nil && simulation.book.openIntents.isEmpty)
        // Six resources of five calls each, and what comes before them, three times over.
        #expect(simulation.now.milliseconds - begun.milliseconds < 3 * (6 * 500 + 600))
        #expect(simulation.book.submissions.values.flatMap(\.values).allSatisfy { $0.open.isEmpty })
    }

    @Test func `an account tells only the offerings that it is given`() async throws {
        let offering = try #require(Self.offering)
        let other = try #require(OfferingID(String(repeating: "7", count: 32)))
        let simulation = try simulation([
            ReportingAccount("a", offerings: [other]), ReportingAccount("b", offerings: [offering]),
        ])
        try use(1, simulation)
        await simulation.cycle()
        #expect(Set(simulation.told.map(\.lane)) == [1])
        #expect(shown(simulation).count == Self.resourceCount)

        let neither = try self.simulation([
            ReportingAccount("a", offerings: [other]), ReportingAccount("b", offerings: [other]),
        ])
        try use(1, neither)
        await neither.cycle()
        #expect(neither.told.isEmpty)
        let findings = neither.reporter.findings.values.flatMap(\.self).map(\.kind)
        #expect(findings == Array(repeating: .noAccount, count: Self.resourceCount))
    }

    @Test func `an account that Waldur refuses hands its resources over`() async throws {
        let simulation = try simulation()
        simulation.fault = { lane, action in
            guard lane == 1, case .setUsage = action else { return nil }
            return .status(403, message: "no permission", retryAfterMilliseconds: nil)
        }
        try use(2, simulation)
        await simulation.cycle()
        #expect(shown(simulation).count == Self.resourceCount / 2)
        #expect(simulation.reporter.trouble == nil, "it is not the account that fails")
        await simulation.cycle()
        #expect(shown(simulation) == Array(repeating: "2.00", count: Self.resourceCount))
        #expect(simulation.book.openIntents.isEmpty)
    }

    @Test func `a dead token stops neither the other account nor, for long, its own resources`()
        async throws
    {
        let simulation = try simulation()
        try use(1, simulation)
        await simulation.cycle()
        simulation.fault = { lane, _ in
            lane == 1
                ? .status(401, message: "Token has expired.", retryAfterMilliseconds: nil) : nil
        }
        try use(1, simulation)
        await simulation.cycle()
        #expect(shown(simulation) == Array(repeating: "2.00", count: Self.resourceCount))
        #expect(simulation.reporter.trouble?.hasPrefix("account b: resources: ") == true)
        #expect(simulation.reporter.completedCycle != nil)
        // Left alone for ever longer, asked now and then.
        let asked = simulation.actions.count
        await simulation.run(until: simulation.now.advanced(byMilliseconds: 3_600_000))
        let later = simulation.actions[asked...]
        #expect(later.contains { $0.lane == 1 } && later.count { $0.lane == 1 } < 15)
        simulation.fault = { _, _ in nil }
        await simulation.cycle()
        #expect(simulation.reporter.trouble == nil)
    }

    @Test func `what is open is looked up by its own account alone, also after a restart`()
        async throws
    {
        let simulation = try simulation()
        simulation.fault = { lane, action in
            guard lane == 1, case .setUsage = action else { return nil }
            return .timedOut(milliseconds: 30_000)
        }
        try use(1, simulation)
        await simulation.cycle()
        let lost = Set(simulation.book.openIntents.values.map(\.intent.resource))
        #expect(!lost.isEmpty)
        #expect(simulation.book.openIntents.values.allSatisfy { $0.intent.account == "b" })
        // The account gives no answer at all now, and the server starts anew.
        simulation.fault = { lane, _ in
            lane == 1 ? .status(502, message: "", retryAfterMilliseconds: nil) : nil
        }
        simulation.crash()
        try use(1, simulation)
        let calls = simulation.told.count
        let actions = simulation.actions.count
        await simulation.run(until: simulation.now.advanced(byMilliseconds: 1_800_000))
        for call in simulation.told[calls...] { #expect(!lost.contains(call.resource)) }
        let readers = simulation.actions[actions...].filter { entry in
            guard case .readPlanPeriods(let resource) = entry.action else { return false }
            return lost.contains(resource)
        }
        #expect(!readers.isEmpty && readers.allSatisfy { $0.lane == 1 })
        simulation.fault = { _, _ in nil }
        for _ in 0..<4 { await simulation.cycle() }
        #expect(simulation.book.openIntents.isEmpty)
        #expect(shown(simulation) == Array(repeating: "2.00", count: Self.resourceCount))
    }

    @Test func `a resource whose decisions the book refuses holds up no other one`() async throws {
        let simulation = try simulation()
        let poisoned = try Self.resource(0)
        simulation.engine.refuses { decision in
            guard case .submissionIntended(let intent) = decision else { return false }
            return intent.resource == poisoned
        }
        try use(1, simulation)
        await simulation.cycle()
        #expect(shown(simulation).count == Self.resourceCount - 1)
        #expect(simulation.reporter.findings[poisoned]?.map(\.kind) == [.unreadable])
        #expect(simulation.reporter.trouble == nil)
    }

    @Test func `numbers that somebody else took meanwhile are the next ones`() throws {
        let simulation = try simulation()
        let month = try #require(BillingMonth("2026-11"))
        func intent(_ number: UInt64, _ index: Int) throws -> Decision {
            .submissionIntended(
                SubmissionIntent(
                    number: number,
                    waldur: index == 0 ? "one" : "two",
                    resource: try Self.resource(index),
                    planPeriod: try #require(PlanPeriodID(DoubleWorld.resource(index))),
                    month: month,
                    position: 0,
                    items: [.init(component: "agent_calls", total: Quantity(1), amount: .zero)]
                )
            )
        }
        let (first, second) = (try intent(1, 0), try intent(1, 1))
        try simulation.engine.book([first])
        try simulation.engine.book([second])
        #expect(simulation.book.openIntents.keys.sorted() == [1, 2])
        #expect(simulation.book.openIntents[2]?.intent.waldur == "two")
    }
}
