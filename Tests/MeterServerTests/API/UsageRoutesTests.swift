import Meter
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

struct UsageRoutesTests {
    private let now = Timestamp(milliseconds: 1_795_343_400_125)
    private let access = AccessID(high: 1, low: 2)

    private func minute(_ text: String) throws -> Minute {
        try #require(RFC3339.time(text).flatMap { Minute($0) })
    }

    private func table() throws -> RouteTable {
        func amount(
            _ tenant: Name,
            _ agent: Name,
            _ component: Name,
            _ time: String,
            _ value: UInt64,
            _ access: AccessID? = nil
        ) throws -> FakeUsage.Amount {
            FakeUsage.Amount(
                tenant: tenant,
                agent: agent,
                access: access,
                component: component,
                minute: try minute(time),
                amount: value
            )
        }
        let usage = FakeUsage(
            [
                try amount("acme", "bot", "in", "2026-11-01T00:00:00Z", 5),
                try amount("acme", "bot", "in", "2026-11-02T23:59:00Z", 7, access),
                try amount("acme", "bot", "out", "2026-11-02T23:59:00Z", 70),
                try amount("acme", "a/b ü", "in", "2026-11-03T00:00:00Z", .max),
                try amount("acme", "a/b ü", "in", "2026-11-03T00:01:00Z", .max),
                try amount("other", "bot", "in", "2026-11-02T12:00:00Z", 1_000),
                try amount("other", "secret", "in", "2026-11-02T12:00:00Z", 10_000),
            ],
            now: now
        )
        return RouteTable(
            UsageRoutes(
                source: usage,
                gate: QueryGate(limit: 1),
                live: LiveTotalsRoute(source: usage, seats: LiveSeats(limit: 1)),
                homePorts: [:]
            ).routes
        )
    }

    private func ask(
        _ target: String,
        as caller: Caller = .localAdministrator
    ) async throws -> (status: Int, json: JSONValue, text: String) {
        let parts = target.split(separator: "?", maxSplits: 1)
        guard
            case .route(let route, let names) = try table().match(
                method: "GET",
                path: String(parts[0])
            )
        else { return (404, .null, "") }
        let answer: APIAnswer
        do throws(Problem) {
            let query = try QueryItems(parts.count > 1 ? String(parts[1]) : "")
            answer = try await route.handler(
                APICall(caller: caller, path: String(parts[0]), parts: names, query: query)
            )
        } catch {
            answer = .problem(error, instance: String(parts[0]))
        }
        return (answer.status, try JSONParser.parse(answer.body), answer.bodyText)
    }

    private func values(_ answer: JSONValue) -> [String] {
        answer["data"]?.array?.map { $0["value"]?.string ?? "" } ?? []
    }

    @Test func `one component adds up over tenants, beyond 64 bits`() async throws {
        let answer = try await ask(
            "/api/v1/meters/in/query?from=2026-11-01T00:00:00Z&to=2026-11-04T00:00:00Z"
        )
        #expect(answer.status == 200)
        #expect(values(answer.json) == ["36893488147419114242"])
        #expect(answer.json["asOf"]?["position"]?.string == "77")
        #expect(answer.json["asOf"]?["time"]?.string == "2026-11-22T10:30:00.125Z")
        #expect(answer.json["completeThrough"]?.string == "2026-11-22T10:29:55.125Z")
        #expect(answer.json["reconciledThrough"]?.string == "2026-11-21T22:26:40Z")
    }

    @Test func `windows are half-open and empty ones are there`() async throws {
        let answer = try await ask(
            "/api/v1/meters/in/query?from=2026-11-01T00:00:00Z&to=2026-11-05T00:00:00Z"
                + "&windowSize=DAY&tenant=acme&subject=bot"
        )
        #expect(values(answer.json) == ["5", "7", "0", "0"])
        let rows = answer.json["data"]?.array ?? []
        #expect(rows.map { $0["subject"]?.string } == ["bot", "bot", "bot", "bot"])
        #expect(rows[1]["windowStart"]?.string == "2026-11-02T00:00:00Z")
        #expect(rows[1]["windowEnd"]?.string == "2026-11-03T00:00:00Z")
        let empty = try await ask(
            "/api/v1/meters/nothing/query?from=2026-11-01T00:00:00Z&to=2026-11-03T00:00:00Z&windowSize=DAY"
        )
        #expect(values(empty.json) == ["0", "0"])
    }

    @Test func `groups are kept apart and sorted`() async throws {
        let answer = try await ask(
            "/api/v1/meters/in/query?from=2026-11-01T00:00:00Z&to=2026-11-03T00:00:00Z"
                + "&groupBy=tenant&groupBy=subject,access"
        )
        let groups = answer.json["data"]?.array?.map { $0["groupBy"] ?? .null } ?? []
        #expect(groups.map { $0["tenant"]?.string } == ["acme", "acme", "other", "other"])
        #expect(groups.map { $0["agent"]?.string } == ["bot", "bot", "bot", "secret"])
        #expect(groups.map { $0["access"]?.string } == [nil, access.description, nil, nil])
        #expect(values(answer.json) == ["5", "7", "1000", "10000"])
    }

