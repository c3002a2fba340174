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
    ) async throws -> SignedDocument {
        let reply = try await server.call("GET", "/admin/v1/statements/\(month)/acme\(query)")
        #expect(reply.status == 200, "\(reply.text)")
        let keys = try await server.call("GET", "/admin/v1/statement-keys")
        let trusted = keys.json["keys"]?.array?.compactMap { $0["publicKey"]?.string } ?? []
        return try SignedDocument(Array(reply.text.utf8), publicKeys: Set(trusted))
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
        let host = try #require(PeerAddress("10.1.4.7"))
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
                unsafe receiver.ingest(frame: $0, at: now, by: .tcp, from: host)
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
                "\(principal)@10.1.4.7/open", "\(principal)@10.1.4.7/unclean",
            ])
        #expect(groups.first?["atMost"]?.string == "5")
        #expect(groups.first?["host"]?.string == "10.1.4.7")
        func accept(_ selector: String, _ count: Int, _ more: String = "") async throws -> Int {
            try await server.call(
                "POST",
                "/admin/v1/sources/gaps/accept",
                "{\"selector\":\"\(selector)\",\"maxEvents\":\(count),\"reason\":\"lost\"\(more)}"
            ).status
        }
        // It grows between the look and the decision.
        send(skipping: 2)
        #expect(try await accept("\(principal)@10.1.4.7/open", 5) == 409)
        #expect(try await accept("\(principal)/open", 7, #","dryRun":true"#) == 200)
        #expect(try await accept("\(principal)@10.1.4.7/open", 7, #","dryRun":true"#) == 200)
        // Nothing came from there.
        #expect(try await accept("\(principal)@10.1.4.8/open", 7) == 409)
        #expect(try await accept("\(principal)@unknown/open", 7) == 409)
        #expect(try await accept("\(principal)@host/open", 7) == 400)
        #expect(try await accept("\(principal)@10.1.4.7@/open", 7) == 400)
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
        for gap in statement["acceptedGaps"]?.array ?? [] {
            #expect(gap["reason"]?.string == "lost" && gap["host"]?.string == "10.1.4.7")
        }
        let table = try await self.statement(server, month, "?format=csv")
        let lines = String(decoding: table.contents, as: UTF8.self).split(separator: "\r\n")
        #expect(lines.count { $0.hasPrefix("accepted-gap,") && $0.hasSuffix(",lost") } == 3)
    }

    private func row(_ month: BillingMonth) throws -> SubmissionKey {
        SubmissionKey(
            waldur: "waldur",
            resource: try #require(ResourceID(BillingTests.own)),
            component: "in",
            planPeriod: PlanPeriodID(high: 9, low: 1),
            month: month
        )
    }

    @Test
    func `an incident is listed with its prices until the month is closed, and in its statement`()
        async throws
    {
        let (server, month) = try await server()
        try server.context.book.append(
            .incidentFound(
                Incident(
                    kind: .beforeTurn,
                    key: try row(month),
                    number: 1,
                    quantity: Hundredths(1_200),
                    frozenPrice: "0.02",
                    duePrice: "0.05"
                )
            ),
            author: "reporter"
        )
        let target = "/admin/v1/periods/\(month)"
        func incidents() async throws -> [JSONValue] {
            let preview = try await server.call("GET", target + "/preview")
            return (preview.json["items"]?.array ?? []).filter {
                $0["kind"]?.string == "before-turn"
            }
        }
        let item = try #require(try await incidents().first)
        #expect(item["detail"]?.string?.contains("held to 0.02 instead of 0.05") == true)
        #expect(item["detail"]?.string?.contains("a difference of 0.36") == true)
        _ = try await server.call("POST", target + "/close", #"{"tenants":["acme"]}"#)
        #expect(try await incidents().isEmpty)
        let statement = try JSONParser.parse(try await statement(server, month).contents)
        let listed = try #require(statement["incidents"]?.array?.first)
        #expect(listed["frozenPrice"]?.string == "0.02" && listed["duePrice"]?.string == "0.05")
        #expect(listed["difference"]?.string == "0.36" && listed["quantity"]?.string == "12.00")
        let table = try await self.statement(server, month, "?format=csv")
        #expect(String(decoding: table.contents, as: UTF8.self).contains("before-turn: 12.00"))

        // Opened again it is there again, and no revision but the first tells it twice.
        _ = try await server.call(
            "POST",
            target + "/reopen",
            #"{"tenant":"acme","reason":"ticket 311"}"#
        )
        #expect(try await incidents().count == 1)
        _ = try await server.call("POST", target + "/close", #"{"tenants":["acme"]}"#)
        let second = try JSONParser.parse(try await self.statement(server, month).contents)
        #expect(second["revision"] == .number("2") && second["incidents"]?.array?.isEmpty == true)
    }

    /// The preview of the month as somebody sees it to whom reporting stands like that.
    private func preview(
        _ server: TestServer,
        _ month: BillingMonth,
        _ change: (inout ReporterSettings) -> Void = { _ in },
        resources: Int = 1,
        startsBeforeGuard milliseconds: Int64 = 3_000
    ) async throws -> JSONValue {
        let door = EngineDoor(context: server.context, reporting: nil)
        let ledger = TenantLedger(source: door, waldur: "waldur", zone: .utc)
        let closing = PeriodClosing(
            environment: ServerClosing(
                context: server.context,
                statements: try StatementFiles(in: server.data)
            ),
            ledger: ledger
        )
        var settings = ReporterSettings(waldur: "waldur")
        change(&settings)
        let end = month.end(in: .utc)
        let forecast = FlushForecast(
            month: month,
            start: end.advanced(byMilliseconds: -settings.guardMilliseconds - milliseconds),
            resources: resources,
            turnMilliseconds: 2_000,
            hasBegun: false,
            settings: settings
        )
        let status = ReportingStatus(
            waldur: "waldur",
            state: "reporting",
            detail: "",
            lastSuccess: nil,
            openIntents: 0,
            unknownIntents: 0,
            flush: forecast,
            flushWarning: forecast.warning(at: end.advanced(byMilliseconds: -86_400_000))
        )
        let preview = try await PeriodPreview(ledger.period(month), closing, status)
        return try JSONParser.parse(preview.json.encoded)
    }

    @Test
    func `the preview says when the month's last totals are told and what is used after them`()
        async throws
    {
        let (server, month) = try await server(cut: false)
        let book = server.context.book
        let plan = PlanID(high: 4, low: 2)
        let start = try #require(book.state.resources.values.first?.periods.first?.start)
        try book.append(
            .planPeriodsSeen(
                PlanPeriodsSeen(
                    waldur: "waldur",
                    resource: try #require(ResourceID(BillingTests.own)),
                    periods: [
                        PlanPeriod(
                            id: PlanPeriodID(high: 9, low: 1),
                            plan: plan,
                            planName: "Basic",
                            start: start
                        )
                    ],
                    components: ["in"],
                    resourceState: "OK"
                )
            ),
            author: "reporter"
        )
        try book.append(
            .priceSeen(
                PriceSeen(
                    waldur: "waldur",
                    plan: plan,
                    component: "in",
                    price: "0.5",
                    futurePrice: "0.75",
                    read: start
                )
            ),
            author: "reporter"
        )
        // Thirteen kilotokens in the last hour; the tail is two hours: guard and half of the flush.
        let hour: Int64 = 3_600_000
        let shown = try await preview(
            server,
            month,
            { $0.guardMilliseconds = hour },
            startsBeforeGuard: 2 * hour
        )
        #expect(shown["flush"]?["seconds"] == .number("7200"))
        #expect(shown["flush"]?["medianTailSeconds"] == .number("7200"))
        #expect(shown["flush"]?["fits"] == .bool(false))
        let tail = try #require(shown["tail"]?.array?.first { $0["component"]?.string == "in" })
        #expect(tail["unit"]?.string == "kilotoken")
        // The shared resource has no price, so that nobody knows what all of it comes to.
        #expect(tail["amount"] == .null)
        let items = shown["items"]?.array ?? []
        func item(_ kind: String) -> JSONValue? { items.first { $0["kind"]?.string == kind } }
        #expect(item("final-flush")?["detail"]?.string?.contains("takes 2 h 0 min") == true)
        #expect(item("reprice")?["detail"]?.string?.hasPrefix("0.5 becomes 0.75") == true)
        #expect(item("reprice")?["until"] == shown["flush"]?["start"])
        #expect(item("unassigned")?["until"] == shown["flush"]?["start"])
        #expect(shown["fixableUntil"] == shown["flush"]?["guard"])

        // A short one is no item, and nothing of the past has a deadline.
        let short = try await preview(server, month)
        #expect(short["flush"]?["fits"] == .bool(true))
        #expect(!(short["items"]?.array ?? []).contains { $0["kind"]?.string == "final-flush" })
        let previous = try await preview(server, month.previous)
        #expect(previous["tail"]?.array?.isEmpty == true)
    }

    @Test func `the tail is as much as in the busier of the last day and the last hour`()
        async throws
    {
        let (server, month) = try await server(cut: false)
        let door = EngineDoor(context: server.context, reporting: nil)
        let ledger = TenantLedger(source: door, waldur: "waldur", zone: .utc)
        let now = try #require(Minute(server.context.clock.now()))
        func reading(_ minutes: UInt32) async throws -> TenantLedger.Reading {
            let period = try #require(
                BillingPeriod(
                    waldur: "waldur",
                    month: month,
                    start: Minute(rawValue: now.rawValue + 2 - minutes),
                    end: Minute(rawValue: now.rawValue + 2)
                )
            )
            return try await ledger.read(nil, in: period)
        }
        let (hour, day) = (try await reading(60), try await reading(1_440))
        func quantity(_ readings: [TenantLedger.Reading]) -> Hundredths? {
            TailForecast(readings, milliseconds: 1_800_000).lines.first?.quantity
        }
        // 13,000 and 77 and 987,654,321 tokens in kilotokens, over half of the hour.
        #expect(quantity([hour]) == Hundredths(49_383_369))
        #expect(quantity([day]) == Hundredths(2_057_640))
        #expect(quantity([day, hour]) == quantity([hour]))
        #expect(quantity([]) == nil)
    }
}
