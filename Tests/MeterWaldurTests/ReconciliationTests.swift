import Logging
import Meter
import MeterWire
import Testing

@testable import MeterWaldur

extension Simulation {
    /// Reads and compares as the server does when a person asks; nothing is told by it.
    func reconcile(
        _ month: String? = nil,
        tenant: Name? = nil
    ) async throws -> Reconciliation {
        let transport = transport
        world.setClock(milliseconds: now.milliseconds)
        let service = ReporterService(
            settings: settings,
            accounts: WaldurAccounts([
                WaldurClient(transport: WorldTransport(world: world)) { transport.now }
            ]),
            engine: engine,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            seed: 1,
            now: { transport.now }
        )
        return try await service.reconcile(
            month: try month.map { try #require(BillingMonth($0)) },
            tenant: tenant
        )
    }
}

extension Reconciliation {
    /// What is said of rows and items, each once: `late-after-report 2`.
    var said: [String] {
        let shares = rows.flatMap(\.shares) + others.compactMap(\.share)
        return Set(
            shares.map { "\($0.cause.rawValue) \($0.quantity?.description ?? "unknown")" }
        ).sorted()
    }

    /// What does not add up; empty where every difference is divided among causes, to the cent.
    var faults: [String] {
        var faults: [String] = []
        for row in rows {
            let parts = try? ExactDecimal.sum(row.shares.compactMap(\.quantity))
            if parts != row.difference {
                faults.append(
                    "\(row.component): \(row.difference), its causes say \(parts, default: "too much")"
                )
            }
            if let expected = row.expected, let cost = row.cost {
                let money = try? ExactDecimal.sum(row.shares.compactMap(\.money))
                let difference = try? expected.subtracting(cost)
                if money != difference {
                    faults.append(
                        "\(row.component): costs \(difference, default: "too much"), "
                            + "causes \(money, default: "too much")")
                }
            }
        }
        let shares = rows.flatMap(\.shares)
        faults += shares.filter { $0.cause == .unexplained }.map { "unexplained: \($0)" }
        for invoice in invoices {
            if invoice.unexplained != .zero { faults.append("\(invoice.customer): unexplained") }
            if (try? invoice.usage.adding(invoice.notUsage)) != invoice.total {
                faults.append("\(invoice.customer): \(invoice)")
            }
        }
        return faults
    }

    func row(_ component: Name, _ resource: Int = 0) throws -> RowLine {
        try #require(
            rows.first {
                $0.component == component
                    && $0.resource.description == DoubleWorld.resources[resource]
            }
        )
    }
}

