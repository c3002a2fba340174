import Meter
import MeterWaldur
import MeterWire
import Testing

/// The reporter, the double and a book on one virtual clock; no time passes in reality.
final class Simulation {
    static let tenant = Name(DoubleWorld.customer)
    static let waldur: WaldurID = "main"
    static let midMonth = Timestamp(milliseconds: 1_794_830_430_000)  // 2026-11-16T12:00:30Z

    let world: DoubleWorld
    let engine: FakeEngine
    let transport: DoubleTransport
    var settings: ReporterSettings
    var reporter: Reporter
    private(set) var client: WaldurClient
    private var performer: ActionPerformer
    /// Every action that was done, without rests.
    private(set) var actions: [ReporterAction] = []

    /// - Parameters:
    ///   - isOwner: The account has a role at the provider, so that it sees orders.
    ///   - timeZone: The double's own, where it is not UTC.
    ///   - activated: When the resources were.
    convenience init(
        at start: Timestamp = midMonth,
        zone: WaldurZone = .utc,
        isOwner: Bool = false,
        timeZone: String? = nil,
        activated: String = "2026-11-10T00:00:00Z"
    ) throws {
        self.init(
            ReporterSettings(
                waldur: Self.waldur,
                zone: zone,
                requestLifeMilliseconds: 120_000
            ),
            world: try DoubleWorld(
                milliseconds: start.milliseconds,
                activated: activated,
                isOwner: isOwner,
                timeZone: timeZone
            ),
            engine: try FakeEngine(at: start),
            at: start
        )
        try engine.book([
            .componentDeclared(Component(name: "agent_calls", unit: "call")),
            .componentDeclared(Component(name: "input_tokens", unit: "token")),
            .componentDeclared(
                Component(
                    name: "tool_seconds",
                    unit: "ms",
                    reportedUnit: "s",
                    unitsPerReported: 1000
                )
            ),
            .componentDeclared(Component(name: "capped", unit: "u")),
            .componentDeclared(Component(name: "unpriced", unit: "u")),
        ])
    }

    /// Another host with a copy of everything that is in the book, on the same Waldur.
    convenience init(copying other: Simulation) throws {
        self.init(
            other.settings,
            through: other.transport,
            engine: try FakeEngine(at: other.now),
            seed: 3
        )
        try engine.copyBook(of: other.engine)
    }

    /// A reporter of any Waldur.
    convenience init(
        _ settings: ReporterSettings,
        world: DoubleWorld,
        engine: FakeEngine,
        at start: Timestamp
    ) {
        self.init(
            settings,
            through: DoubleTransport(world: world, now: start),
            engine: engine,
            seed: 1
        )
    }

    private init(
        _ settings: ReporterSettings,
        through transport: DoubleTransport,
        engine: FakeEngine,
        seed: UInt64
    ) {
        self.settings = settings
        self.transport = transport
        self.engine = engine
        world = transport.world
        reporter = Reporter(settings: settings, startedAt: transport.now, seed: seed)
        client = WaldurClient(transport: transport) { transport.now }
        performer = ActionPerformer(engine, settings)
    }

    var now: Timestamp { transport.now }
    var minute: Minute { Minute(now) ?? Minute(rawValue: 0) }
    var moment: ReporterMoment { ReporterMoment(now: now, clock: client.clock) }
    var book: BookState { engine.bookState }

    /// Binds a new access of an agent to a resource, from an hour ago.
    func bind(
        _ agent: Name,
        to resource: Int,
        as bindingClass: BindingClass = .live,
        tenant: Name = tenant
    ) throws {
        let access = Access(
            id: AccessID(high: UInt64(resource) + 1, low: UInt64(book.accesses.count) + 1),
            tenant: tenant,
            agent: agent
        )
        try engine.book([
            .accessMade(access),
            .bindingSet(
                Binding(
                    access: access.id,
                    tenant: tenant,
                    agent: agent,
                    waldur: Self.waldur,
                    resource: try id(resource),
                    from: Minute(rawValue: minute.rawValue - 60),
                    class: bindingClass
                )
            ),
        ])
    }

    func id(_ resource: Int) throws -> ResourceID {
        try #require(ResourceID(DoubleWorld.resources[resource]))
    }

    /// Records durable usage in the present minute.
    func use(_ component: Name, _ amount: UInt64, by agent: Name, tenant: Name = tenant) {
        engine.record(component, amount, agent: agent, tenant: tenant, at: minute)
        engine.sync()
    }

    /// Corrects what an agent used of a component in a minute.
    func correct(
        _ component: Name,
        _ amount: Int128,
        by agent: Name,
        at minute: Minute
    ) throws {
        let line = CorrectionLine(
            CorrectionCell(
                tenant: Self.tenant,
                agent: agent,
                component: component,
                minute: minute
            ),
            LedgerAmount(amount * 100)
        )
        let zone = settings.zone
        let plan = try CorrectionPlan(.amend, [line], book: book) { _, minute in
            BillingMonth(of: minute.start, in: zone).flatMap { month in
                guard let start = Minute(month.start(in: zone)),
                    let end = Minute(month.end(in: zone))
                else { return nil }
                return BillingPeriod(waldur: Self.waldur, month: month, start: start, end: end)
            }
        }
        try engine.book(plan.decisions(reason: "ticket", book: book, position: 0))
    }

