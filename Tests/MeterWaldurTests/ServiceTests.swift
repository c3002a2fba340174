import Logging
import Meter
import MeterWaldur
import MeterWire
import Synchronization
import Testing

/// The service, the client and the double over real HTTP, in real time.
@Suite(.serialized) struct ServiceTests {
    /// Runs the service against a double whose clock runs from mid-month. A call's time is only up where
    /// the test wants that.
    private func run(
        callMilliseconds: Int64 = 60_000,
        requestLifeMilliseconds: Int64 = 4_000,
        _ body: @Sendable (ReporterService, FakeEngine, ServedDouble, Minute) async throws -> Void
    ) async throws {
        let start = Simulation.midMonth
        let world = try DoubleWorld(milliseconds: start.milliseconds)
        let engine = try FakeEngine(at: start)
        try engine.book([
            .componentDeclared(Component(name: "agent_calls", unit: "call")),
            .componentDeclared(Component(name: "input_tokens", unit: "token")),
            .componentDeclared(Component(name: "capped", unit: "u")),
            .componentDeclared(Component(name: "unpriced", unit: "u")),
        ])
        try await ServedDouble.with(world) { double in
            double.startClock(milliseconds: start.milliseconds)
            let clock = ContinuousClock()
            let begun = clock.now
            let now: @Sendable () -> Timestamp = {
                let elapsed = (clock.now - begun).components
                return start.advanced(
                    byMilliseconds: elapsed.seconds * 1000 + elapsed.attoseconds
                        / 1_000_000_000_000_000
                )
            }
            let transport = try HTTPTransport(
                url: "http://127.0.0.1:\(double.port)",
                token: .value(Secret(Array(DoubleWorld.providerToken.utf8)))
            )
            var limits = WaldurLimits()
            limits.callMilliseconds = callMilliseconds
            let settings = ReporterSettings(
                waldur: Simulation.waldur,
                requestLifeMilliseconds: requestLifeMilliseconds,
                lookMilliseconds: 200
            )
            let service = ReporterService(
                settings: settings,
                accounts: WaldurAccounts([
                    WaldurClient(transport: transport, limits: limits, now: now)
                ]),
                engine: engine,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                seed: 1,
                now: now
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await service.run() }
                // The service may not run yet; asking it before would be refused.
                while (try? await service.submit()) == nil {
                    try await Task.sleep(for: .milliseconds(5))
                }
                let minute = try #require(Minute(start))
                try await body(service, engine, double, minute)
                group.cancelAll()
            }
            await transport.shutdown()
        }
    }

    private static func bind(_ engine: FakeEngine, at minute: Minute, to resource: Int = 0) throws {
        let access = Access(
            id: AccessID(high: 1, low: UInt64(resource)),
            tenant: Simulation.tenant,
            agent: Name("agent\(resource)")
        )
        try engine.book([
            .accessMade(access),
            .bindingSet(
                Binding(
                    access: access.id,
                    tenant: access.tenant,
                    agent: access.agent,
                    waldur: Simulation.waldur,
                    resource: try #require(ResourceID(DoubleWorld.resources[resource])),
                    from: Minute(rawValue: minute.rawValue - 60),
                    class: .live
                )
            ),
        ])
    }

    private static func use(
        _ engine: FakeEngine,
        _ component: Name,
        _ amount: UInt64,
        at minute: Minute
    ) {
        engine.record(
            component,
            amount,
            agent: "agent0",
            tenant: Simulation.tenant,
            at: minute
        )
        engine.sync()
    }

    private static func shown(_ double: ServedDouble, _ component: String) -> [String] {
        double.world.rows.filter { $0.key.contains(" \(component) ") }.map(\.value).sorted()
    }

    @Test func `submit tells, reads back and says how things stand`() async throws {
        try await run { service, engine, double, minute in
            try Self.bind(engine, at: minute)
            Self.use(engine, "agent_calls", 3, at: minute)
            let preview = try await service.preview()
            #expect(preview.rows.first { $0.key.component == "agent_calls" }?.state == "send")
            let before = try await service.reconcile()
            #expect(before.rows.contains { $0.shares.map(\.cause) == [.lateAfterReport] })
            let status = try await service.submit()
            #expect(status.state == .reporting && status.openIntents.isEmpty)
            #expect(status.findings.isEmpty && status.trouble == nil)
            #expect(Self.shown(double, "agent_calls") == ["3.00"])
            let after = try await service.reconcile()
            #expect(after.isClean)
            #expect(after.rows.allSatisfy { $0.state == .equal })
        }
    }

    @Test func `a dry run refuses what would be refused, and decides and sends nothing`()
        async throws
    {
        try await run { service, engine, double, minute in
            try Self.bind(engine, at: minute)
            Self.use(engine, "agent_calls", 3, at: minute)
            _ = try await service.submit()
            let head = engine.bookState.head
            let resource = try #require(ResourceID(DoubleWorld.resources[0]))
            let other = try #require(ResourceID(DoubleWorld.resources[1]))
            let refusals = try await service.adopt(
                resource,
                from: minute,
                isDryRun: true,
                author: "test"
            )
            #expect(refusals.contains { $0.contains("no open shadow binding") })
            try await service.release(resource, reason: "test", isDryRun: true, author: "test")
            await #expect(throws: ReporterTrouble.self) {
                try await service.release(other, reason: "test", isDryRun: true, author: "test")
            }
            let present = try #require(BillingMonth(of: minute.start, in: .utc))
            try await service.resume(present, isDryRun: true, author: "test")
            await #expect(throws: ReporterTrouble.self) {
                try await service.resume(present.next, isDryRun: true, author: "test")
            }
            #expect(engine.bookState.head == head)
            try await service.release(resource, reason: "test", author: "test")
            #expect(engine.bookState.head != head)
            #expect(engine.bookState.allBindings.contains { $0.class == .shadow })
        }
    }

    @Test func `a month goes on over a plan switch, a foreign write and an unpriced component`()
        async throws
    {
        try await run { service, engine, double, minute in
            try Self.bind(engine, at: minute)
            Self.use(engine, "agent_calls", 10, at: minute)
            Self.use(engine, "unpriced", 2, at: minute)
            Self.use(engine, "input_tokens", 100, at: minute)
            #expect(try await service.submit().findings.map(\.kind) == [.notPriced])
            try double.world.switchPlan(DoubleWorld.resources[0], to: "Premium")
            Self.use(engine, "agent_calls", 1, at: minute)
            #expect(await double.world.report(DoubleWorld.resources[0], "input_tokens", "5") == 201)
            let status = try await service.submit()
            #expect(status.findings.map(\.kind).contains(.foreign))
            #expect(status.waitingCarries == 1 && status.violations.isEmpty)
            #expect(Self.shown(double, "agent_calls") == ["10.00"])
            #expect(Self.shown(double, "input_tokens") == ["100.00", "5.00"])
            let reconciliation = try await service.reconcile()
            #expect(!reconciliation.isClean)
            let open = reconciliation.rows.flatMap(\.shares).filter { $0.standing == .open }
            #expect(
                Set(open.map(\.cause)) == [.changedInWaldur, .componentNotPriced, .carried]
            )
        }
    }

    @Test func `a call that times out and is applied later is confirmed, not repeated`()
        async throws
    {
        try await run(callMilliseconds: 5_000, requestLifeMilliseconds: 120_000) {
            service, engine, double, minute in
            try Self.bind(engine, at: minute)
            Self.use(engine, "agent_calls", 3, at: minute)
            double.slow(changedComponentMilliseconds: 8_000)
            _ = try await service.submit()
            double.slow(changedComponentMilliseconds: nil)
            for _ in 0..<3_000 where !engine.bookState.openIntents.isEmpty {
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(engine.bookState.openIntents.isEmpty)
            #expect(engine.bookState.lastIntentNumber == 1)
            #expect(Self.shown(double, "agent_calls") == ["3.00"])
            _ = try await service.submit()
            #expect(engine.bookState.lastIntentNumber == 1)
        }
    }

    @Test(arguments: [true, false])
    func `a 502 is looked up, whether the call took effect or not`(applies: Bool) async throws {
        try await run { service, engine, double, minute in
            try Self.bind(engine, at: minute)
            Self.use(engine, "agent_calls", 3, at: minute)
            double.fail("set_usage", status: 502, applies: applies)
            _ = try await service.submit()
            for _ in 0..<3_000 where !engine.bookState.openIntents.isEmpty {
                try await Task.sleep(for: .milliseconds(100))
            }
            _ = try await service.submit()
            #expect(engine.bookState.openIntents.isEmpty)
            #expect(Self.shown(double, "agent_calls") == ["3.00"])
            #expect(engine.bookState.lastIntentNumber == (applies ? 1 : 2))
        }
    }

    @Test func `a partial write is seen as it is`() async throws {
        try await run { service, engine, double, minute in
            try Self.bind(engine, at: minute)
            Self.use(engine, "agent_calls", 101, at: minute)
            Self.use(engine, "capped", 101, at: minute)
            Self.use(engine, "input_tokens", 101, at: minute)
            let status = try await service.submit()
            #expect(status.findings.map(\.kind).contains(.refused))
            #expect(Self.shown(double, "agent_calls") == ["101.00"])
            #expect(Self.shown(double, "capped").isEmpty)
            _ = try await service.submit()
            #expect(Self.shown(double, "input_tokens") == ["101.00"])
        }
    }

    @Test func `a binding does not start live where somebody else reports`() async throws {
        try await run { service, engine, double, minute in
            let resource = try #require(ResourceID(DoubleWorld.resources[0]))
            func binding(_ tenant: Name, _ resource: ResourceID) -> Binding {
                Binding(
                    access: AccessID(high: 9, low: 9),
                    tenant: tenant,
                    agent: "a",
                    waldur: Simulation.waldur,
                    resource: resource,
                    from: minute,
                    class: .live
                )
            }
            #expect(
                try await service.liveStartRefusals(of: binding(Simulation.tenant, resource))
                    .isEmpty
            )
            let stranger = Name(String(repeating: "d", count: 32))
            #expect(
                try await service.liveStartRefusals(of: binding(stranger, resource)).count == 1
            )
            let unknown = try #require(ResourceID(String(repeating: "e", count: 32)))
            #expect(
                try await service.liveStartRefusals(of: binding(Simulation.tenant, unknown)).count
                    == 1
            )
            #expect(await double.world.report(DoubleWorld.resources[0], "agent_calls", "0") == 201)
            let refusals = try await service.liveStartRefusals(
                of: binding(Simulation.tenant, resource)
            )
            #expect(refusals.count == 1 && refusals[0].contains("agent_calls"))
        }
    }

    @Test func `the row that Meter itself wrote is no obstacle for a second access`() async throws {
        try await run { service, engine, _, minute in
            try Self.bind(engine, at: minute)
            Self.use(engine, "agent_calls", 3, at: minute)
            _ = try await service.submit()
            let binding = try #require(engine.bookState.allBindings.first)
            #expect(try await service.liveStartRefusals(of: binding).isEmpty)
        }
    }

    @Test func `the map check names what would not be billed`() async throws {
        try await run { service, engine, _, minute in
            try Self.bind(engine, at: minute)
            let findings = try await service.checkMap()
            let errors = findings.filter(\.isError).map(\.subject)
            #expect(errors.count == 2)
            #expect(errors.contains { $0.contains("unpriced") })
            #expect(errors.contains { $0.contains("capped") })
            #expect(findings.contains { !$0.isError && $0.subject.contains("tool_seconds") })
        }
    }

    @Test func `the map check says that the account sees no invoice items of what is told`()
        async throws
    {
        try await run { service, engine, _, minute in
            try Self.bind(engine, at: minute)
            Self.use(engine, "agent_calls", 3, at: minute)
            #expect(try await !service.checkMap().contains { $0.detail.contains("invoice items") })
            _ = try await service.submit()
            let found = try await service.checkMap().filter { $0.detail.contains("invoice items") }
            #expect(found.map(\.isError) == [false])
        }
    }

    @Test func `resume takes Waldur's present month only`() async throws {
        try await run { service, engine, _, _ in
            await #expect(throws: ReporterTrouble.self) {
                try await service.resume(#require(BillingMonth("2026-12")), author: "test")
            }
            try await service.resume(#require(BillingMonth("2026-11")), author: "test")
            #expect(engine.bookState.resumed[Simulation.waldur]?.description == "2026-11")
        }
    }
}
