import Meter
import MeterWaldur
import MeterWire
import Testing

/// A resource changes hands between reporters.
@Suite struct AdoptionTests {
    /// Somebody else has told 40; Meter meters beside it.
    private func shadowed() async throws -> Simulation {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0, as: .shadow)
        simulation.use("agent_calls", 40, by: "researcher")
        #expect(await simulation.world.report(DoubleWorld.resources[0], "agent_calls", "40") == 201)
        await simulation.cycle()
        return simulation
    }

    private func adoption(_ simulation: Simulation, from: Minute) async throws -> Adoption {
        let id = try simulation.id(0)
        let listing = try await simulation.client.resource(id)
        var observation = Observation(
            begun: simulation.now,
            waldurTime: simulation.now,
            month: try #require(BillingMonth("2026-11")),
            periods: try await simulation.client.planPeriods(of: id)
        )
        observation.rows[observation.month] = try await simulation.client.usageRows(
            of: id,
            in: observation.month
        )
        return Adoption(
            ResourceKey(waldur: Simulation.waldur, resource: id),
            from: from,
            present: simulation.now,
            listing: listing,
            observation: observation,
            zone: .utc,
            book: simulation.book
        )
    }

    @Test func `an adopted resource goes on from what Waldur shows`() async throws {
        let simulation = try await shadowed()
        #expect(simulation.shown(0, "agent_calls") == ["40.00"])
        await simulation.advance(milliseconds: 600_000)
        let from = Minute(rawValue: simulation.minute.rawValue - 5)
        let adoption = try await adoption(simulation, from: from)
        #expect(adoption.refusals == [])
        try simulation.engine.book(adoption.decisions)
        simulation.use("agent_calls", 2, by: "researcher")
        await simulation.advance(milliseconds: 60_000)
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["42.00"])
        #expect(try simulation.findings(0).isEmpty && simulation.violations.isEmpty)
        // Once more: it is Meter's own by now.
        let again = try await self.adoption(simulation, from: from)
        #expect(!again.refusals.isEmpty)
        // What was adopted and not used since is no usage that could not be told.
        await simulation.run(until: "2026-12-01T00:10:00Z")
        #expect(simulation.carries.isEmpty)
    }

    @Test func `it is refused while somebody else writes, and says when and what`() async throws {
        let simulation = try await shadowed()
        await simulation.advance(milliseconds: 600_000)
        // Any call tells the double what time it is.
        _ = try await simulation.client.resource(simulation.id(0))
        let from = Minute(rawValue: simulation.minute.rawValue - 5)
        #expect(await simulation.world.report(DoubleWorld.resources[0], "agent_calls", "41") == 201)
        let adoption = try await adoption(simulation, from: from)
        #expect(adoption.refusals.count == 1)
        let refusal = try #require(adoption.refusals.first)
        #expect(refusal.contains("somebody else still writes: agent_calls"))
        #expect(refusal.contains("2026-11-16T12:1"))
    }

    @Test func `it is refused without a shadow, in another month, and ahead of time`() async throws
    {
        let simulation = try await shadowed()
        let minute = simulation.minute
        let ahead = try await adoption(simulation, from: Minute(rawValue: minute.rawValue + 5))
        #expect(ahead.refusals.contains { $0.contains("ahead of Waldur's clock") })
        let before = try await adoption(
            simulation, from: Minute(rawValue: minute.rawValue - 50_000))
        #expect(before.refusals.contains { $0.contains("does not lie in 2026-11") })
        let live = try Simulation()
        try live.bind("researcher", to: 0)
        let refused = try await adoption(live, from: live.minute)
        #expect(refused.refusals.contains { $0.contains("no open shadow binding") })
    }

    @Test func `a released resource is left alone`() async throws {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 3, by: "researcher")
        await simulation.cycle()
        try simulation.engine.book([
            .resourceReleased(
                ResourceReleased(
                    waldur: Simulation.waldur,
                    resource: simulation.id(0),
                    from: simulation.minute,
                    reason: "test"
                )
            )
        ])
        _ = await simulation.world.report(DoubleWorld.resources[0], "agent_calls", "9")
        simulation.use("agent_calls", 1, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["9.00"])
        #expect(simulation.book.billing.foreign.isEmpty)
    }
}
