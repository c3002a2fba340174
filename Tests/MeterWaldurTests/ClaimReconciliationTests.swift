import Meter
import MeterWire
import Testing

@testable import Meter
@testable import MeterWaldur

/// What emitters claim beside what was metered.
@Suite struct ClaimReconciliationTests {
    private static let key = SourceKey(
        principal: PrincipalID(rawValue: 3),
        source: SourceID(high: 1, low: 2)
    )

    /// A source that has sent 10 events of which 2 are missing, and claims 5 calls for those.
    private func source(
        silentFor milliseconds: Int64 = 3_600_000,
        kind: Claim.LineKind? = .pending,
        isLast: Bool = true
    ) throws -> SourceSummary {
        let now = Simulation.midMonth
        let seen = now.advanced(byMilliseconds: -milliseconds)
        var state = SourceState(key: Self.key, firstSeen: seen)
        state.lastSeen = seen
        state.received.insert(0..<6)
        state.received.insert(8..<10)
        state.note(tenant: Simulation.tenant)
        guard let kind else { return SourceSummary(state, retired: nil) }
        let line = Claim.Line(
            kind: kind,
            tenant: Simulation.tenant,
            component: "agent_calls",
            amount: 5,
            earliest: seen.milliseconds - 10_000,
            latest: seen.milliseconds
        )
        var claim = Claim(number: 4, isLast: isLast, recordedCount: 10, lines: [line])
        if kind == .givenUp { claim.givenUp = [6..<8] }
        state.claimed = SourceState.Claimed(claim: claim, sealedThrough: 10, time: seen)
        return SourceSummary(state, retired: nil)
    }

    private func told() async throws -> Simulation {
        let simulation = try Simulation()
        try simulation.bind("researcher", to: 0)
        simulation.use("agent_calls", 7, by: "researcher")
        await simulation.cycle()
        return simulation
    }

    private func line(
        _ simulation: Simulation,
        _ sources: [SourceSummary]
    ) async throws -> Reconciliation.ClaimLine {
        let found = try await simulation.reconcile(sources: sources)
        #expect(found.claims.count == 1 && found.faults.isEmpty)
        return try #require(found.claims.first)
    }

    @Test func `without a gap what is claimed is what was metered`() async throws {
        let simulation = try await told()
        let line = try await line(simulation, [])
        #expect(line.claimed?.description == "7" && line.state == .equal)
    }

    @Test func `what a silent source claims and never sent is not received`() async throws {
        let simulation = try await told()
        let line = try await line(simulation, [try source()])
        #expect(line.claimed?.description == "12" && line.ledger.description == "7")
        #expect(line.shares.map(\.cause) == [.notReceived] && line.state == .differs)
        let given = try await self.line(simulation, [try source(kind: .givenUp)])
        #expect(given.shares.map(\.cause) == [.notReceived] && given.state == .differs)
    }

    @Test func `what a living source still sends is in flight`() async throws {
        let simulation = try await told()
        let line = try await line(simulation, [try source(silentFor: 4_000, isLast: false)])
        #expect(line.shares.map(\.cause) == [.inFlight] && line.state == .inFlight)
    }

    @Test func `a gap that a person accepted`() async throws {
        let simulation = try await told()
        try simulation.engine.book([
            .gapAccepted(GapAcceptance(source: Self.key, from: 6, to: 8, reason: "host lost"))
        ])
        let line = try await line(simulation, [try source()])
        #expect(line.shares.map(\.cause) == [.gapAccepted] && line.state == .explained)
        #expect(line.claimed?.description == "12")
    }

    @Test func `of a source without a claim nobody knows how much`() async throws {
        let simulation = try await told()
        let line = try await line(simulation, [try source(kind: nil)])
        #expect(line.claimed == nil && line.state == .differs)
        #expect(Set(line.shares.map(\.cause)) == [.sourceUnclaimed, .notReceived])
    }

    @Test func `a claim of another month is none of this one's`() async throws {
        let simulation = try await told()
        let line = try await line(simulation, [try source(silentFor: 40 * 86_400_000)])
        #expect(line.shares.isEmpty && line.state == .equal)
    }
}