/// Each cause of a difference, planted alone and seen alone.
@Suite struct ReconciliationTests {
    private func simulation(_ at: String? = nil) throws -> Simulation {
        let start = try at.map { try #require(WaldurTime.parse($0)) } ?? Simulation.midMonth
        let simulation = try Simulation(at: start)
        try simulation.bind("researcher", to: 0)
        return simulation
    }

    private func sees(
        _ simulation: Simulation,
        _ causes: [String],
        _ state: Reconciliation.State,
        in month: String? = nil,
        _ location: SourceLocation = #_sourceLocation
    ) async throws -> Reconciliation {
        let found = try await simulation.reconcile(month)
        #expect(found.said == causes, sourceLocation: location)
        #expect(found.faults.isEmpty, "\(found.faults)", sourceLocation: location)
        let worst = found.states.max { $0.rank < $1.rank } ?? .equal
        #expect(worst == state, sourceLocation: location)
        #expect(found.isClean == (state != .differs), sourceLocation: location)
        return found
    }

    @Test func `what was told and billed is equal in every column, to the cent`() async throws {
        let simulation = try simulation()
        simulation.use("agent_calls", 7, by: "researcher")
        simulation.use("input_tokens", 1_000_001, by: "researcher")
        await simulation.cycle()
        let found = try await sees(simulation, [], .equal)
        let calls = try found.row("agent_calls")
        #expect(calls.ledger.description == "7" && calls.billed?.description == "7")
        #expect(calls.expected?.description == "0.14" && calls.cost == calls.expected)
        // 3.125003125 is rounded up.
        #expect(try found.row("input_tokens").cost?.description == "3.13")
        let invoice = try #require(found.invoices.first)
        #expect(invoice.usage.description == "3.27" && invoice.expected == invoice.usage)
        // The fixed fee of three resources from the tenth on.
        #expect(found.others.map(\.kind) == [.fixed, .fixed, .fixed])
        #expect(try invoice.usage.adding(invoice.notUsage) == invoice.total)
    }

    @Test func `in flight`() async throws {
        let simulation = try simulation()
        simulation.use("agent_calls", 3, by: "researcher")
        simulation.transport.change { $0.writes = [.lost] }
        await simulation.send()
        _ = try await sees(simulation, ["in-flight 3"], .inFlight)
        let other = try self.simulation()
        other.use("agent_calls", 3, by: "researcher")
        other.transport.change { $0.writes = [.answerLost] }
        await other.send()
        _ = try await sees(other, ["in-flight 0"], .inFlight)
    }

    @Test func `late after report`() async throws {
        let simulation = try simulation()
        simulation.use("agent_calls", 3, by: "researcher")
        await simulation.cycle()
        simulation.use("agent_calls", 2, by: "researcher")
        let found = try await sees(simulation, ["late-after-report 2"], .inFlight)
        // 0.10 expected, 0.06 billed.
        let share = try #require(try found.row("agent_calls").shares.first)
        #expect(share.money?.description == "0.04")
    }

    @Test func `rounding`() async throws {
        let simulation = try simulation()
        simulation.use("tool_seconds", 1_005, by: "researcher")
        await simulation.cycle()
        let found = try await sees(simulation, ["rounding 5"], .equal)
        #expect(try found.row("tool_seconds").usage?.description == "1000")
    }

    @Test func `changed in Waldur`() async throws {
        let simulation = try simulation()
        simulation.use("agent_calls", 10, by: "researcher")
        await simulation.cycle()
        #expect(await simulation.world.report(DoubleWorld.resources[0], "agent_calls", "9") == 201)
        let found = try await sees(simulation, ["changed-in-waldur 1"], .differs)
        #expect(try found.row("agent_calls").shares.first?.money?.description == "0.02")
        // Staff edits the item alone, with three decimals.
        let other = try self.simulation()
        other.use("agent_calls", 10, by: "researcher")
        await other.cycle()
        try other.world.editItem(DoubleWorld.resources[0], "agent_calls", thousandths: 10_004)
        _ = try await sees(other, ["changed-in-waldur -0.004"], .differs)
    }

    @Test func `an accepted change is settled once somebody took note`() async throws {
        let simulation = try simulation()
        simulation.use("agent_calls", 10, by: "researcher")
        await simulation.cycle()
        _ = await simulation.world.report(DoubleWorld.resources[0], "agent_calls", "4")
        await simulation.cycle()
        let standing = try #require(simulation.book.billing.foreign.values.first)
        try simulation.engine.book(
            try #require(
                try ForeignAcceptance.decisions(
                    standing,
                    number: 1,
                    book: simulation.book,
                    byDefault: false,
                    reason: "goodwill"
                )
            ),
            author: "finance"
        )
        _ = try await sees(simulation, ["changed-in-waldur 6"], .explained)
    }

    @Test func `component not priced`() async throws {
        let simulation = try simulation()
        simulation.use("agent_calls", 1, by: "researcher")
        simulation.use("unpriced", 2, by: "researcher")
        await simulation.cycle()
        let found = try await sees(simulation, ["component-not-priced 2"], .differs)
        #expect(try found.row("unpriced").usage?.description == "2")
        #expect(try found.row("unpriced").billed == nil)
    }

    @Test func `resource gone`() async throws {
        let simulation = try simulation()
        simulation.use("agent_calls", 3, by: "researcher")
        await simulation.cycle()
        simulation.use("agent_calls", 2, by: "researcher")
        simulation.world.terminate(DoubleWorld.resources[0])
        _ = try await sees(simulation, ["resource-gone 2"], .differs)
        // The same once it is a carry.
        await simulation.cycle()
        await simulation.cycle()
        let found = try await simulation.reconcile()
        #expect(found.said == ["resource-gone 2"] && found.faults.isEmpty)
    }

    @Test func `moved to another customer`() async throws {
        let simulation = try simulation()
        simulation.use("agent_calls", 3, by: "researcher")
        await simulation.cycle()
        try simulation.world.moveToSecondCustomer(DoubleWorld.resources[0])
        let found = try await sees(simulation, ["moved-to-another-customer 0"], .differs)
        let row = try found.row("agent_calls")
        #expect(row.customer?.description == DoubleWorld.secondCustomer)
        #expect(row.shares.first?.note?.contains("3 used by \(DoubleWorld.customer)") ?? false)
    }

