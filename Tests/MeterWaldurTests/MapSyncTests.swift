import Logging
import Meter
@testable import MeterWaldur
import MeterWire
import Testing

/// Which resources of an offering are bound to which agent, and what is left to a person.
@Suite struct MapSyncTests {
    private static let customers = [
        "c0000000000000000000000000000001", "c0000000000000000000000000000002",
    ]
    private let engine: FakeEngine
    private let month: Minute
    private let december: Timestamp

    init() throws {
        engine = try FakeEngine(at: Simulation.midMonth)
        month = try #require(WaldurTime.parse("2026-11-01T00:00:00Z").flatMap { Minute($0) })
        december = try #require(WaldurTime.parse("2026-12-01T00:00:00Z"))
    }

    private func resource(
        _ number: UInt64,
        of customer: Int? = 0,
        agent: String? = "writer",
        state: String = "OK",
        created: String = "2026-11-05T10:20:30Z"
    ) throws -> WaldurResource {
        let text = """
            {"uuid":"\(ResourceID(high: 0, low: number))","name":"r\(number)","slug":"",
             "state":"\(state)","offering_uuid":"\(DoubleWorld.offering)",
             "customer_uuid":\(customer.map { "\"\(Self.customers[$0])\"" } ?? "null"),
             "project_name":"One","created":"\(created)","backend_id":"b\(number)",
             "attributes":{"agent":\(agent.map { "\"\($0)\"" } ?? "null")}}
            """
        return try WaldurResource(try JSONParser.parse(Array(text.utf8)))
    }

    private func sync(
        _ resources: [WaldurResource],
        by source: AgentSource = .attribute("agent"),
        from: Minute? = nil
    ) -> MapSync {
        var made: UInt64 = 0
        return MapSync(
            resources,
            MapSync.Rule(
                waldur: Simulation.waldur,
                agentFrom: source,
                class: .shadow,
                from: from,
                earliest: month
            ),
            book: engine.bookState
        ) {
            made += 1
            return AccessID(high: 7, low: made)
        }
    }

    @Test func `a resource is bound once, from the minute in which it was ordered`() throws {
        let resources = [
            try resource(1), try resource(2, of: 1, created: "2026-09-01T00:00:00Z"),
        ]
        let first = sync(resources)
        #expect(first.rows.map(\.state) == [.new, .new])
        let binding = try #require(first.rows[0].binding)
        #expect(binding.tenant.description == Self.customers[0] && binding.agent == "writer")
        #expect(WaldurTime.text(binding.from.start) == "2026-11-05T10:20:00Z")
        // What was ordered earlier is bound from the present month on.
        #expect(first.rows[1].binding?.from == month)
        try engine.book(first.decisions)
        #expect(engine.bookState.accesses.count == 2)
        let again = sync(resources)
        #expect(again.decisions.isEmpty && again.rows.map(\.state) == [.unchanged, .unchanged])
    }

