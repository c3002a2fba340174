import Meter
import MeterWaldur
import MeterWire
import Testing

/// Two reporters of one Waldur: the lock of the data directory keeps them apart on one host, and nothing does where
/// one of them runs on a restored copy.
@Suite struct CopyTests {
    @Test
    func
        `a figure that a restored copy writes is found in the next cycle, and set right in the one after a decision`()
        async throws
    {
        let original = try Simulation()
        try original.bind("researcher", to: 0)
        original.use("agent_calls", 3, by: "researcher")
        await original.cycle()
        // The copy has the book so far. It hears of one call more, the original of four.
        let copy = try Simulation(copying: original)
        original.use("agent_calls", 4, by: "researcher")
        copy.use("agent_calls", 3, by: "researcher")
        copy.use("agent_calls", 1, by: "researcher")
        await copy.cycle()
        #expect(original.shown(0, "agent_calls") == ["4.00"], "the copy sees nothing wrong")

        await original.cycle()
        #expect(try original.findings(0) == [.foreign])
        let foreign = try #require(original.book.billing.foreign.values.first)
        #expect(foreign.found.usage == "4" && foreign.found.confirmed == Hundredths(300))
        #expect(original.shown(0, "agent_calls") == ["4.00"], "raised, and not overwritten")

        try original.engine.book([
            .foreignDecided(
                ForeignDecided(
                    key: foreign.found.key,
                    verdict: .reassert,
                    reason: "a restored copy"
                )
            )
        ])
        await original.cycle()
        #expect(original.shown(0, "agent_calls") == ["7.00"])
        await original.cycle()
        #expect(try original.findings(0).isEmpty && original.violations.isEmpty)

        // Now the copy finds what it did not write, and keeps its hands off.
        let writes = original.transport.writeCount
        copy.use("agent_calls", 1, by: "researcher")
        await copy.cycle()
        #expect(try copy.findings(0) == [.foreign])
        #expect(original.transport.writeCount == writes)
        #expect(original.shown(0, "agent_calls") == ["7.00"])
    }

    @Test func `nobody decides, and the default sets the figure right before the month's end`()
        async throws
    {
        let original = try Simulation(at: #require(WaldurTime.parse("2026-11-30T12:00:00Z")))
        try original.bind("researcher", to: 0)
        original.use("agent_calls", 3, by: "researcher")
        await original.cycle()
        let copy = try Simulation(copying: original)
        original.use("agent_calls", 4, by: "researcher")
        copy.use("agent_calls", 4, by: "researcher")
        await copy.cycle()
        await original.cycle()
        #expect(try original.findings(0) == [.foreign])
        // Less than a day before the guard the default decides in the next cycle, and is told in it.
        await original.cycle()
        #expect(original.shown(0, "agent_calls") == ["7.00"])
    }
}