    /// The process dies: of the reporter only the book is left.
    func crash() {
        engine.loseUnsynced()
        reporter = Reporter(settings: settings, startedAt: now, seed: 2)
        let transport = transport
        client = WaldurClient(transport: transport) { transport.now }
        performer.forget()
    }

    func advance(milliseconds: Int64) async {
        transport.advance(milliseconds: milliseconds)
        engine.setTime(now)
        await transport.applyDelayed()
    }

    /// What the reporter wants next.
    func next() -> ReporterAction { reporter.next(at: moment, book: book) }

    /// Does one action and says what came of it.
    func perform(_ action: ReporterAction) async -> ReporterEvent {
        engine.setTime(now)
        if case .rest(let until) = action {
            await advance(milliseconds: max(1, until.milliseconds - now.milliseconds))
            return .rested
        }
        actions.append(action)
        let event = await performer.perform(action, through: client)
        if case .booked(.failure(let trouble)) = event {
            Issue.record("the book refused: \(trouble)")
        }
        return event
    }

    func handle(_ event: ReporterEvent) { reporter.handle(event, at: moment) }

    /// Runs until a call is sent, whose answer nobody takes in.
    func send() async {
        for _ in 0..<200 {
            let action = next()
            let event = await perform(action)
            if case .setUsage = action { return }
            handle(event)
        }
        Issue.record("nothing is sent; last actions: \(actions.suffix(5))")
    }

    /// Runs until a cycle that begins now has ended. A reporter that never gets there fails the test.
    func cycle() async { await cycle(endingAs: reporter.requestCycle(at: now)) }

    /// The same for one that nobody has asked for, but that is due.
    func dueCycle() async { await cycle(endingAs: reporter.cyclesEnded + 1) }

    private func cycle(endingAs target: Int) async {
        for _ in 0..<2_000 {
            let action = next()
            if reporter.cyclesEnded >= target { return }
            handle(await perform(action))
        }
        Issue.record("the cycle does not end; last actions: \(actions.suffix(5))")
    }

    /// Runs until a moment, one cycle after the other as they are due.
    func run(until text: String) async {
        guard let end = WaldurTime.parse(text) else {
            Issue.record("\(text) is no time")
            return
        }
        for _ in 0..<100_000 where now < end {
            var action = next()
            if case .rest(let until) = action { action = .rest(until: min(until, end)) }
            handle(await perform(action))
        }
    }

    /// Runs until nothing is open and a cycle went well, or until so much virtual time has passed.
    func quiesce(milliseconds: Int64 = 6 * 3_600_000) async {
        let end = now.advanced(byMilliseconds: milliseconds)
        while now < end {
            await cycle()
            if book.openIntents.isEmpty, reporter.trouble == nil {
                await cycle()
                if book.openIntents.isEmpty, reporter.trouble == nil { return }
            }
            await advance(milliseconds: 30_000)
        }
    }

    /// What Waldur shows of a resource's component in the present month, over all plan periods, sorted.
    func shown(_ resource: Int, _ component: String) -> [String] {
        world.rows.filter { key, _ in
            key.hasPrefix(DoubleWorld.resources[resource]) && key.contains(" \(component) ")
        }.map(\.value).sorted()
    }

    /// The unit prices at which a resource's component is billed in a month, item by item.
    func prices(_ resource: Int, _ component: String, _ month: String) -> [String] {
        world.prices["\(DoubleWorld.resources[resource]) \(component) \(month)"] ?? []
    }

    /// What the running check finds.
    var violations: [Violation] { performer.ledger.violations.values.flatMap(\.self) }

    /// Everything that a carry says, as text.
    var carries: [String] {
        book.billing.carries.keys.sorted().compactMap { book.billing.carries[$0] }.map { standing in
            let carry = standing.carry
            let state =
                standing.settled?.settlement.rawValue ?? (carry.to == nil ? "waits" : "lands")
            return "\(carry.from.month) \(carry.from.component) \(carry.cause.rawValue) "
                + "\(carry.amount) \(state)"
        }
    }

    /// What is billed of a resource's component, item by item.
    func billed(_ resource: Int, _ component: String) -> [String] {
        world.billed.filter { key, _ in
            key.hasPrefix(DoubleWorld.resources[resource]) && key.contains(" \(component) ")
        }.flatMap(\.value)
    }

    /// Kinds of findings on a resource.
    func findings(_ resource: Int) throws -> [ReportFinding.Kind] {
        (reporter.findings[try id(resource)] ?? []).map(\.kind)
    }
}
