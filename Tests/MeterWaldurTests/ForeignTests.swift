import Meter
import MeterWaldur
import MeterWire
import Testing

/// Figures in Waldur that Meter did not write.
@Suite struct ForeignTests {
    /// 10 are told and confirmed; then somebody else writes 4.
    private func overwritten(_ start: Timestamp = Simulation.midMonth) async throws -> Simulation {
        let simulation = try Simulation(at: start)
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 10, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["10.00"])
        let status = await simulation.world.report(
            DoubleWorld.resources[0],
            "agent_calls",
            "4"
        )
        #expect(status == 201)
        return simulation
    }

    private func standing(_ simulation: Simulation) throws -> ForeignStanding {
        try #require(simulation.book.billing.foreign.values.first)
    }

    @Test func `a foreign figure is in the book at once, and stays until somebody decides`()
        async throws
    {
        let simulation = try await overwritten()
        for _ in 0..<3 {
            simulation.use("agent_calls", 1, by: "researcher")
            await simulation.cycle()
        }
        #expect(simulation.shown(0, "agent_calls") == ["4.00"])
        let found = try standing(simulation).found
        #expect(found.usage == "4" && found.confirmed == Hundredths(1000))
        #expect(try simulation.findings(0) == [.foreign])
    }

    @Test
    func `a figure that is to be re-asserted is sent again, though it is not lower than before`()
        async throws
    {
        let simulation = try await overwritten()
        await simulation.cycle()
        try simulation.engine.book([
            .foreignDecided(
                ForeignDecided(
                    key: standing(simulation).found.key,
                    verdict: .reassert,
                    reason: "ticket"
                )
            )
        ])
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["10.00"])
        await simulation.cycle()
        #expect(simulation.book.billing.foreign.isEmpty)
        #expect(try simulation.findings(0).isEmpty)
    }

    @Test func `an accepted figure stands as an adjustment, and usage counts on from it`()
        async throws
    {
        let simulation = try await overwritten()
        await simulation.cycle()
        let decisions = try #require(
            try ForeignAcceptance.decisions(
                standing(simulation),
                number: 1,
                book: simulation.book,
                byDefault: false,
                reason: "goodwill"
            )
        )
        try simulation.engine.book(decisions)
        simulation.use("agent_calls", 3, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["7.00"])
        let adjustment = try #require(simulation.book.billing.adjustments[1]?.adjustment)
        #expect(adjustment.kind == .changedInWaldur && adjustment.amount == LedgerAmount(-600))
        #expect(try simulation.findings(0).isEmpty)
        #expect(simulation.violations.isEmpty)
    }

    @Test(arguments: [false, true]) func `after the deadline the default decides`(
        accepts: Bool
    ) async throws {
        let late = try #require(WaldurTime.parse("2026-11-30T12:00:00Z"))
        let simulation = try await overwritten(late)
        simulation.settings.acceptsForeign = accepts
        simulation.crash()
        for _ in 0..<4 { await simulation.cycle() }
        #expect(simulation.shown(0, "agent_calls") == [accepts ? "4.00" : "10.00"])
        #expect(simulation.book.billing.foreign.isEmpty)
        #expect(simulation.book.billing.adjustments.count == (accepts ? 1 : 0))
        #expect(simulation.violations.isEmpty)
    }

    @Test func `a figure that was put right again is no longer foreign`() async throws {
        let simulation = try await overwritten()
        await simulation.cycle()
        #expect(!simulation.book.billing.foreign.isEmpty)
        _ = await simulation.world.report(DoubleWorld.resources[0], "agent_calls", "10")
        await simulation.cycle()
        #expect(simulation.book.billing.foreign.isEmpty)
    }
}
