import Meter
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// A month's usage beside what the book says that Waldur was told.
struct BillingTests {
    static let own = "9f3c0000000000000000000000000001"
    private static let shared = "9f3c0000000000000000000000000002"
    private let waldur = WaldurID("waldur")

    /// `acme` has two agents on a resource of its own and one on a resource that `other` is bound to too.
    func server() async throws -> (TestServer, key: String) {
        let server = try await TestServer()
        let key = try await server.makeKey(
            #"{"kind":"http","platform":["acme","other"],"scopes":["usage","ingest","finance"]}"#
        )
        let book = server.context.book
        let start = Minute(rawValue: (Minute(server.context.clock.now())?.rawValue ?? 0) - 100_000)
        try book.append(
            .componentDeclared(
                Component(
                    name: "in", unit: "token", reportedUnit: "kilotoken", unitsPerReported: 1_000)
            ),
            author: "test"
        )
        for (number, tenant, agent, resource) in [
            (1, "acme", "one", Self.own), (2, "acme", "two", Self.own),
            (3, "acme", "three", Self.shared), (4, "other", "four", Self.shared),
        ] as [(UInt64, Name, Name, String)] {
            let access = Access(id: AccessID(high: 1, low: number), tenant: tenant, agent: agent)
            let id = try #require(ResourceID(resource))
            let binding = Binding(
                access: access.id,
                tenant: tenant,
                agent: agent,
                waldur: waldur,
                resource: id,
                from: start,
                class: .live
            )
            try book.append([.accessMade(access), .bindingSet(binding)], author: "test")
        }
        for (resource, low) in [(Self.own, 1), (Self.shared, 2)] as [(String, UInt64)] {
            let period = PlanPeriod(
                id: PlanPeriodID(high: 9, low: low),
                planName: "Basic",
                start: start.start
            )
            let seen = PlanPeriodsSeen(
                waldur: waldur,
                resource: try #require(ResourceID(resource)),
                periods: [period],
                components: ["in"],
                resourceState: "OK"
            )
            try book.append(.planPeriodsSeen(seen), author: "test")
        }
        let events = [
            ("acme", "one", 12_345), ("acme", "two", 655), ("acme", "three", 77),
            ("other", "four", 987_654_321), ("acme", "stray", 3),
        ].map { tenant, agent, amount in
            CloudEventTests.event(
                [
                    "id": "\"\(agent)\"", "time": "\"\(server.now)\"", "subject": "\"\(agent)\"",
                ],
                data: ["tenant": "\"\(tenant)\"", "amounts": "{\"in\":\(amount)}"]
            )
        }
        let sent = try await server.call(
            "POST",
            "/api/v1/events",
            "[" + events.joined(separator: ",") + "]",
            key: key
        )
        #expect(sent.status == 200)
        return (server, key)
    }

    func intend(
        _ server: TestServer,
        _ number: UInt64,
        _ hundredths: Int128
    ) throws -> SubmissionIntent {
        SubmissionIntent(
            number: number,
            waldur: waldur,
            resource: try #require(ResourceID(Self.own)),
            planPeriod: PlanPeriodID(high: 9, low: 1),
            month: try #require(BillingMonth(of: server.context.clock.now(), in: .utc)),
            position: 1,
            items: [.init(component: "in", total: Quantity(1), amount: Hundredths(hundredths))]
        )
    }

    private func line(_ reply: TestServer.Reply, _ resource: String) -> JSONValue {
        reply.json["lines"]?.array?.first { $0["resource"]?.string == resource } ?? .null
    }

    private func causes(_ line: JSONValue) -> [String] {
        line["causes"]?.array?.compactMap(\.string) ?? []
    }

