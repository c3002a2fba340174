import Foundation
import Meter
import MeterTesting
import MeterWire
import Testing

@testable import MeterWaldur

/// Any seeded history with strangers, faults and month turns: at every moment each difference has a cause,
/// its causes add up to it, and each invoice adds up to the cent. What is compared is held to a list of
/// amounts and to what stands in the double.
@Suite struct ReconciliationHistoryTests {
    private static let agents: [Name] = ["one", "two", "three"]
    private static let components: [Name] = [
        "agent_calls", "input_tokens", "tool_seconds", "unpriced",
    ]

    private struct History {
        let simulation: Simulation
        var seed: Seed
        /// How often each resource's plan was switched.
        var switches = [0, 0, 0]

        mutating func fault() -> DoubleTransport.Fault {
            switch seed.below(5) {
            case 0: .lost
            case 1: .answerLost
            case 2: .appliedLater(milliseconds: Int64(seed.below(100_000)))
            case 3: .serverError
            default: .badGateway
            }
        }

        mutating func step() async throws {
            let world = simulation.world
            let resource = DoubleWorld.resources[seed.below(3)]
            let component = seed.pick(["agent_calls", "input_tokens", "tool_seconds"])
            world.setClock(milliseconds: simulation.now.milliseconds)
            switch seed.below(12) {
            case 0...3:
                simulation.use(
                    seed.pick(ReconciliationHistoryTests.components),
                    UInt64(seed.below(5_000)),
                    by: seed.pick(ReconciliationHistoryTests.agents)
                )
            case 4: await simulation.advance(milliseconds: Int64(seed.below(900_000)))
            case 5:
                let fault = fault()
                simulation.transport.change { $0.writes.append(fault) }
            case 6 where seed.oneIn(2):
                _ = await world.report(
                    resource, component, "\(seed.below(400)).\(seed.below(90) + 10)")
            case 7 where seed.oneIn(3):
                try? world.editItem(resource, component, thousandths: seed.below(400_000))
            case 8 where seed.oneIn(3):
                let index = DoubleWorld.resources.firstIndex(of: resource) ?? 0
                switches[index] += 1
                try? world.switchPlan(
                    resource,
                    to: switches[index].isMultiple(of: 2) ? "Standard" : "Premium"
                )
                await simulation.advance(milliseconds: 61_000)
            case 9 where seed.oneIn(3):
                _ = await world.report(resource, planPeriod: 0, component, "\(seed.below(400))")
            case 10 where seed.oneIn(6):
                try? world.compensate(resource, component)
            case 11 where seed.oneIn(4): simulation.crash()
            default:
                for _ in 0..<seed.below(60) {
                    let action = simulation.next()
                    simulation.handle(await simulation.perform(action))
                }
            }
        }

        /// Midnight of the month's end, with Waldur's task on time or late.
        mutating func turn() async throws {
            if seed.oneIn(2) {
                try simulation.world.announce("agent_calls", hundredths: 1 + seed.below(9))
            }
            await simulation.run(until: "2026-11-30T23:59:\(10 + seed.below(50))Z")
            await simulation.run(until: "2026-12-01T00:\(10 + seed.below(40)):00Z")
            simulation.world.setClock(milliseconds: simulation.now.milliseconds)
            try simulation.world.runMonthlyTask()
            await simulation.run(until: "2026-12-01T02:00:00Z")
        }

        /// What the list of amounts says of a resource's component in a month.
        func metered(_ resource: Int, _ component: Name, _ month: BillingMonth) -> UInt64 {
            simulation.engine.durable.filter {
                $0.agent == ReconciliationHistoryTests.agents[resource]
                    && $0.component == component
                    && BillingMonth(of: $0.minute.start, in: .utc) == month
            }.reduce(0) { $0 + $1.amount }
        }

        func check(_ month: String? = nil) async throws {
            let found = try await simulation.reconcile(month)
            #expect(found.faults.isEmpty, "\(found.faults)")
            let name = found.month.description
            for resource in 0..<3 {
                for component in ReconciliationHistoryTests.components {
                    let rows = found.rows.filter {
                        $0.component == component
                            && $0.resource.description == DoubleWorld.resources[resource]
                    }
                    let ledger = try ExactDecimal.sum(rows.map(\.ledger))
                    let metered = metered(resource, component, found.month)
                    #expect(ledger == ExactDecimal(digits: Int128(metered), scale: 0))
                    let shown = simulation.world.rows.filter { key, _ in
                        key.hasPrefix(DoubleWorld.resources[resource])
                            && key.hasSuffix(" \(component) \(name)")
                    }.compactMap { ExactDecimal($0.value) }
                    #expect(
                        try ExactDecimal.sum(rows.compactMap(\.shown)) == ExactDecimal.sum(shown))
                }
            }
            guard found.seesItems else { return }
            let total = try ExactDecimal.sum(found.invoices.map(\.total))
            #expect(total == ExactDecimal(digits: simulation.world.cost(in: name), scale: 10))
        }
    }

    @Test(arguments: 0..<16)
    func `every difference has its causes, and they add up to it`(number: Int) async throws {
        let start = try #require(WaldurTime.parse("2026-11-30T15:00:00Z"))
        let simulation = try Simulation(at: start)
        for (index, agent) in Self.agents.enumerated() { try simulation.bind(agent, to: index) }
        var history = History(simulation: simulation, seed: Seed(UInt64(number) + 4_000))
        for round in 0..<40 {
            try await history.step()
            if round.isMultiple(of: 5) { try await history.check() }
        }
        try await history.turn()
        for round in 0..<30 {
            try await history.step()
            if round.isMultiple(of: 5) {
                try await history.check()
                try await history.check("2026-11")
            }
        }
        try await history.check()
        try await history.check("2026-11")
    }
}
