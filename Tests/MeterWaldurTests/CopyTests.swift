import Meter
import MeterWaldur
import MeterWire
import Testing

/// Two reporters of one Waldur: the lock of the data directory keeps them apart on one host, and nothing does where
/// one of them runs on a restored copy.
@Suite struct CopyTests {
    /// The copy has the book so far. It hears of one call more, the original of four.
    private func forked(
        at start: Timestamp = Simulation.midMonth
    ) async throws -> (
        original: Simulation, copy: Simulation
    ) {
        let original = try Simulation(at: start)
        try original.bind("researcher", to: 0)
        original.use("agent_calls", 3, by: "researcher")
        await original.cycle()
        let copy = try Simulation(copying: original)
        for _ in 0..<4 { original.use("agent_calls", 1, by: "researcher") }
        copy.use("agent_calls", 3, by: "researcher")
        copy.use("agent_calls", 1, by: "researcher")
        await copy.cycle()
        #expect(original.shown(0, "agent_calls") == ["4.00"], "the copy sees nothing wrong")
        return (original, copy)
    }

    @Test func `a figure that a restored copy writes is set right within one cycle, and shown`()
        async throws
    {
        let (original, copy) = try await forked()
        await original.cycle()
        #expect(original.shown(0, "agent_calls") == ["7.00"])
        #expect(try original.findings(0).contains(.foreign))
        let incident = try #require(original.book.billing.incidents.first?.incident)
        #expect(incident.kind == .secondMeter && incident.quantity == Hundredths(400))
        // It may have been the month's last cycle: nothing is left that would keep the month from being closed.
        #expect(original.book.billing.foreign.isEmpty)
        await original.cycle()
        #expect(try original.findings(0).isEmpty && original.violations.isEmpty)
        #expect(original.book.billing.foreign.isEmpty)

        // Now the copy finds a Meter that is further than itself, and keeps its hands off.
        let writes = original.transport.writeCount
        for _ in 0..<5 {
            copy.use("agent_calls", 1, by: "researcher")
            await copy.cycle()
            await original.cycle()
        }
        #expect(try copy.findings(0) == [.foreign])
        let resource = try copy.id(0)
        let note = try #require(copy.reporter.findings[resource]?.first?.note)
        #expect(note.contains("may run on a restored copy"))
        #expect(original.transport.writeCount == writes)
        #expect(original.shown(0, "agent_calls") == ["7.00"])
        #expect(copy.book.billing.incidents.isEmpty)
    }

    @Test func `no deadline lets the copy overwrite, a person does`() async throws {
        let (original, copy) = try await forked(
            at: #require(WaldurTime.parse("2026-11-30T12:00:00Z"))
        )
        await original.cycle()
        for _ in 0..<4 { await copy.cycle() }
        #expect(original.shown(0, "agent_calls") == ["7.00"])
        let found = try #require(copy.book.billing.foreign.values.first?.found)
        #expect(found.usage == "7" && found.writer?.number == 2)
        try copy.engine.book([
            .foreignDecided(
                ForeignDecided(
                    key: found.key,
                    verdict: .reassert,
                    reason: "the other host is gone"
                )
            )
        ])
        await copy.cycle()
        #expect(original.shown(0, "agent_calls") == ["4.00"])
    }

    @Test func `two that both go on overwrite each other once, not for ever`() async throws {
        let (original, copy) = try await forked()
        await original.cycle()
        #expect(original.shown(0, "agent_calls") == ["7.00"])
        for _ in 0..<10 { copy.use("agent_calls", 1, by: "researcher") }
        await copy.cycle()
        #expect(original.shown(0, "agent_calls") == ["14.00"], "now the copy is further")
        let writes = original.transport.writeCount
        for _ in 0..<5 {
            for _ in 0..<10 { original.use("agent_calls", 1, by: "researcher") }
            await original.cycle()
            await copy.cycle()
        }
        #expect(original.transport.writeCount == writes, "it has come to rest")
        #expect(try original.findings(0) == [.foreign])
        for simulation in [original, copy] {
            #expect(simulation.book.billing.overwritten.count == 1)
            #expect(simulation.book.billing.incidents.count == 1)
        }
    }

    @Test func `what a person edits has this Meter's own mark, and waits for a decision`()
        async throws
    {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 3, by: "researcher")
        await simulation.cycle()
        try simulation.world.editUsage(of: DoubleWorld.resources[0], "agent_calls", hundredths: 100)
        for _ in 0..<3 {
            simulation.use("agent_calls", 1, by: "researcher")
            await simulation.cycle()
        }
        #expect(try simulation.findings(0) == [.foreign])
        #expect(simulation.book.billing.foreign.values.allSatisfy { $0.found.writer == nil })
        #expect(simulation.shown(0, "agent_calls") == ["1.00"])
    }
}