    @Test func `agents are named by backend id, name or an attribute`() throws {
        let one = [try resource(1)]
        #expect(sync(one, by: .backendID).rows[0].agent == "b1")
        #expect(sync(one, by: .name).rows[0].agent == "r1")
        #expect(sync(one, by: .attribute("agent")).rows[0].agent == "writer")
        for text in ["backend_id", "name", "attributes.agent_slug"] {
            #expect(AgentSource(text)?.description == text)
        }
        for text in ["", "attributes.", "attributes", "slug"] { #expect(AgentSource(text) == nil) }
    }

    @Test func `what is not clear is named and not bound`() throws {
        let twice = try [resource(1), resource(2), resource(3, of: 1)]
        let shared = sync(twice)
        #expect(
            shared.rows.map(\.state) == [
                .sameAgent(ResourceID(high: 0, low: 2)), .sameAgent(ResourceID(high: 0, low: 1)),
                .new,
            ]
        )
        #expect(shared.decisions.count == 2)
        let unclear = sync([
            try resource(4, agent: nil), try resource(5, of: nil), try resource(6, agent: ""),
            try resource(7, agent: "other", state: "Creating"),
        ])
        #expect(
            unclear.rows.map(\.state) == [
                .missing("attributes.agent"), .missing("customer"), .missing("attributes.agent"),
                .notReady("Creating"),
            ]
        )
        #expect(unclear.decisions.isEmpty)
        #expect(unclear.rows.map(\.state.isConflict) == [true, true, true, false])
    }

    @Test func `a bound agent, another agent and a moved resource are conflicts`() throws {
        try engine.book(sync([try resource(1)]).decisions)
        let later = sync([
            try resource(1), try resource(2), try resource(3, agent: "coder"),
        ])
        #expect(
            later.rows.map(\.state)
                == [.unchanged, .sameAgent(ResourceID(high: 0, low: 1)), .new]
        )
        let tenant = Name(Self.customers[0])
        #expect(sync([try resource(1, of: 1)]).rows.map(\.state) == [.moved(from: tenant)])
        #expect(
            sync([try resource(1, agent: "coder")]).rows.map(\.state)
                == [.boundOtherwise("writer")]
        )
        // Nothing there, and bound: it stays.
        #expect(sync([try resource(1, agent: nil)]).rows.map(\.state) == [.unchanged])
    }

    @Test func `an access that the platform gave is used, of several none is chosen`() throws {
        let tenant = Name(Self.customers[0])
        func give(_ number: UInt64) throws {
            try engine.book([
                .accessMade(
                    Access(id: AccessID(high: 9, low: number), tenant: tenant, agent: "writer")
                )
            ])
        }
        try give(1)
        let one = sync([try resource(1)])
        #expect(one.rows[0].binding?.access == AccessID(high: 9, low: 1))
        #expect(one.decisions.count == 1)
        try give(2)
        #expect(sync([try resource(1)]).rows.map(\.state) == [.severalAccesses])
    }

    // MARK: with a Waldur

    private func service(_ world: DoubleWorld) -> ReporterService {
        ReporterService(
            settings: ReporterSettings(waldur: Simulation.waldur),
            accounts: WaldurAccounts([
                WaldurClient(transport: WorldTransport(world: world)) { Simulation.midMonth }
            ]),
            engine: engine,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            seed: 1,
            now: { Simulation.midMonth }
        )
    }

    private func sync(
        _ service: ReporterService,
        class bindingClass: BindingClass = .live,
        follows: Bool? = nil,
        isDryRun: Bool = false
    ) async throws -> MapSync {
        try await service.syncMap(
            try #require(OfferingID(DoubleWorld.offering)),
            agentFrom: .name,
            class: bindingClass,
            from: nil,
            follows: follows,
            isDryRun: isDryRun,
            author: "test"
        )
    }

    @Test func `a dry run books nothing; a resource that somebody reports does not start live`()
        async throws
    {
        let world = try DoubleWorld(milliseconds: Simulation.midMonth.milliseconds)
        #expect(await world.report(DoubleWorld.resources[1], "agent_calls", "5") == 201)
        let service = service(world)
        let dry = try await sync(service, isDryRun: true)
        #expect(dry.decisions.count == 4 && engine.bookState.bindings.isEmpty)
        let real = try await sync(service)
        guard case .refused(let reason) = real.rows[1].state else {
            Issue.record("\(real.rows[1].state)")
            return
        }
        #expect(reason.contains("agent_calls"))
        #expect(real.rows.map { $0.state == .new } == [true, false, true])
        #expect(engine.bookState.allBindings.map(\.class) == [.live, .live])
    }

    @Test func `new resources of a followed offering are bound, until it is followed no longer`()
        async throws
    {
        let world = try DoubleWorld(milliseconds: Simulation.midMonth.milliseconds)
        let service = service(world)
        _ = try await sync(service, class: .shadow, follows: true)
        #expect(engine.bookState.bindings.count == 3)
        try world.addResource("r3", uuid: "44444444444444444444444444444444")
        let resources = try await service.client.resources()
        #expect(resources.count == 4)
        let found = try await service.follow(resources)
        #expect(found.flatMap(\.rows).filter { $0.state == .new }.map(\.agent) == ["r3"])
        #expect(engine.bookState.bindings.count == 4)
        #expect(try await service.follow(resources).flatMap(\.decisions).isEmpty)
        _ = try await sync(service, class: .shadow, follows: false)
        try world.addResource("r4", uuid: "55555555555555555555555555555555")
        #expect(try await service.follow(try await service.client.resources()).isEmpty)
        #expect(engine.bookState.bindings.count == 4)
    }

    @Test func `the running reporter binds what is new with its next cycle`() async throws {
        let world = try DoubleWorld(milliseconds: Simulation.midMonth.milliseconds)
        let service = service(world)
        _ = try await sync(service, class: .shadow, follows: true)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await service.run() }
            while (try? await service.submit()) == nil {
                try await Task.sleep(for: .milliseconds(5))
            }
            try world.addResource("r3", uuid: "44444444444444444444444444444444")
            _ = try await service.submit()
            #expect(engine.bookState.bindings.count == 4)
            group.cancelAll()
        }
    }
}
