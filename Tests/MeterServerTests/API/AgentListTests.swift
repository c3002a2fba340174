import Meter
import MeterTesting
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// A tenant's agents over a real engine and book.
struct AgentListTests {
    private static let list = "/api/v1/tenants/acme/agents"

    /// Agents `bot-00` to `bot-24`, of which number i used i × 7 mod 10 of `in`; the tenant `other` too.
    private func server() async throws -> (server: TestServer, key: String) {
        let server = try await TestServer(["--waldur-homeport-url", "https://waldur.example/"])
        let key = try await server.makeKey(
            #"{"kind":"http","platform":["acme","other"],"scopes":["usage","ingest"]}"#
        )
        let events = (0..<25).flatMap { number in
            ["acme", "other"].map { tenant in
                CloudEventTests.event(
                    [
                        "id": "\"\(tenant)\(number)\"", "time": "\"\(server.now)\"",
                        "subject": "\"\(Self.name(number))\"",
                    ],
                    data: [
                        "tenant": "\"\(tenant)\"",
                        "amounts": "{\"in\":\(tenant == "acme" ? number * 7 % 10 : 1_000)}",
                    ]
                )
            }
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

    private static func name(_ number: Int) -> String { "bot-\(number < 10 ? "0" : "")\(number)" }

    private func names(_ reply: TestServer.Reply) -> [String] {
        reply.json["agents"]?.array?.compactMap { $0["agent"]?.string } ?? []
    }

    @Test(arguments: ["agent", "-agent", "total.in", "-total.in"], [1, 4, 25, 100])
    func `pages together are the whole list in order`(sort: String, limit: Int) async throws {
        let (server, key) = try await server()
        let numbers = Array(0..<25)
        let byName = numbers.map(Self.name)
        let byTotal = numbers.sorted { ($0 * 7 % 10, $0) < ($1 * 7 % 10, $1) }.map(Self.name)
        let byLargest = numbers.sorted { (-($0 * 7 % 10), $0) < (-($1 * 7 % 10), $1) }
            .map(Self.name)
        let expected = [
            "agent": byName, "-agent": byName.reversed(), "total.in": byTotal,
            "-total.in": byLargest,
        ]
        var found: [String] = []
        var cursor: String?
        repeat {
            let target =
                "\(Self.list)?sort=\(sort)&limit=\(limit)" + (cursor.map { "&cursor=\($0)" } ?? "")
            let page = try await server.call("GET", target, key: key)
            #expect(page.status == 200)
            #expect(names(page).count <= limit)
            found += names(page)
            cursor = page.json["next"]?.string
        } while cursor != nil && found.count <= 25
        #expect(found == expected[sort])
    }

    @Test func `each agent has its own totals and where it is ordered`() async throws {
        let (server, key) = try await server()
        let resource = "9f3c0000000000000000000000000001"
        let bound = try await server.call(
            "POST",
            "/admin/v1/map",
            "{\"tenant\":\"acme\",\"agent\":\"bot-03\",\"resource\":\"\(resource)\"}"
        )
        #expect(bound.status == 201)
        _ = try await server.call(
            "POST",
            "/admin/v1/map",
            "{\"tenant\":\"acme\",\"agent\":\"idle\",\"resource\":\"\(resource)\"}"
        )
        let seen = PlanPeriodsSeen(
            waldur: WaldurID("waldur"),
            resource: try #require(ResourceID(resource)),
            periods: [],
            components: [],
            resourceState: "OK",
            project: ResourceProject(id: String(repeating: "a", count: 32), name: "=North")
        )
        try server.context.book.append(.planPeriodsSeen(seen), author: "test")
        let page = try await server.call("GET", "\(Self.list)?state=shadow", key: key)
        #expect(names(page) == ["bot-03", "idle"])
        let agents = page.json["agents"]?.array ?? []
        #expect(agents[0]["components"]?.array?.first?["total"]?.string == "1")
        #expect(agents[1]["components"]?.array == [])
        let place = agents[0]["accesses"]?.array?.first
        #expect(place?["resource"]?.string == resource)
        #expect(place?["resourceState"]?.string == "OK")
        #expect(place?["project"]?["name"]?.string == "=North")
        #expect(place?["link"]?.string == "https://waldur.example/resource-details/\(resource)/")
        for project in ["%3DNorth", String(repeating: "a", count: 32)] {
            let filtered = try await server.call("GET", "\(Self.list)?project=\(project)", key: key)
            #expect(names(filtered) == ["bot-03", "idle"])
        }
        let others = try await server.call("GET", "\(Self.list)?state=unassigned", key: key)
        #expect(names(others).count == 24)
        let table = try await server.call("GET", "\(Self.list)?state=shadow&format=csv", key: key)
        let row =
            "bot-03,shadow,'=North,\(resource),https://waldur.example/resource-details/\(resource)/"
        let latest = page.json["agents"]?.array?.first?["lastEvent"]?.string ?? ""
        #expect(table.text.contains(row + ",1,1,0,0,0,\(latest),1\r\n"))
    }

    @Test(arguments: [
        "sort=name", "sort=total.", "limit=0", "limit=1001", "limit=x", "cursor=x", "state=bound",
        "windowSize=DAY",
        "sort=-total.in&cursor=eyJzb3J0IjoiYWdlbnQiLCJ2YWx1ZSI6IjAiLCJhZ2VudCI6ImEifQ",
    ])
    func `a list that cannot be meant is refused`(query: String) async throws {
        let server = try await TestServer()
        #expect(try await server.call("GET", "\(Self.list)?\(query)").status == 400)
    }

    @Test func `the first places are those of a full sort`() throws {
        var seed = Seed(3)
        for _ in 0..<200 {
            let places = (0..<Int.random(in: 0..<40, using: &seed)).map { _ in
                AgentOrder.Place(
                    value: UInt128(Int.random(in: 0..<5, using: &seed)),
                    agent: Name("a\(Int.random(in: 0..<1_000_000, using: &seed))")
                )
            }
            for text in ["agent", "-agent", "total.in", "-total.in"] {
                let order = try AgentOrder(text, UsageReach(.localAdministrator))
                let sorted = places.sorted { order.precedes($0, $1) }
                let count = 1 + Int.random(in: 0..<10, using: &seed)
                let cursor =
                    sorted.randomElement(using: &seed)
                let after =
                    cursor.map { cursor in
                        sorted.filter { order.precedes(cursor, $0) }
                    } ?? sorted
                #expect(order.first(count, of: places, after: cursor) == Array(after.prefix(count)))
                if let cursor {
                    #expect(try order.place(of: order.cursor(after: cursor)) == cursor)
                }
            }
        }
    }

    // MARK: - The period before

    @Test(arguments: [
        // Whole months, of a zone that moves its clocks in one of them.
        (
            "2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z", "2026-02-28T23:00:00Z",
            "2026-03-31T22:00:00Z"
        ),
        (
            "2026-01-31T23:00:00Z", "2026-03-31T22:00:00Z", "2025-11-30T23:00:00Z",
            "2026-01-31T23:00:00Z"
        ),
        // The part of a month, and one longer than the month before.
        (
            "2026-10-31T23:00:00Z", "2026-11-10T23:00:00Z", "2026-09-30T22:00:00Z",
            "2026-10-10T22:00:00Z"
        ),
        (
            "2026-02-28T23:00:00Z", "2026-03-30T22:00:00Z", "2026-01-31T23:00:00Z",
            "2026-02-28T23:00:00Z"
        ),
        // Anything else.
        (
            "2026-11-10T00:00:00Z", "2026-11-17T00:00:00Z", "2026-11-03T00:00:00Z",
            "2026-11-10T00:00:00Z"
        ),
        (
            "2026-01-31T23:00:00Z", "2026-03-10T23:00:00Z", "2025-12-24T23:00:00Z",
            "2026-01-31T23:00:00Z"
        ),
        (
            "1970-01-01T00:00:00Z", "1970-01-03T00:00:00Z", "1970-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z"
        ),
    ])
    func `a period is compared with the one before`(
        from: String,
        to: String,
        previousFrom: String,
        previousTo: String
    ) throws {
        let period = try UsagePeriod(
            try QueryItems("from=\(from)&to=\(to)&windowTimeZone=Europe/Berlin"),
            now: Timestamp(milliseconds: 1_795_343_400_125)
        )
        let previous = try period.previous()
        #expect(RFC3339.text(previous.from) == previousFrom)
        #expect(RFC3339.text(previous.to) == previousTo)
    }
}
