import Meter
import MeterTesting
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// Periods from open through cut to closed, what keeps them open, and the statements that they leave.
struct PeriodTests {
    private let world = BillingTests()

    /// `acme` and `other` in a month that the reporter has cut, with 12 of 13 told of acme's own resource.
    private func server(cut: Bool = true) async throws -> (TestServer, month: BillingMonth) {
        let (server, _) = try await world.server()
        let month = try #require(BillingMonth(of: server.context.clock.now(), in: .utc))
        let book = server.context.book
        try book.append(.submissionIntended(try world.intend(server, 1, 1_200)), author: "test")
        if cut {
            try book.append(.submissionConfirmed(SubmissionOutcome(number: 1)), author: "test")
            try book.append(
                .periodCut(PeriodCut(waldur: "waldur", month: month, position: 1)),
                author: "reporter"
            )
        }
        return (server, month)
    }

    private func tenant(_ reply: TestServer.Reply, _ name: String) -> JSONValue {
        reply.json["tenants"]?.array?.first { $0["tenant"]?.string == name } ?? .null
    }

    private func causes(_ tenant: JSONValue) -> [String] {
        tenant["obstacles"]?.array?.compactMap { $0["cause"]?.string } ?? []
    }

    private func statement(
        _ server: TestServer,
        _ month: BillingMonth,
        _ query: String = ""
    ) async throws -> SignedStatement {
        let reply = try await server.call("GET", "/admin/v1/statements/\(month)/acme\(query)")
        #expect(reply.status == 200, "\(reply.text)")
        let keys = try await server.call("GET", "/admin/v1/statement-keys")
        let trusted = keys.json["keys"]?.array?.compactMap { $0["publicKey"]?.string } ?? []
        return try SignedStatement(Array(reply.text.utf8), publicKeys: Set(trusted))
    }

    @Test func `a month that is open or has a submission without outcome is not closed`()
        async throws
    {
        let (server, month) = try await server(cut: false)
        try server.context.book.append(
            .submissionUnknown(SubmissionOutcome(number: 1)),
            author: "test"
        )
        let reply = try await server.call("POST", "/admin/v1/periods/\(month)/close", "{}")
        #expect(tenant(reply, "acme")["state"]?.string == "open")
        #expect(causes(tenant(reply, "acme")) == ["unknown-submission", "not-cut"])
        #expect(causes(tenant(reply, "other")) == ["not-cut"])
        #expect(server.context.book.state.billing.periods.isEmpty)
        let none = try await server.call("GET", "/admin/v1/statements/\(month)/acme")
        #expect(none.status == 409)
    }

