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
    ) async throws -> ClaimReconciliation.Line {
        let found = try compare(simulation, sources)
        #expect(found.lines.count == 1)
        return try #require(found.lines.first)
    }

    /// 7 calls were metered, unless said otherwise.
    private func compare(
        _ simulation: Simulation,
        _ sources: [SourceSummary] = [],
        _ counts: [ClaimReconciliation.Count]? = nil
    ) throws -> ClaimReconciliation {
        let month = try #require(BillingMonth("2026-11"))
        let start = try #require(Minute(month.start(in: .utc)))
        let end = try #require(Minute(month.end(in: .utc)))
        let period = try #require(
            BillingPeriod(
                waldur: simulation.settings.waldur,
                month: month,
                start: start,
                end: end
            )
        )
        return try ClaimReconciliation(
            period,
            of: [period.waldur],
            counts: counts ?? [count(7, 7)],
            claims: ClaimReconciliation.Claims(
                sources: sources,
                book: simulation.book,
                horizon: 62 * 86_400_000,
                now: simulation.now
            )
        )
    }

    private func count(
        _ metered: UInt128,
        _ detailed: UInt128?,
        of agent: Name? = nil
    ) -> ClaimReconciliation.Count {
        ClaimReconciliation.Count(
            tenant: Simulation.tenant,
            agent: agent,
            component: "agent_calls",
            metered: metered,
            detailed: detailed
        )
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

    @Test func `usage that is not what details have of the same calls names agent and amount`()
        async throws
    {
        let simulation = try await told()
        let more = try compare(
            simulation, [], [count(3, 3, of: "idle"), count(5, 4, of: "researcher")])
        let line = try #require(more.lines.first)
        #expect(line.ledger.description == "8" && line.claimed?.description == "7")
        #expect(line.difference?.description == "-1" && line.state == .differs)
        #expect(line.shares.map(\.cause) == [.countsDisagree])
        #expect(line.shares.first?.note?.hasPrefix("agent researcher: usage has 5") ?? false)
        // What is missing beside it is said beside it.
        let both = try compare(simulation, [try source()], [count(6, 7)])
        let second = try #require(both.lines.first)
        #expect(second.claimed?.description == "12" && second.difference?.description == "6")
        #expect(Set(second.shares.map(\.cause)) == [.countsDisagree, .notReceived])
        // Details that are kept no longer say nothing.
        let old = try compare(simulation, [], [count(6, nil)])
        #expect(old.lines.first?.state == .equal)
    }

    @Test func `sums that no number holds are refused`() async throws {
        let simulation = try await told()
        let most = UInt128(Int128.max) / 100
        #expect(throws: LedgerError.overflow) {
            try compare(simulation, [], (0..<101).map { count(most, nil, of: Name("a\($0)")) })
        }
        #expect(throws: LedgerError.overflow) { try compare(simulation, [], [count(.max, nil)]) }
    }
}