    // MARK: - Over the month's end

    /// 7 are told of November, 2 are left over, and 5 used in December.
    private func turned(announcing: Bool) async throws -> Simulation {
        let simulation = try simulation("2026-11-30T23:00:00Z")
        if announcing { try simulation.world.announce("agent_calls", hundredths: 5) }
        simulation.use("agent_calls", 7, by: "researcher")
        await simulation.run(until: "2026-11-30T23:59:00Z")
        simulation.use("agent_calls", 2, by: "researcher")
        await simulation.run(until: "2026-12-01T00:00:05Z")
        try simulation.world.runMonthlyTask()
        simulation.use("agent_calls", 5, by: "researcher")
        await simulation.run(until: "2026-12-01T00:45:00Z")
        return simulation
    }

    @Test func `carried`() async throws {
        let landed = try await turned(announcing: false)
        let november = try await sees(landed, ["carried 2"], .explained, in: "2026-11")
        #expect(try november.row("agent_calls").ledger.description == "9")
        _ = try await sees(landed, ["carried -2"], .explained)
        let waiting = try await turned(announcing: true)
        let found = try await sees(waiting, ["carried 2"], .differs, in: "2026-11")
        let note = try #require(try found.row("agent_calls").shares.first?.note)
        #expect(note.contains("carry 1 (tail) waits: other-price"))
        _ = try await sees(waiting, [], .equal)
    }

    @Test func `month end`() async throws {
        let simulation = try simulation("2026-11-30T23:00:00Z")
        simulation.use("agent_calls", 7, by: "researcher")
        await simulation.run(until: "2026-11-30T23:59:00Z")
        simulation.use("agent_calls", 2, by: "researcher")
        _ = try await sees(simulation, ["month-end 2"], .inFlight)
    }

    /// Three calls of November that Waldur takes after midnight, before its monthly task raises their price.
    private func toldAfterMidnight() async throws -> Simulation {
        let simulation = try simulation("2026-11-30T23:57:20Z")
        try simulation.world.announce("agent_calls", hundredths: 5)
        simulation.use("agent_calls", 3, by: "researcher")
        simulation.transport.change { $0.writes = [.appliedLater(milliseconds: 200_000)] }
        await simulation.send()
        simulation.crash()
        await simulation.run(until: "2026-12-01T00:05:00Z")
        try simulation.world.runMonthlyTask()
        return simulation
    }

    @Test func `wrong month, and then the price that it froze`() async throws {
        let simulation = try await toldAfterMidnight()
        await simulation.run(until: "2026-12-01T00:20:00Z")
        let early = try await simulation.reconcile()
        #expect(early.said.contains("wrong-month -3"), "\(early.said)")
        #expect(early.faults.isEmpty)
        simulation.use("agent_calls", 5, by: "researcher")
        await simulation.run(until: "2026-12-01T01:30:00Z")
        let found = try await sees(simulation, ["price-frozen-before-turn 0"], .differs)
        let row = try found.row("agent_calls")
        #expect(row.expected?.description == "0.25" && row.cost?.description == "0.1")
        #expect(row.shares.first?.money?.description == "0.15")
    }

    @Test func `a price that froze for nothing is named while something may be added to it`()
        async throws
    {
        let simulation = try await toldAfterMidnight()
        await simulation.run(until: "2026-12-01T01:30:00Z")
        _ = try await sees(simulation, ["price-frozen-before-turn 0"], .differs)
        // Nothing is told for the rest of the month.
        await simulation.advance(milliseconds: 30 * 86_400_000 + 77_400_000)
        await simulation.run(until: "2027-01-01T00:10:00Z")
        try simulation.world.runMonthlyTask()
        await simulation.run(until: "2027-01-01T01:30:00Z")
        let found = try await sees(simulation, [], .equal, in: "2026-12")
        #expect(try found.row("agent_calls").billed == .zero)
    }

