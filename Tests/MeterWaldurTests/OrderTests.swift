import Meter
import MeterWaldur
import MeterWire
import Testing

/// Switches and terminations that wait for the provider.
@Suite struct OrderTests {
    private func standing(_ simulation: Simulation) throws -> OrderStanding {
        try #require(simulation.book.billing.orders.values.first)
    }

    @Test func `a resource with a pending termination comes first and is marked as flushed`()
        async throws
    {
        let simulation = try Simulation(isOwner: true)
        for (index, agent) in ["one", "two", "three"].enumerated() {
            try simulation.bind(Name(agent), to: index)
            simulation.use("agent_calls", 3, by: Name(agent))
        }
        let order = try simulation.world.orderTermination(DoubleWorld.resources[2])
        await simulation.cycle()
        let first = simulation.actions.lazy.compactMap { action -> ResourceID? in
            if case .setUsage(let call) = action { return call.resource }
            return nil
        }.first
        #expect(try first == simulation.id(2))
        let flushed = try standing(simulation)
        #expect(flushed.order.order.description == order && flushed.order.type == "Terminate")
        #expect(flushed.flushed != nil)

        simulation.use("agent_calls", 2, by: "three")
        await simulation.advance(milliseconds: 120_000)
        await simulation.cycle()
        #expect(simulation.shown(2, "agent_calls") == ["5.00"])
        let position = try #require(flushed.flushed?.position)
        #expect(try #require(standing(simulation).flushed?.position) > position)
        let entries = simulation.book.head.number
        await simulation.cycle()
        #expect(simulation.book.head.number == entries)

        try simulation.world.approve(order)
        await simulation.cycle()
        #expect(try !standing(simulation).isOpen)
        #expect(simulation.book.billing.incidents.isEmpty)
    }

    @Test func `an order that is approved before its flush is an incident with the amounts`()
        async throws
    {
        let simulation = try Simulation(isOwner: true)
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 3, by: "researcher")
        await simulation.cycle()
        // Waldur takes no call for a while, and the order is approved meanwhile.
        let order = try simulation.world.orderTermination(DoubleWorld.resources[0])
        simulation.use("agent_calls", 4, by: "researcher")
        await simulation.advance(milliseconds: 120_000)
        simulation.transport.change { $0.writes = [.tooManyRequests(retryAfterSeconds: 5)] }
        await simulation.cycle()
        #expect(try standing(simulation).flushed == nil)
        try simulation.world.approve(order)
        await simulation.advance(milliseconds: 600_000)
        await simulation.cycle()
        let incidents = simulation.book.billing.incidents.map(\.incident)
        #expect(incidents.map(\.kind) == [.notFlushed])
        #expect(incidents.first?.quantity == Hundredths(400))
        #expect(incidents.first?.duePrice == "0.02")
        let status = simulation.reporter.status(at: simulation.moment)
        #expect(status.incidents == incidents && status.detail.contains("not-flushed"))
        #expect(status.detail.contains("agent_calls, 4.00"))
        // What could not be told waits as a carry once the month is cut.
        await simulation.advance(milliseconds: 20 * 86_400_000)
        await simulation.cycle()
        #expect(simulation.carries.count == 1 && simulation.carries[0].hasSuffix("4.00 waits"))
    }
}
