import Meter
import MeterWaldur
import MeterWire
import Testing

/// What the reporter does in quiet times: totals, plan switches, what is not told and why.
@Suite struct ReporterTests {
    @Test func `a month total is told, read back, and told again only when it has changed`()
        async throws
    {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 3, by: "researcher")
        simulation.use("input_tokens", 1200, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["3.00"])
        #expect(simulation.shown(0, "input_tokens") == ["1200.00"])
        #expect(simulation.transport.writeCount == 1)
        #expect(simulation.book.openIntents.isEmpty)
        await simulation.cycle()
        #expect(simulation.transport.writeCount == 1)
        simulation.use("agent_calls", 4, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["7.00"])
        #expect(simulation.transport.writeCount == 2)
        #expect(simulation.billed(0, "agent_calls") == ["7.00"])
    }

    @Test func `two agents on one resource are summed, and one call carries one resource`()
        async throws
    {
        let simulation = try Simulation()
        try simulation.bind("one", to: 0)
        try simulation.bind("two", to: 0)
        try simulation.bind("three", to: 1)
        simulation.use("agent_calls", 3, by: "one")
        simulation.use("agent_calls", 4, by: "two")
        simulation.use("agent_calls", 5, by: "three")
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["7.00"])
        #expect(simulation.shown(1, "agent_calls") == ["5.00"])
        #expect(simulation.transport.writeCount == 2)
    }

    @Test func `a submission carries its number in Waldur's description`() async throws {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 3, by: "researcher")
        await simulation.cycle()
        let rows = try await simulation.client.usageRows(
            of: simulation.id(0),
            in: #require(BillingMonth("2026-11"))
        )
        #expect(rows.map { SubmissionMark($0.description)?.number } == [1])
    }

    @Test func `amounts are rounded down to hundredths of the reported unit and nothing is lost`()
        async throws
    {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("tool_seconds", 1_239, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "tool_seconds") == ["1.23"])
        simulation.use("tool_seconds", 1, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "tool_seconds") == ["1.24"])
    }

    @Test func `after a plan switch each plan period gets its own total`() async throws {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 10, by: "researcher")
        await simulation.cycle()
        try simulation.world.switchPlan(DoubleWorld.resources[0], to: "Premium")
        await simulation.advance(milliseconds: 120_000)
        simulation.use("agent_calls", 5, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["10.00", "5.00"])
        #expect(simulation.billed(0, "agent_calls").sorted() == ["10.00", "5.00"])
    }

    @Test func `the row of an ended plan period is not changed, since that would bill it twice`()
        async throws
    {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 10, by: "researcher")
        await simulation.cycle()
        let before = simulation.minute
        await simulation.advance(milliseconds: 180_000)
        try simulation.world.switchPlan(DoubleWorld.resources[0], to: "Premium")
        await simulation.advance(milliseconds: 120_000)
        simulation.engine.record(
            "agent_calls",
            1,
            agent: "researcher",
            tenant: Simulation.tenant,
            at: before
        )
        simulation.engine.record(
            "input_tokens",
            50,
            agent: "researcher",
            tenant: Simulation.tenant,
            at: before
        )
        simulation.engine.sync()
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["10.00"])
        // A component that had no row there can still be told, and is billed once.
        #expect(simulation.shown(0, "input_tokens") == ["50.00"])
        #expect(simulation.billed(0, "input_tokens") == ["50.00"])
        // What is left over is carried; the other plan's price is for a person to decide.
        #expect(simulation.carries == ["2026-11 agent_calls plan-ended 1.00 waits"])
        #expect(try !simulation.findings(0).contains(.planEnded))
        await simulation.cycle()
        #expect(simulation.carries.count == 1)
    }

    @Test func `only live bindings are told`() async throws {
        let simulation = try Simulation()
        for bindingClass in BindingClass.allCases where bindingClass != .live {
            try simulation.bind(Name(bindingClass.rawValue), to: 0, as: bindingClass)
            simulation.use("agent_calls", 3, by: Name(bindingClass.rawValue))
        }
        await simulation.cycle()
        #expect(simulation.transport.writeCount == 0)
        #expect(simulation.book.resources.count == 1)
        #expect(try simulation.findings(0).isEmpty)
    }

    @Test func `a component that the offering lacks holds up no other`() async throws {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 3, by: "researcher")
        simulation.use("cached_tokens", 9, by: "researcher")
        simulation.use("base_fee", 1, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["3.00"])
        #expect(try simulation.findings(0) == [.notInOffering, .notInOffering])
    }

    @Test func `usage that Waldur accepts and never bills is named`() async throws {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("unpriced", 3, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "unpriced") == ["3.00"])
        #expect(simulation.billed(0, "unpriced").isEmpty)
        #expect(try simulation.findings(0) == [.notPriced])
    }

    @Test func `usage of minutes that have not begun at Waldur's is told later`() async throws {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.engine.record(
            "agent_calls",
            2,
            agent: "researcher",
            tenant: Simulation.tenant,
            at: Minute(rawValue: simulation.minute.rawValue + 3)
        )
        simulation.engine.sync()
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == [])
        await simulation.advance(milliseconds: 240_000)
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["2.00"])
    }

    @Test func `nothing above the durable position is told`() async throws {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 2, by: "researcher")
        simulation.engine.record(
            "agent_calls",
            7,
            agent: "researcher",
            tenant: Simulation.tenant,
            at: simulation.minute
        )
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["2.00"])
        simulation.crash()
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["2.00"])
        #expect(try simulation.findings(0).isEmpty)
    }

    @Test func `a value that somebody else wrote is raised and not overwritten`() async throws {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 10, by: "researcher")
        simulation.use("input_tokens", 10, by: "researcher")
        await simulation.cycle()
        #expect(await simulation.world.report(DoubleWorld.resources[0], "agent_calls", "6") == 201)
        simulation.use("agent_calls", 1, by: "researcher")
        simulation.use("input_tokens", 1, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["6.00"])
        #expect(simulation.shown(0, "input_tokens") == ["11.00"])
        let finding = try #require(simulation.reporter.findings[simulation.id(0)]?.first)
        #expect(finding.kind == .foreign && finding.waldurs == "6" && finding.ours == "10.00")
    }

    @Test func `a confirmed figure is not lowered`() async throws {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 10, by: "researcher")
        await simulation.cycle()
        // The access turns out to belong to another resource from now on, and back to the start.
        let binding = try #require(simulation.book.allBindings.first)
        try simulation.engine.book([
            .bindingEnded(BindingEnd(access: binding.access, from: binding.from, to: binding.from))
        ])
        try simulation.bind("other", to: 0)
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["10.00"])
        #expect(try simulation.findings(0) == [.lowered])
    }

    @Test func `a resource of another customer and one that takes no usage are left alone`()
        async throws
    {
        let simulation = try Simulation()
        let stranger = Name("c0000000000000000000000000000002")
        try simulation.bind("researcher", to: 0, tenant: stranger)
        simulation.use("agent_calls", 10, by: "researcher", tenant: stranger)
        try simulation.bind("writer", to: 1)
        simulation.use("agent_calls", 10, by: "writer")
        simulation.world.terminate(DoubleWorld.resources[1])
        await simulation.cycle()
        #expect(try simulation.findings(0) == [.otherCustomer])
        #expect(try simulation.findings(1) == [.resourceState])
        #expect(simulation.transport.writeCount == 0)
    }

    @Test func `a component with a limit amount is refused alone, the others are told`()
        async throws
    {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        for component in ["agent_calls", "capped", "tool_seconds"] {
            simulation.use(Name(component), 60, by: "researcher")
        }
        await simulation.cycle()
        // 60 + 60 is over Waldur's limit of 100: the same total counts twice.
        for component in ["agent_calls", "capped", "tool_seconds"] {
            simulation.use(Name(component), 30_000, by: "researcher")
        }
        await simulation.cycle()
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["30060.00"])
        #expect(simulation.shown(0, "capped") == ["60.00"])
        #expect(simulation.shown(0, "tool_seconds") == ["30.06"])
        #expect(try simulation.findings(0).contains(.refused))
        #expect(simulation.book.openIntents.isEmpty)
    }

    @Test func `an amount that Waldur's invoice cannot hold is never sent`() async throws {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("input_tokens", 1_000_000_000_000, by: "researcher")
        simulation.use("agent_calls", 1, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "input_tokens") == [])
        #expect(simulation.shown(0, "agent_calls") == ["1.00"])
        #expect(try simulation.findings(0) == [.tooLarge])
    }
}