    @Test func `second item for an ended period`() async throws {
        let simulation = try simulation()
        simulation.use("agent_calls", 10, by: "researcher")
        await simulation.cycle()
        await simulation.advance(milliseconds: 120_000)
        simulation.world.setClock(milliseconds: simulation.now.milliseconds)
        try simulation.world.switchPlan(DoubleWorld.resources[0], to: "Premium")
        await simulation.advance(milliseconds: 120_000)
        await simulation.cycle()
        let world = simulation.world
        let first = DoubleWorld.resources[0]
        // Somebody sends the ended period again, and then puts the figure right.
        #expect(await world.report(first, planPeriod: 0, "agent_calls", "10.5") == 201)
        #expect(await world.report(first, planPeriod: 0, "agent_calls", "10") == 201)
        let found = try await sees(
            simulation,
            ["second-item-for-ended-period -10"],
            .differs
        )
        #expect(found.rows.flatMap(\.shares).count == 1)
    }

    @Test func `customer credit`() async throws {
        let simulation = try simulation("2026-11-30T23:00:00Z")
        simulation.use("agent_calls", 100, by: "researcher")
        await simulation.cycle()
        try simulation.world.grantCredit(1)
        await simulation.run(until: "2026-12-01T00:00:05Z")
        simulation.world.setClock(milliseconds: simulation.now.milliseconds)
        try simulation.world.runMonthlyTask()
        let found = try await sees(simulation, ["customer-credit 0"], .equal, in: "2026-11")
        #expect(found.others.contains { $0.kind == .customerCredit })
        let used = found.others.filter { $0.kind == .customerCredit }.map(\.item.price)
        #expect(try ExactDecimal.sum(used).description == "-1")
    }

    @Test func `compensation`() async throws {
        let simulation = try simulation("2026-11-30T23:00:00Z")
        simulation.use("agent_calls", 10, by: "researcher")
        await simulation.cycle()
        await simulation.run(until: "2026-12-01T00:00:05Z")
        simulation.world.setClock(milliseconds: simulation.now.milliseconds)
        try simulation.world.runMonthlyTask()
        await simulation.advance(milliseconds: 60_000)
        simulation.world.setClock(milliseconds: simulation.now.milliseconds)
        try simulation.world.compensate(DoubleWorld.resources[0], "agent_calls")
        let taken = try await simulation.reconcile()
        #expect(taken.said == ["compensation 0"] && taken.isClean)
        // The next total of the component overwrites the item that takes back.
        simulation.use("agent_calls", 4, by: "researcher")
        await simulation.run(until: "2026-12-01T00:45:00Z")
        let found = try await simulation.reconcile()
        #expect(found.faults.isEmpty, "\(found.faults)")
        #expect(found.said == ["compensation 4"], "\(found.said)")
        let row = try found.row("agent_calls")
        // 0.08 is expected, and 0.08 is taken off.
        #expect(row.cost?.description == "-0.08" && row.state == .differs)
        #expect(row.shares.first?.money?.description == "0.16")
    }

    @Test func `shadow, free and unknown components`() async throws {
        let simulation = try Simulation()
        try simulation.bind("watched", to: 1, as: .shadow)
        try simulation.bind("free", to: 2, as: .free)
        simulation.use("agent_calls", 5, by: "watched")
        simulation.use("agent_calls", 6, by: "free")
        simulation.use("undeclared", 1, by: "free")
        #expect(await simulation.world.report(DoubleWorld.resources[1], "agent_calls", "5") == 201)
        _ = try await sees(simulation, ["free 1", "free 6"], .explained)
        #expect(await simulation.world.report(DoubleWorld.resources[1], "agent_calls", "4") == 201)
        _ = try await sees(simulation, ["free 1", "free 6", "shadow 1"], .explained)
    }

    @Test func `an account that sees no items says nothing of what is billed`() async throws {
        let simulation = try simulation()
        simulation.use("agent_calls", 3, by: "researcher")
        await simulation.cycle()
        let transport = simulation.transport
        simulation.world.setClock(milliseconds: simulation.now.milliseconds)
        let service = ReporterService(
            settings: simulation.settings,
            accounts: WaldurAccounts([
                WaldurClient(
                    transport: WorldTransport(
                        world: simulation.world,
                        token: DoubleWorld.providerToken
                    )
                ) { transport.now }
            ]),
            engine: simulation.engine,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            seed: 1,
            now: { transport.now }
        )
        let found = try await service.reconcile()
        #expect(!found.seesItems && found.isClean && found.rows.allSatisfy { $0.cost == nil })
    }
}

extension Reconciliation.State {
    var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