    @Test func `a subject that was asked for is shown with nothing`() async throws {
        let answer = try await ask(
            "/api/v1/meters/in/query?from=2026-11-01T00:00:00Z&to=2026-11-03T00:00:00Z"
                + "&subject=bot&subject=nobody&tenant=acme"
        )
        #expect(values(answer.json) == ["12", "0"])
    }

    @Test func `an agent's components come with totals and series`() async throws {
        let answer = try await ask(
            "/api/v1/tenants/acme/agents/bot/usage?from=2026-11-01T00:00:00Z&to=2026-11-03T00:00:00Z"
                + "&windowSize=DAY&component=cached"
        )
        let components = answer.json["components"]?.array ?? []
        #expect(components.map { $0["component"]?.string } == ["cached"])
        let all = try await ask(
            "/api/v1/tenants/acme/agents/bot/usage?from=2026-11-01T00:00:00Z&to=2026-11-03T00:00:00Z"
                + "&windowSize=DAY"
        )
        let each = all.json["components"]?.array ?? []
        #expect(each.map { $0["component"]?.string } == ["in", "out"])
        #expect(each.map { $0["total"]?.string } == ["12", "70"])
        #expect(each[1]["series"]?.array?.map { $0["value"]?.string } == ["0", "70"])
    }

    @Test func `an agent's name may hold anything`() async throws {
        let answer = try await ask(
            "/api/v1/tenants/acme/agents/a%2Fb%20%C3%BC/usage?from=2026-11-03T00:00:00Z"
                + "&to=2026-11-03T00:01:00Z"
        )
        #expect(answer.json["agent"]?.string == "a/b ü")
        #expect(answer.json["components"]?.array?.first?["total"]?.string == "18446744073709551615")
    }

    // MARK: - Isolation

    /// On every route and parameter that names a tenant: a tenant's key gets the very same answer for
    /// somebody else's tenant and for one that does not exist.
    @Test(arguments: [
        "/api/v1/meters/in/query?tenant=%", "/api/v1/meters/in/query?tenant=acme&tenant=%",
        "/api/v1/meters/in/query?tenant=%&groupBy=tenant", "/api/v1/tenants/%/agents/secret/usage",
        "/api/v1/tenants/%/agents/bot/usage?windowSize=DAY",
    ])
    func `a foreign tenant answers like one that does not exist`(target: String) async throws {
        for caller in [
            FakeCallers.holder(.tenant("acme")), FakeCallers.holder(.platform(tenants: ["acme"])),
        ] {
            let foreign = try await ask(
                target.replacing("%", with: "other"),
                as: caller
            )
            let unknown = try await ask(target.replacing("%", with: "nobody"), as: caller)
            #expect(foreign.status == 404)
            #expect(unknown.status == 404)
            #expect(
                foreign.text.replacing("other", with: "")
                    == unknown.text.replacing("nobody", with: "")
            )
            #expect(!foreign.text.contains("secret") || target.contains("secret"))
        }
    }

    @Test func `a tenant's key sees its own tenant alone, whatever it asks`() async throws {
        let own = FakeCallers.holder(.tenant("acme"))
        let period = "from=2026-11-01T00:00:00Z&to=2026-11-03T00:00:00Z"
        for query in [
            "", "&groupBy=tenant,agent", "&subject=secret", "&subject=bot&groupBy=tenant",
        ] {
            let answer = try await ask("/api/v1/meters/in/query?\(period)\(query)", as: own)
            #expect(answer.status == 200)
            #expect(!answer.text.contains("other"))
            #expect(!answer.text.contains("1000"))
            #expect(query.contains("secret") || !answer.text.contains("secret"))
        }
        let sum = try await ask("/api/v1/meters/in/query?\(period)", as: own)
        #expect(values(sum.json) == ["12"])
        let both = FakeCallers.holder(.platform(tenants: ["acme", "other"]))
        #expect(
            values(try await ask("/api/v1/meters/in/query?\(period)", as: both).json) == ["11012"]
        )
        let all = FakeCallers.holder(.platformForAll)
        #expect(
            values(try await ask("/api/v1/meters/in/query?\(period)", as: all).json) == ["11012"]
        )
    }

    @Test(arguments: [
        "/api/v1/meters/in/query?groupBy=colour", "/api/v1/meters/in/query?groupby=agent",
        "/api/v1/meters/in/query?subject=", "/api/v1/meters/in/query?tenant=a%0Ab",
        "/api/v1/tenants/acme/agents/bot/usage?subject=x",
    ])
    func `a question that cannot be meant is refused`(target: String) async throws {
        #expect(try await ask(target).status == 400)
    }

    @Test func `queries beyond the limit are told to come again`() async throws {
        let gate = QueryGate(limit: 1)
        await #expect(throws: Problem.self) {
            _ = try await gate.pass { () async throws(Problem) in
                try await gate.pass { () async throws(Problem) in .text("") }
            }
        }
        // The place is free again after an error.
        _ = try await gate.pass { () async throws(Problem) in .text("") }
    }
}
