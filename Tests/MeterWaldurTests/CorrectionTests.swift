import Meter
import MeterWaldur
import MeterWire
import Testing

/// Corrections on their way to Waldur: what takes away lowers totals of the same resource, never below zero.
@Suite struct CorrectionTests {
    private func simulation(_ text: String = "2026-11-16T12:00:30Z") throws -> Simulation {
        let simulation = try Simulation(at: #require(WaldurTime.parse(text)))
        try simulation.bind("researcher", to: 0)
        return simulation
    }

    private func grow(_ simulation: Simulation, _ amount: UInt64, until text: String) async {
        simulation.use("agent_calls", amount, by: "researcher")
        await simulation.run(until: text)
    }

    @Test func `a correction in the open month lowers what was confirmed, with its reason`()
        async throws
    {
        let simulation = try simulation()
        simulation.use("agent_calls", 9, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["9.00"])
        try simulation.correct("agent_calls", -4, by: "researcher", at: simulation.minute)
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["5.00"])
        #expect(simulation.billed(0, "agent_calls") == ["5.00"])
        let because = simulation.actions.compactMap { action -> String? in
            guard case .book(let decisions) = action else { return nil }
            return decisions.compactMap { decision in
                if case .submissionIntended(let intent) = decision {
                    intent.lowersBecause
                } else {
                    nil
                }
            }.first
        }
        #expect(because == ["adjusted -4.00, carried in 0.00"])
        #expect(try simulation.findings(0).isEmpty && simulation.violations.isEmpty)
        // More than there is: zero, and no further.
        try simulation.correct("agent_calls", -8, by: "researcher", at: simulation.minute)
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["0.00"])
        simulation.use("agent_calls", 5, by: "researcher")
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["2.00"])
        #expect(simulation.violations.isEmpty)
    }

    @Test func `a figure whose usage is gone is not lowered, whatever was corrected`() async throws
    {
        let simulation = try simulation()
        simulation.use("agent_calls", 9, by: "researcher")
        await simulation.cycle()
        try simulation.correct("agent_calls", -1, by: "researcher", at: simulation.minute)
        // Somebody ends the binding before the usage: it has no resource any more.
        let access = try #require(simulation.book.bindings.keys.first)
        let from = try #require(simulation.book.bindings[access]?.first?.from)
        try simulation.engine.book([
            .bindingEnded(
                BindingEnd(access: access, from: from, to: Minute(rawValue: from.rawValue + 1))
            )
        ])
        try simulation.bind("other", to: 0)
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["9.00"])
        #expect(try simulation.findings(0).contains(.lowered))
    }

    @Test func `a correction of a cut month is taken from the next totals down to zero`()
        async throws
    {
        let simulation = try simulation("2026-11-30T23:00:00Z")
        let november = simulation.minute
        await grow(simulation, 9, until: "2026-12-01T00:45:00Z")
        #expect(simulation.shown(0, "agent_calls") == ["0.00", "9.00"])
        try simulation.correct("agent_calls", -6, by: "researcher", at: november)
        #expect(simulation.carries == ["2026-11 agent_calls correction -6.00 waits"])
        await grow(simulation, 4, until: "2026-12-01T01:00:00Z")
        // November's row is never touched again; December's is four less six: nothing.
        #expect(simulation.carries == ["2026-11 agent_calls correction -6.00 landed"])
        #expect(simulation.shown(0, "agent_calls") == ["0.00", "9.00"])
        await grow(simulation, 5, until: "2026-12-01T01:15:00Z")
        #expect(simulation.shown(0, "agent_calls") == ["3.00", "9.00"])
        #expect(simulation.violations.isEmpty)
    }

    @Test func `what two months have no room for becomes a credit request`() async throws {
        let simulation = try simulation("2026-11-30T23:00:00Z")
        let november = simulation.minute
        await grow(simulation, 9, until: "2026-12-01T00:45:00Z")
        try simulation.correct("agent_calls", -9, by: "researcher", at: november)
        await grow(simulation, 2, until: "2027-01-01T00:45:00Z")
        #expect(
            simulation.carries == [
                "2026-11 agent_calls correction -9.00 landed",
                "2026-12 agent_calls correction -7.00 landed",
            ]
        )
        await grow(simulation, 3, until: "2027-02-01T00:45:00Z")
        #expect(
            simulation.carries.last == "2027-01 agent_calls correction -4.00 credit-request"
        )
        #expect(simulation.shown(0, "agent_calls") == ["0.00", "0.00", "0.00", "9.00"])
        await grow(simulation, 6, until: "2027-02-01T01:15:00Z")
        #expect(simulation.shown(0, "agent_calls") == ["0.00", "0.00", "6.00", "9.00"])
        #expect(simulation.violations.isEmpty)
        let settled = simulation.book.billing.carries.values.compactMap(\.settled)
            .first { $0.settlement == .creditRequest }
        #expect(settled?.reason == "not taken from the totals of two months: totals were too small")
    }

    @Test func `at another price a correction waits, and then a credit is requested`() async throws
    {
        let simulation = try simulation("2026-11-30T23:00:00Z")
        let november = simulation.minute
        try simulation.world.announce("agent_calls", hundredths: 5)
        simulation.use("agent_calls", 9, by: "researcher")
        await simulation.run(until: "2026-12-01T00:01:00Z")
        try simulation.world.runMonthlyTask()
        await simulation.run(until: "2026-12-01T00:45:00Z")
        try simulation.correct("agent_calls", -6, by: "researcher", at: november)
        await grow(simulation, 8, until: "2026-12-01T01:30:00Z")
        #expect(simulation.carries == ["2026-11 agent_calls correction -6.00 waits"])
        #expect(simulation.shown(0, "agent_calls") == ["8.00", "9.00"])
        await simulation.run(until: "2027-01-01T00:45:00Z")
        #expect(simulation.carries == ["2026-11 agent_calls correction -6.00 waits"])
        await simulation.run(until: "2027-02-01T00:45:00Z")
        #expect(simulation.carries == ["2026-11 agent_calls correction -6.00 credit-request"])
        #expect(simulation.shown(0, "agent_calls") == ["0.00", "0.00", "8.00", "9.00"])
        #expect(simulation.violations.isEmpty)
    }

    @Test func `the billed row of an ended plan period is left alone by a correction`() async throws
    {
        let simulation = try simulation()
        let before = simulation.minute
        simulation.use("agent_calls", 9, by: "researcher")
        await simulation.cycle()
        try simulation.world.switchPlan(DoubleWorld.resources[0], to: "Premium")
        await simulation.advance(milliseconds: 120_000)
        simulation.use("agent_calls", 3, by: "researcher")
        await simulation.cycle()
        try simulation.correct("agent_calls", -2, by: "researcher", at: before)
        await simulation.cycle()
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["3.00", "9.00"])
        #expect(simulation.carries == ["2026-11 agent_calls correction -2.00 waits"])
        #expect(simulation.violations.isEmpty)
    }
}
