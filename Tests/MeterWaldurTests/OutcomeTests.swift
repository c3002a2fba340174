import Meter
import MeterWaldur
import MeterWire
import Testing

/// What becomes of a submission when the network, Waldur or Meter itself fails.
@Suite struct OutcomeTests {
    private func told(_ simulation: Simulation) throws {
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 3, by: "researcher")
    }

    @Test func `an answer that is lost after the commit is found by reading back`() async throws {
        let simulation = try Simulation()
        try told(simulation)
        simulation.transport.change { $0.writes = [.answerLost] }
        await simulation.cycle()
        #expect(simulation.transport.writeCount == 1)
        #expect(simulation.book.openIntents.isEmpty)
        #expect(simulation.shown(0, "agent_calls") == ["3.00"])
    }

    @Test
    func `an unknown outcome is looked up, and nothing newer is sent before its life is over`()
        async throws
    {
        let simulation = try Simulation()
        try told(simulation)
        simulation.transport.change { $0.writes = [.lost] }
        await simulation.cycle()
        #expect(simulation.book.openIntents.count == 1)
        #expect(simulation.book.openIntents.values.first?.isUnknown == true)
        #expect(try simulation.findings(0) == [.unknown])
        let lost = simulation.now
        simulation.use("agent_calls", 2, by: "researcher")
        while simulation.now < lost.advanced(byMilliseconds: 60_000) {
            await simulation.cycle()
            #expect(simulation.transport.writeCount == 1)
            await simulation.advance(milliseconds: 7_000)
        }
        await simulation.quiesce()
        #expect(simulation.shown(0, "agent_calls") == ["5.00"])
        #expect(simulation.transport.writeCount == 2)
    }

    @Test func `looking up needs no cycle`() async throws {
        let simulation = try Simulation()
        try told(simulation)
        simulation.transport.change { $0.writes = [.appliedLater(milliseconds: 40_000)] }
        await simulation.cycle()
        #expect(simulation.book.openIntents.count == 1)
        let begun = simulation.reporter.cyclesBegun
        for _ in 0..<100 where !simulation.book.openIntents.isEmpty {
            simulation.handle(await simulation.perform(simulation.next()))
        }
        #expect(simulation.book.openIntents.isEmpty)
        #expect(simulation.reporter.cyclesBegun == begun)
        #expect(simulation.shown(0, "agent_calls") == ["3.00"])
    }

    @Test func `a request that is applied after it was given up for lost is ours, and healed`()
        async throws
    {
        let simulation = try Simulation()
        try told(simulation)
        await simulation.cycle()
        simulation.use("agent_calls", 1, by: "researcher")
        // Longer than the declared life of a request: the setting was wrong.
        simulation.transport.change { $0.writes = [.appliedLater(milliseconds: 900_000)] }
        await simulation.cycle()
        await simulation.advance(milliseconds: 200_000)
        simulation.use("agent_calls", 5, by: "researcher")
        await simulation.quiesce()
        #expect(simulation.shown(0, "agent_calls") == ["9.00"])
        await simulation.advance(milliseconds: 900_000)
        #expect(simulation.shown(0, "agent_calls") == ["4.00"])
        await simulation.quiesce()
        #expect(simulation.shown(0, "agent_calls") == ["9.00"])
        #expect(try simulation.findings(0).isEmpty)
    }

    @Test func `a server error and a bad gateway are unknown, and end in the right figure`()
        async throws
    {
        for fault in [DoubleTransport.Fault.serverError, .badGateway] {
            let simulation = try Simulation()
            try told(simulation)
            simulation.transport.change { $0.writes = [fault] }
            await simulation.cycle()
            #expect(simulation.book.openIntents.isEmpty == (fault == .badGateway))
            await simulation.quiesce()
            #expect(simulation.shown(0, "agent_calls") == ["3.00"])
            #expect(simulation.book.openIntents.isEmpty)
        }
    }

    @Test func `what surely never ran is refused at once and tried again in a later cycle`()
        async throws
    {
        for fault in [
            DoubleTransport.Fault.refused, .tooManyRequests(retryAfterSeconds: 90), .unauthorized,
        ] {
            let simulation = try Simulation()
            try told(simulation)
            simulation.transport.change { $0.writes = [fault] }
            await simulation.cycle()
            #expect(simulation.book.openIntents.isEmpty)
            #expect(simulation.reporter.trouble != nil)
            if case .rest(let until) = simulation.next(), case .tooManyRequests = fault {
                #expect(until >= simulation.now.advanced(byMilliseconds: 85_000))
            }
            await simulation.quiesce()
            #expect(simulation.shown(0, "agent_calls") == ["3.00"])
            #expect(simulation.transport.writeCount == 2)
            #expect(simulation.reporter.trouble == nil)
        }
    }

    @Test func `while Waldur is down nothing is intended, and afterwards all is told`() async throws
    {
        let simulation = try Simulation()
        try told(simulation)
        simulation.transport.change {
            $0.reads = Array(repeating: .refused, count: 50)
        }
        let head = simulation.book.head
        var pauses: [Int64] = []
        for _ in 0..<40 {
            let action = simulation.next()
            if case .rest(let until) = action {
                pauses.append(until.milliseconds - simulation.now.milliseconds)
            }
            simulation.handle(await simulation.perform(action))
        }
        #expect(simulation.book.head == head)
        // Grows to the longest pause and never beyond it.
        #expect(pauses.max() ?? 0 > 100_000 && pauses.allSatisfy { $0 <= 300_000 })
        await simulation.quiesce(milliseconds: 24 * 3_600_000)
        #expect(simulation.shown(0, "agent_calls") == ["3.00"])
    }

    @Test func `a resource that hangs does not hold up the others`() async throws {
        let simulation = try Simulation()
        for (index, agent) in ["one", "two", "three"].enumerated() {
            try simulation.bind(Name(agent), to: index)
            simulation.use("agent_calls", 3, by: Name(agent))
        }
        // The list, the offering, and then the first resource.
        await simulation.cycle()
        simulation.transport.change { $0.writes = [] }
        for agent in ["one", "two", "three"] { simulation.use("agent_calls", 1, by: Name(agent)) }
        let target = simulation.reporter.cyclesEnded + 1
        var hung = false
        while simulation.reporter.cyclesEnded < target {
            let action = simulation.next()
            if action == .readPlanPeriods(try simulation.id(0)), !hung {
                hung = true
                simulation.transport.change { $0.reads = [.lost] }
            }
            simulation.handle(await simulation.perform(action))
        }
        #expect(simulation.shown(0, "agent_calls") == ["3.00"])
        #expect(simulation.shown(1, "agent_calls") == ["4.00"])
        #expect(simulation.shown(2, "agent_calls") == ["4.00"])
        #expect(try simulation.findings(0) == [.unreadable])
        #expect(simulation.reporter.trouble == nil)
    }

    @Test func `a partly applied call confirms what was written and refuses the rest`() async throws
    {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        for component in ["agent_calls", "capped", "tool_seconds"] {
            simulation.use(Name(component), 101, by: "researcher")
        }
        await simulation.cycle()
        #expect(simulation.shown(0, "agent_calls") == ["101.00"])
        #expect(simulation.shown(0, "capped") == [])
        #expect(simulation.shown(0, "tool_seconds") == [])
        let key = SubmissionKey(
            waldur: Simulation.waldur,
            resource: try simulation.id(0),
            component: "agent_calls",
            planPeriod: try #require(
                simulation.book.resources.values.first?.periods.first?.id
            ),
            month: try #require(BillingMonth("2026-11"))
        )
        #expect(simulation.book.submission(key)?.confirmed?.amount == Hundredths("101"))
        await simulation.cycle()
        #expect(simulation.shown(0, "tool_seconds") == ["0.10"])
    }

    /// Every step of a first and a second submission, the process dying before the step, and after it
    /// with what came of it lost.
    @Test(arguments: [false, true])
    func `a crash at any step leads to the same figures`(afterStep: Bool) async throws {
        var count = Int.max
        var step = 0
        while step < count {
            let simulation = try Simulation()
            try simulation.bind("researcher", to: 0)
            try simulation.bind("writer", to: 1)
            simulation.use("agent_calls", 3, by: "researcher")
            simulation.use("tool_seconds", 1_500, by: "writer")
            var done = 0
            var crashed = false
            for round in 0..<2 {
                let target = simulation.reporter.requestCycle(at: simulation.now)
                while simulation.reporter.cyclesEnded < target, !crashed {
                    let action = simulation.next()
                    if case .rest = action {
                        _ = await simulation.perform(action)
                        continue
                    }
                    if done == step, !afterStep {
                        crashed = true
                        break
                    }
                    let event = await simulation.perform(action)
                    if done == step {
                        crashed = true
                        break
                    }
                    simulation.handle(event)
                    done += 1
                }
                if crashed { break }
                if round == 0 {
                    simulation.use("agent_calls", 4, by: "researcher")
                    simulation.use("agent_calls", 1, by: "writer")
                }
            }
            if !crashed {
                count = step
                break
            }
            simulation.crash()
            await simulation.quiesce()
            let calls = simulation.engine.durable.reduce(into: [Name: UInt64]()) {
                if $1.component == "agent_calls" { $0[$1.agent, default: 0] += $1.amount }
            }
            #expect(
                simulation.shown(0, "agent_calls") == ["\(calls["researcher"] ?? 0).00"],
                "step \(step)"
            )
            #expect(simulation.shown(1, "tool_seconds") == ["1.50"], "step \(step)")
            #expect(
                simulation.shown(1, "agent_calls") == (calls["writer"].map { ["\($0).00"] } ?? [])
            )
            #expect(simulation.book.openIntents.isEmpty, "step \(step)")
            #expect(simulation.reporter.findings.values.joined().isEmpty, "step \(step)")
            step += 1
        }
        #expect(count > 20 && count < 200)
    }

    @Test func `a crash while the request is still running does not bring the older total back`()
        async throws
    {
        let simulation = try Simulation()
        try told(simulation)
        simulation.transport.change { $0.writes = [.appliedLater(milliseconds: 50_000)] }
        await simulation.send()
        simulation.crash()
        simulation.use("agent_calls", 4, by: "researcher")
        await simulation.quiesce()
        #expect(simulation.shown(0, "agent_calls") == ["7.00"])
        await simulation.advance(milliseconds: 600_000)
        #expect(simulation.shown(0, "agent_calls") == ["7.00"])
    }
}