    @Test func `a row goes from metered to submitted to confirmed, and says what is between`()
        async throws
    {
        let (server, key) = try await server()
        let target = "/api/v1/tenants/acme/billing"
        let first = line(try await server.call("GET", target, key: key), Self.own)
        #expect(first["metered"]?.string == "13000")
        #expect(first["toTell"]?.string == "13.00")
        #expect(first["submitted"] == .null)
        #expect(first["difference"]?.string == "13.00")
        #expect(first["plan"]?["name"]?.string == "Basic")
        #expect(first["shared"] == .bool(true))
        #expect(causes(first) == ["not-told-yet"])

        let book = server.context.book
        try book.append(.submissionIntended(try intend(server, 1, 1_200)), author: "test")
        let second = line(try await server.call("GET", target, key: key), Self.own)
        #expect(second["submitted"]?.string == "12.00")
        #expect(second["confirmed"] == .null)
        #expect(causes(second) == ["in-flight", "not-told-yet"])

        try book.append(.submissionUnknown(SubmissionOutcome(number: 1)), author: "test")
        let third = line(try await server.call("GET", target, key: key), Self.own)
        #expect(causes(third) == ["outcome-unknown", "not-told-yet"])

        try book.append(.submissionConfirmed(SubmissionOutcome(number: 1)), author: "test")
        try book.append(.submissionIntended(try intend(server, 2, 1_300)), author: "test")
        try book.append(.submissionConfirmed(SubmissionOutcome(number: 2)), author: "test")
        let last = line(try await server.call("GET", target, key: key), Self.own)
        #expect(last["confirmed"]?.string == "13.00")
        #expect(last["difference"]?.string == "0.00")
        #expect(causes(last).isEmpty)
    }

    @Test func `one agent has its own part of what was metered`() async throws {
        let (server, key) = try await server()
        let reply = try await server.call(
            "GET",
            "/api/v1/tenants/acme/agents/one/billing",
            key: key
        )
        #expect(reply.json["lines"]?.array?.count == 1)
        let row = line(reply, Self.own)
        #expect(row["metered"]?.string == "12345")
        #expect(row["toTell"]?.string == "13.00")
        #expect(row["shared"] == .bool(true))
        #expect(reply.json["unassigned"]?.array == [])
        let table = try await server.call(
            "GET",
            "/api/v1/tenants/acme/agents/one/billing?format=csv",
            key: key
        )
        #expect(
            table.text.contains(
                ",12345,0.00,token,0.00,0.00,0.00,13.00,,,kilotoken,13.00,not-told-yet"))
    }

    @Test func `of a resource that another tenant is bound to nothing told is shown`() async throws
    {
        let (server, key) = try await server()
        let reply = try await server.call("GET", "/api/v1/tenants/acme/billing", key: key)
        let row = line(reply, Self.shared)
        #expect(row["metered"]?.string == "77")
        for member in ["toTell", "submitted", "confirmed", "difference"] {
            #expect(row[member] == .null, "\(member)")
        }
        #expect(causes(row) == ["shared-with-another-tenant"])
        #expect(!reply.text.contains("987654"))
        #expect(!reply.text.contains("four"))
        let stray = reply.json["unassigned"]?.array?.first
        #expect(stray?["agent"]?.string == "stray")
        #expect(stray?["reason"]?.string == "no-access")
    }

    @Test func `billing needs the scope finance, and portal tokens never have it`() async throws {
        let (server, platform) = try await server()
        let usage = try await server.makeKey(
            #"{"kind":"http","tenant":"acme","scopes":["usage","usage-users"]}"#
        )
        let finance = try await server.makeKey(
            #"{"kind":"http","tenant":"acme","scopes":["finance"]}"#
        )
        let made = try await server.call(
            "POST",
            "/api/v1/portal-tokens",
            #"{"tenant":"acme"}"#,
            key: platform
        )
        let token = try #require(made.json["token"]?.string)
        for target in ["/api/v1/tenants/acme/billing", "/api/v1/tenants/acme/agents/one/billing"] {
            #expect(try await server.call("GET", target, key: usage).status == 403)
            #expect(try await server.call("GET", target, key: token).status == 403)
            #expect(try await server.call("GET", target, key: finance).status == 200)
        }
        for (target, status) in [
            ("/api/v1/tenants/other/billing", 404), ("/api/v1/tenants/nobody/billing", 404),
            ("/api/v1/tenants/acme/agents", 403),
            ("/api/v1/tenants/acme/billing?period=2026-13", 400),
            ("/api/v1/tenants/acme/billing?period=0001-01", 400),
            ("/api/v1/tenants/acme/billing?period=2020-02", 200),
        ] {
            #expect(
                try await server.call("GET", target, key: finance).status == status,
                "\(target)"
            )
        }
    }
}
