import Meter
import MeterTesting
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// What the preview of a file of events says, beside what the reporter then makes of it in Waldur.
@Suite struct BackfillPreviewTests {
    enum Scenario: CaseIterable {
        case presentMonth, cut, closed, otherPlan, otherPrice, planEnded, residue
        case free, unassigned, advisory, unbilledOutcome
    }

    /// A simulation, and a minute in which something was lost.
    private struct Scene {
        let simulation: Simulation
        let lost: Minute
        var agent: Name = "researcher"
        var component: Name = "agent_calls"
        var outcome = "ok"
        /// What the preview has to say: `becomes cause lands-in obstacle`.
        var expected: String
    }

    private static let evening = "2026-11-30T23:00:00Z"
    private static let morning = "2026-12-01T00:45:00Z"

    private func scene(
        _ expected: String,
        at text: String = "2026-11-16T12:00:30Z",
        as bindingClass: BindingClass = .live
    ) throws -> Scene {
        let simulation = try Simulation(at: #require(WaldurTime.parse(text)))
        try simulation.bind("researcher", to: 0, as: bindingClass)
        return Scene(simulation: simulation, lost: simulation.minute, expected: expected)
    }

    /// The same after its month was told and cut.
    private func cutScene(_ expected: String) async throws -> Scene {
        let scene = try scene(expected, at: Self.evening)
        scene.simulation.use("agent_calls", 9, by: "researcher")
        await scene.simulation.run(until: Self.morning)
        return scene
    }

    private func scene(_ scenario: Scenario) async throws -> Scene {
        switch scenario {
        case .presentMonth:
            let scene = try scene("lands - 2026-11 -")
            scene.simulation.use("agent_calls", 9, by: "researcher")
            await scene.simulation.cycle()
            return scene
        case .cut: return try await cutScene("carry late 2026-12 -")
        case .closed:
            let scene = try await cutScene("carry late 2026-12 -")
            try scene.simulation.engine.book([
                .periodClosed(
                    PeriodClosed(
                        waldur: Simulation.waldur,
                        month: #require(BillingMonth("2026-11")),
                        tenant: Simulation.tenant,
                        revision: 1,
                        statement: String(repeating: "a", count: 64),
                        previous: nil,
                        lastCarry: 0,
                        lastAdjustment: 0
                    )
                )
            ])
            return scene
        case .otherPlan:
            let scene = try scene("carry late - other-plan", at: Self.evening)
            scene.simulation.use("agent_calls", 9, by: "researcher")
            await scene.simulation.cycle()
            try scene.simulation.world.switchPlan(DoubleWorld.resources[0], to: "Premium")
            await scene.simulation.run(until: Self.morning)
            return scene
        case .otherPrice:
            let scene = try scene("carry late - other-price", at: Self.evening)
            try scene.simulation.world.announce("agent_calls", hundredths: 5)
            scene.simulation.use("agent_calls", 9, by: "researcher")
            await scene.simulation.run(until: "2026-12-01T00:01:00Z")
            try scene.simulation.world.runMonthlyTask()
            await scene.simulation.run(until: Self.morning)
            return scene
        case .planEnded:
            let scene = try scene("carry plan-ended - other-plan")
            scene.simulation.use("agent_calls", 9, by: "researcher")
            await scene.simulation.cycle()
            try scene.simulation.world.switchPlan(DoubleWorld.resources[0], to: "Premium")
            await scene.simulation.advance(milliseconds: 120_000)
            scene.simulation.use("agent_calls", 3, by: "researcher")
            await scene.simulation.cycle()
            return scene
        case .residue:
            var scene = try await cutScene("carry residue 2026-12 -")
            scene.component = "tool_seconds"
            return scene
        case .free: return try scene("free - - -", as: .free)
        case .unassigned:
            var scene = try scene("no-access - - -")
            scene.agent = "stranger"
            return scene
        case .advisory:
            let scene = try scene("advisory - - -")
            await scene.simulation.cycle()
            try scene.simulation.engine.book([
                .countingDeclared(
                    CountingDeclaration(
                        tenant: Simulation.tenant,
                        way: .otlp,
                        from: Minute(rawValue: scene.lost.rawValue / 15 * 15),
                        reason: "spans"
                    )
                )
            ])
            return scene
        case .unbilledOutcome:
            var scene = try scene("unbilled-outcome - - -")
            scene.outcome = "error"
            await scene.simulation.cycle()
            let key = ResourceKey(waldur: Simulation.waldur, resource: try scene.simulation.id(0))
            let offering = try #require(scene.simulation.book.resources[key]?.offering)
            try scene.simulation.engine.book([
                .offeringUnitSet(
                    OfferingUnitSet(
                        waldur: Simulation.waldur,
                        offering: offering,
                        component: "agent_calls",
                        reportedUnit: "call",
                        unitsPerReported: 1,
                        bills: BilledOutcomes(["ok"])
                    )
                )
            ])
            return scene
        }
    }

    private func planning(_ simulation: Simulation) throws -> AdjustmentPlanning {
        let source = YearBilling(engine: simulation.engine, time: simulation.now)
        let ledger = TenantLedger(
            source: source,
            waldur: Simulation.waldur,
            zone: simulation.settings.zone
        )
        let identifiers = IdentifierHash(
            key: Array(repeating: 0, count: IdentifierHash.keyByteCount))
        return AdjustmentPlanning(
            ledger: ledger,
            calendar: BillingCalendar(ledger, among: TenantLedgers(source, [])),
            events: try EngineHarness(disk: SimulatedDisk()).engine,
            identifiers: try #require(identifiers)
        )
    }

    /// What the server says that a file would do.
    private func preview(_ file: [UInt8], _ simulation: Simulation) async throws -> JSONValue {
        let planning = try planning(simulation)
        let plan = try await planning.backfill(file, .csv)
        let effects = AdjustmentEffects(
            plan.added.effects,
            as: .metered,
            planning.calendar,
            simulation.book
        )
        #expect(effects.json.count == 1)
        return try JSONParser.parse(try #require(effects.json.first).encoded)
    }

    /// Its events are in the journal, and the book says so.
    private func apply(_ file: [UInt8], _ simulation: Simulation) throws {
        let events = try BackfillFile(file, .csv).events
        for event in events {
            for amount in event.amounts {
                simulation.engine.record(
                    Name(amount.component),
                    amount.amount,
                    agent: Name(event.agent),
                    tenant: Name(event.tenant),
                    at: try #require(Minute(event.time)),
                    outcome: event.outcome
                )
            }
        }
        simulation.engine.sync()
        let minutes = events.compactMap { Minute($0.time) }
        try simulation.engine.book([
            .backfillBegun(
                BackfillBegun(
                    number: 1,
                    file: String(repeating: "b", count: 64),
                    eventCount: UInt64(events.count),
                    earliest: try #require(minutes.min()),
                    latest: try #require(minutes.max()),
                    totals: [],
                    reason: "lost"
                )
            ),
            .backfillDone(BackfillDone(number: 1, position: 1)),
        ])
    }

    /// Everything that Waldur has of the resource's component, in hundredths.
    private func told(_ scene: Scene) -> Int {
        scene.simulation.shown(0, "\(scene.component)")
            .compactMap { Int($0.filter { $0 != "." }) }.reduce(0, +)
    }

    /// Why the ledger bills none of what the scene's agent used.
    private func classes(_ scene: Scene) async throws -> [String] {
        let ledger = try planning(scene.simulation).ledger
        let month = try await ledger.read(
            Simulation.tenant, in: ledger.period(BillingMonth("2026-11"))
        )
        .month
        return month.attributed.compactMap { $0.key.notBillable?.rawValue }
            + month.unassigned.map(\.key.reason.rawValue)
    }

    @Test(arguments: Scenario.allCases)
    func `what a preview says is what then becomes of the file`(scenario: Scenario) async throws {
        let scene = try await scene(scenario)
        let simulation = scene.simulation
        let (before, carries) = (told(scene), Set(simulation.book.billing.carries.keys))
        let row = "\(Simulation.tenant),\(scene.agent),\(scene.component),2,\(scene.outcome)"
        let time = RFC3339.text(scene.lost)
        let file = Array(
            "time,tenant,agent,component,amount,outcome\n\(time),\(row)\n\(time),\(row)\n".utf8)

        let effect = try await preview(file, simulation)
        func word(_ member: String) -> String { effect[member]?.string ?? "-" }
        let said = ["becomes", "cause", "landsIn", "obstacle"].map(word).joined(separator: " ")
        #expect(said == scene.expected)
        #expect(word("amount") == "4.00")

        try apply(file, simulation)
        await simulation.run(
            until: RFC3339.text(simulation.now.advanced(byMilliseconds: 9_000_000)))
        let made = simulation.book.billing.carries.filter { !carries.contains($0.key) }.values
        let found = made.map { standing in
            let landsIn = standing.target?.month.description ?? "-"
            let present = simulation.book.presentMonth(of: Simulation.waldur)
            let obstacle = present.flatMap { present in
                standing.waits
                    ? CarryLanding(standing.carry, book: simulation.book, into: present).obstacle
                    : nil
            }
            return "\(standing.carry.from.month) carry \(standing.carry.cause.rawValue) \(landsIn) "
                + "\(obstacle?.rawValue ?? "-") \(standing.carry.amount)"
        }
        #expect(
            found == (word("becomes") == "carry" ? ["\(word("month")) \(said) 4.00"] : []),
            "of \(said)"
        )
        // Waldur has just as much more as was said to land; four milliseconds are a residue of nothing.
        let landed = word("landsIn") == "-" || scenario == .residue ? 0 : 400
        #expect(told(scene) - before == landed)
        let isClass = !["lands", "carry"].contains(word("becomes"))
        #expect(try await classes(scene) == (isClass ? [word("becomes")] : []))
        #expect(simulation.violations.isEmpty)
    }

    @Test func `of a resource that is gone nothing lands, and its month's end leaves a carry`()
        async throws
    {
        let scene = try scene("")
        let simulation = scene.simulation
        simulation.use("agent_calls", 9, by: "researcher")
        await simulation.cycle()
        simulation.world.terminate(DoubleWorld.resources[0])
        await simulation.advance(milliseconds: 120_000)
        await simulation.cycle()
        let file = Array(
            ("time,tenant,agent,component,amount\n\(RFC3339.text(scene.lost)),"
                + "\(Simulation.tenant),researcher,agent_calls,4\n").utf8
        )
        let effect = try await preview(file, simulation)
        #expect(effect["becomes"]?.string == "resource-gone" && effect["landsIn"] == .null)
        try apply(file, simulation)
        await simulation.cycle()
        #expect(simulation.carries.isEmpty && told(scene) == 900)
        await simulation.run(until: Self.morning)
        #expect(simulation.carries.count == 1 && told(scene) == 900)
        #expect(simulation.carries.first?.hasSuffix(" 4.00 waits") == true, "\(simulation.carries)")
    }
}
