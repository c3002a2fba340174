import Meter
import MeterTesting
import MeterWaldur
import MeterWire
import Testing

/// Any seeded history of usage, failures and restarts: once quiet, Waldur's rows are the ledger's figures
/// and nothing is open.
@Suite struct HistoryTests {
    private static let agents: [Name] = ["one", "two", "three"]
    private static let components: [Name] = ["agent_calls", "input_tokens", "tool_seconds"]

    private struct History {
        let simulation: Simulation
        var seed: Seed
        /// Of each resource, the minutes in which its plan was switched.
        var switches: [[Minute]] = [[], [], []]

        /// What Waldur must show of a resource, from the list of amounts alone: one total a plan period.
        func expected(_ resource: Int, _ component: Name) -> [String] {
            var totals: [Int: UInt64] = [:]
            for amount in simulation.engine.durable
            where amount.agent == HistoryTests.agents[resource] && amount.component == component {
                let period = switches[resource].count { $0 < amount.minute }
                totals[period, default: 0] += amount.amount
            }
            return totals.values.compactMap { total in
                let hundredths = component == "tool_seconds" ? total / 10 : total * 100
                return hundredths == 0
                    ? nil : Hundredths(Int128(hundredths)).description
            }.sorted()
        }

        func isQuietAndEqual() throws {
            #expect(simulation.book.openIntents.isEmpty)
            #expect(simulation.reporter.trouble == nil)
            for resource in 0..<3 {
                for component in HistoryTests.components {
                    #expect(
                        simulation.shown(resource, component.description)
                            == expected(resource, component),
                        "resource \(resource) \(component)"
                    )
                    #expect(
                        simulation.billed(resource, component.description).sorted()
                            == expected(resource, component),
                        "resource \(resource) \(component)"
                    )
                }
                let findings = simulation.reporter.findings[try simulation.id(resource)] ?? []
                #expect(findings.isEmpty)
            }
        }

        mutating func fault() -> DoubleTransport.Fault {
            switch seed.below(8) {
            case 0: .refused
            case 1: .lost
            case 2: .answerLost
            case 3: .appliedLater(milliseconds: Int64(seed.below(100_000)))
            case 4: .serverError
            case 5: .badGateway
            case 6: .tooManyRequests(retryAfterSeconds: seed.below(200))
            default: .unauthorized
            }
        }

        /// Runs the reporter for some actions, and sometimes lets it die before or after one.
        mutating func drive() async {
            for _ in 0..<seed.below(40) {
                let action = simulation.next()
                if seed.oneIn(60) { return simulation.crash() }
                let event = await simulation.perform(action)
                if seed.oneIn(60) { return simulation.crash() }
                simulation.handle(event)
            }
        }

        mutating func step() async throws {
            switch seed.below(10) {
            case 0...3:
                let agent = seed.pick(HistoryTests.agents)
                let component = seed.pick(HistoryTests.components)
                simulation.engine.record(
                    component,
                    UInt64(seed.below(5_000)),
                    agent: agent,
                    tenant: Simulation.tenant,
                    at: simulation.minute
                )
                if !seed.oneIn(3) { simulation.engine.sync() }
            case 4: await simulation.advance(milliseconds: Int64(seed.below(400_000)))
            case 5:
                let fault = fault()
                let isWrite = seed.oneIn(2)
                simulation.transport.change {
                    if isWrite { $0.writes.append(fault) } else { $0.reads.append(fault) }
                }
            case 6 where seed.oneIn(4):
                // A switch that was flushed for; the next usage comes in a later minute.
                simulation.engine.sync()
                simulation.transport.change {
                    $0.writes = []
                    $0.reads = []
                }
                await simulation.quiesce()
                let resource = seed.below(3)
                simulation.world.setClock(milliseconds: simulation.now.milliseconds)
                switches[resource].append(simulation.minute)
                try simulation.world.switchPlan(
                    DoubleWorld.resources[resource],
                    to: switches[resource].count.isMultiple(of: 2) ? "Standard" : "Premium"
                )
                await simulation.advance(milliseconds: 61_000)
            default: await drive()
            }
        }
    }

    @Test(arguments: 0..<24)
    func `any history ends with Waldur showing the ledger`(number: Int) async throws {
        let simulation = try Simulation()
        for (index, agent) in Self.agents.enumerated() { try simulation.bind(agent, to: index) }
        var history = History(simulation: simulation, seed: Seed(UInt64(number)))
        for _ in 0..<60 { try await history.step() }
        simulation.engine.sync()
        simulation.transport.change {
            $0.writes = []
            $0.reads = []
        }
        await simulation.quiesce(milliseconds: 24 * 3_600_000)
        try history.isQuietAndEqual()
    }
}