    @Test
    func
        `closing leaves a statement that says what was metered and told, the same bytes each time`()
        async throws
    {
        let (server, month) = try await server()
        let target = "/admin/v1/periods/\(month)/close"
        let dry = try await server.call("POST", target, #"{"dryRun":true}"#)
        #expect(tenant(dry, "acme")["state"]?.string == "cut")
        #expect(server.context.book.state.billing.periods.isEmpty)

        let closed = try await server.call("POST", target, #"{"tenants":["acme"]}"#)
        #expect(tenant(closed, "acme")["state"]?.string == "closed", "\(closed.text)")
        #expect(tenant(closed, "other") == .null)
        let statement = try await statement(server, month)
        let hash = tenant(closed, "acme")["statement"]?.string
        #expect(statement.hash == hash)
        let json = try JSONParser.parse(statement.contents)
        #expect(json["tenant"]?.string == "acme" && json["previous"] == .null)
        let line = try #require(
            json["lines"]?.array?.first { $0["resource"]?.string == BillingTests.own }
        )
        #expect(line["metered"]?.string == "13000" && line["confirmed"]?.string == "12.00")
        #expect(json["unassigned"]?.array?.first?["metered"]?.string == "3")
        // Three agents' rows and the stray one's; nothing of the other tenant's.
        #expect(json["rows"]?["count"] == .number("4"))
        #expect(!String(decoding: statement.contents, as: UTF8.self).contains("987654321"))

        #expect(try await self.statement(server, month) == statement)
        let table = try await self.statement(server, month, "?format=csv")
        #expect(table.form == .csv)
        let text = String(decoding: table.contents, as: UTF8.self)
        #expect(text.contains("line,\(month),acme,1,\(BillingTests.own),in,"))
        #expect(text.contains("sha256 \(statement.hash)"))

        // Closed once: the second time changes nothing, neither do other keys.
        let again = try await server.call("POST", target, #"{"tenants":["acme"]}"#)
        #expect(tenant(again, "acme")["revision"]?.string == "1")
        let rotated = try await server.call(
            "POST",
            "/admin/v1/statement-keys/rotate",
            #"{"label":"next"}"#
        )
        #expect(rotated.json["keys"]?.array?.count == 2)
        #expect(rotated.json["keys"]?.array?.first?["publicKey"]?.string != statement.publicKey)
        #expect(try await self.statement(server, month) == statement)
        let list = try await server.call("GET", "/admin/v1/periods")
        let row = list.json["periods"]?.array?.last
        #expect(row?["state"]?.string == "cut" && row?["closed"] == .number("1"))
    }

    @Test
    func `a closed month is opened by name, and its next revision has what was decided since`()
        async throws
    {
        let (server, month) = try await server()
        let target = "/admin/v1/periods/\(month)"
        let body = #"{"tenants":["acme"]}"#
        _ = try await server.call("POST", target + "/close", body)
        let first = try await statement(server, month)
        let reopening = #"{"tenant":"acme","reason":"ticket 311"}"#
        #expect(
            try await server.call("POST", target + "/reopen", #"{"tenant":"acme","reason":""}"#)
                .status == 400
        )
        let opened = try await server.call("POST", target + "/reopen", reopening)
        #expect(opened.json["state"]?.string == "reopened")
        #expect(try await server.call("POST", target + "/reopen", reopening).status == 409)
        let row = SubmissionKey(
            waldur: "waldur",
            resource: try #require(ResourceID(BillingTests.own)),
            component: "in",
            planPeriod: PlanPeriodID(high: 9, low: 1),
            month: month
        )
        try server.context.book.append(
            .adjustmentMade(
                AdjustmentMade(
                    number: 1,
                    kind: .amend,
                    key: row,
                    amount: LedgerAmount(-50_000),
                    reason: "counted by mistake"
                )
            ),
            author: "finance"
        )
        _ = try await server.call("POST", target + "/close", body)
        let second = try await statement(server, month)
        let json = try JSONParser.parse(second.contents)
        #expect(json["revision"] == .number("2") && json["previous"]?.string == first.hash)
        #expect(json["lines"]?.array?.isEmpty == true)
        #expect(json["adjustments"]?.array?.count == 1)
        #expect(json["adjustments"]?.array?.first?["author"]?.string == "finance")
        #expect(try await statement(server, month, "?revision=1") == first)
        let missing = try await server.call(
            "GET",
            "/admin/v1/statements/\(month)/acme?revision=3"
        )
        #expect(missing.status == 409)

        // A third one has nothing of what the second had.
        _ = try await server.call("POST", target + "/reopen", reopening)
        _ = try await server.call("POST", target + "/close", body)
        let third = try JSONParser.parse(try await statement(server, month).contents)
        #expect(third["previous"]?.string == second.hash)
        #expect(third["adjustments"]?.array?.isEmpty == true)
    }

    @Test
    func `a hole keeps the tenants that it touches open until it is accepted, not when it grew`()
        async throws
    {
        let (server, month) = try await server()
        let text = try await server.makeKey(#"{"kind":"wire","platform":["acme","other"]}"#)
        let key = try #require(WireKey(text: text))
        let principal = try #require(
            server.context.engine.policy.credentials[key.id]?.principal.rawValue
        )
        var maker = FrameMaker(source: 1, protection: .signed(key))
        let now = server.context.clock.now()
        let receiver = Receiver(engine: server.context.engine)
        func send(skipping count: Int) {
            maker.skip(count)
            let event = UsageEvent(
                time: now,
                tenant: "acme",
                agent: "one",
                amounts: [.init("in", 1)]
            )
            let frame = maker.frame([event])
            let outcome = unsafe frame.withUnsafeBytes {
                unsafe receiver.ingest(frame: $0, at: now, by: .tcp)
            }
            #expect(outcome.source != nil)
        }
        send(skipping: 5)
        let target = "/admin/v1/periods/\(month)/close"
        let held = try await server.call("POST", target, "{}")
        #expect(causes(tenant(held, "acme")) == ["open", "unclean"])
        #expect(tenant(held, "other")["state"]?.string == "closed")
        let preview = try await server.call("GET", "/admin/v1/periods/\(month)/preview")
        let kinds = Set(preview.json["items"]?.array?.compactMap { $0["kind"]?.string } ?? [])
        #expect(kinds.isSuperset(of: ["open", "unclean", "unassigned", "unpriced"]))

        let gaps = try await server.call("GET", "/admin/v1/sources/gaps")
        let groups = gaps.json["groups"]?.array ?? []
        #expect(
            groups.compactMap { $0["selector"]?.string } == [
                "\(principal)/open", "\(principal)/unclean",
            ])
        #expect(groups.first?["atMost"]?.string == "5")
        func accept(_ selector: String, _ count: Int, _ more: String = "") async throws -> Int {
            try await server.call(
                "POST",
                "/admin/v1/sources/gaps/accept",
                "{\"selector\":\"\(selector)\",\"maxEvents\":\(count),\"reason\":\"lost\"\(more)}"
            ).status
        }
        // It grows between the look and the decision.
        send(skipping: 2)
        #expect(try await accept("\(principal)/open", 5) == 409)
        #expect(try await accept("\(principal)/open", 7, #","dryRun":true"#) == 200)
        #expect(server.context.book.state.acceptedGaps.isEmpty)
        #expect(try await accept("\(principal)/open", 7) == 200)
        #expect(try await accept("\(principal)/open", 7) == 409)
        #expect(try await accept("nobody", 7) == 400)
        let still = try await server.call("POST", target, "{}")
        #expect(causes(tenant(still, "acme")) == ["unclean"])
        #expect(try await accept("\(maker.source)", 1) == 200)
        let closed = try await server.call("POST", target, "{}")
        #expect(tenant(closed, "acme")["state"]?.string == "closed")
        let statement = try JSONParser.parse(try await statement(server, month).contents)
        #expect(statement["acceptedGaps"]?.array?.count == 3)
    }
}
