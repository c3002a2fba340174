import Meter
import MeterTesting
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// Corrections are looked at, applied once, and taken back; credits are requested and granted.
struct AdjustmentTests {
    private let world = BillingTests()
    private static let path = "/admin/v1/adjustments"

    private func amend(_ server: TestServer, _ amount: String, agent: String = "one") -> String {
        // What was used stands in the minute of the events.
        let minute = server.now.prefix(17) + "00Z"
        return "\"kind\":\"amend\",\"lines\":[{\"tenant\":\"acme\",\"agent\":\"\(agent)\","
            + "\"component\":\"in\",\"at\":\"\(minute)\",\"amount\":\"\(amount)\"}]"
    }

    private func plan(_ server: TestServer, _ members: String) async throws -> TestServer.Reply {
        try await server.call("POST", Self.path + "/plan", "{\(members)}")
    }

    private func apply(
        _ server: TestServer,
        _ members: String,
        digest: String? = nil
    ) async throws -> TestServer.Reply {
        var digest = digest
        if digest == nil { digest = try await plan(server, members).json["digest"]?.string }
        return try await server.call(
            "POST",
            Self.path,
            "{\(members),\"reason\":\"ticket 311\",\"digest\":\"\(digest ?? "")\"}"
        )
    }

    private func line(_ server: TestServer, _ key: String) async throws -> JSONValue {
        let reply = try await server.call("GET", "/api/v1/tenants/acme/billing", key: key)
        return reply.json["lines"]?.array?.first {
            $0["resource"]?.string == BillingTests.own
        } ?? .null
    }

    private func cut(_ server: TestServer) throws {
        try server.context.book.append(
            .periodCut(
                PeriodCut(
                    waldur: "waldur",
                    month: try #require(BillingMonth(of: server.context.clock.now(), in: .utc)),
                    position: 1
                )
            ),
            author: "reporter"
        )
    }

    @Test
    func `a correction is looked at first, then applied once, and stands beside what was metered`()
        async throws
    {
        let (server, key) = try await world.server()
        let members = amend(server, "-345")
        let looked = try await plan(server, members)
        #expect(looked.status == 200, "\(looked.text)")
        let effect = try #require(looked.json["effects"]?.array?.first)
        #expect(effect["tenant"]?.string == "acme" && effect["component"]?.string == "in")
        #expect(effect["amount"]?.string == "-345.00" && effect["becomes"]?.string == "lands")
        #expect(server.context.book.state.billing.corrections.isEmpty)

        let digest = looked.json["digest"]?.string
        let applied = try await apply(server, members, digest: digest)
        #expect(applied.status == 200 && applied.json["number"]?.string == "1")
        let line = try await line(server, key)
        #expect(line["metered"]?.string == "13000" && line["corrected"]?.string == "-345.00")
        #expect(line["adjusted"]?.string == "-345.00" && line["toTell"]?.string == "12.65")

        // The same again is another correction, which nobody has looked at.
        #expect(try await apply(server, members, digest: digest).status == 409)
        #expect(server.context.book.state.billing.corrections.count == 1)
        let shown = try await server.call("GET", Self.path + "/1")
        #expect(shown.json["lines"]?.array?.first?["agent"]?.string == "one")
        #expect(shown.json["reason"]?.string == "ticket 311")
        #expect(try await server.call("GET", Self.path + "/2").status == 409)
    }

    @Test func `what was looked at is not applied once a month is cut`() async throws {
        let (server, _) = try await world.server()
        let members = amend(server, "-345")
        let digest = try await plan(server, members).json["digest"]?.string
        try cut(server)
        let refused = try await apply(server, members, digest: digest)
        #expect(refused.status == 409 && refused.text.contains("Look again"))
        let looked = try await plan(server, members)
        let effect = looked.json["effects"]?.array?.first
        #expect(effect?["becomes"]?.string == "carry")
        #expect(try await apply(server, members).status == 200)
        let carries = server.context.book.state.billing.carries.values.map(\.carry)
        #expect(carries.map(\.amount) == [LedgerAmount(-34_500)])
        #expect(carries.map(\.cause) == [.correction])
    }

    @Test func `nobody used less than nothing, whoever corrects it and however often`() async throws
    {
        let (server, _) = try await world.server()
        let much = try await plan(server, amend(server, "-12346"))
        #expect(much.status == 409 && much.text.contains("12345.00"), "\(much.text)")
        #expect(try await apply(server, amend(server, "-12000")).status == 200)
        #expect(try await plan(server, amend(server, "-346")).status == 409)
        #expect(try await apply(server, amend(server, "10")).status == 200)
        #expect(try await apply(server, amend(server, "-355")).status == 200)
        // Without the ten that were added, too much would have been taken away.
        let revert = try await plan(server, "\"kind\":\"revert\",\"reverts\":2")
        #expect(revert.status == 409, "\(revert.text)")
    }

    @Test func `a revert takes back a correction, and an adjustment of a row`() async throws {
        let (server, key) = try await world.server()
        #expect(try await apply(server, amend(server, "-345")).status == 200)
        let row = SubmissionKey(
            waldur: "waldur",
            resource: try #require(ResourceID(BillingTests.own)),
            component: "in",
            planPeriod: PlanPeriodID(high: 9, low: 1),
            month: try #require(BillingMonth(of: server.context.clock.now(), in: .utc))
        )
        try server.context.book.append(
            .adjustmentMade(
                AdjustmentMade(
                    number: 2,
                    kind: .changedInWaldur,
                    key: row,
                    amount: LedgerAmount(100_000),
                    reason: "goodwill"
                )
            ),
            author: "reporter"
        )
        for number in [1, 2] {
            let members = "\"kind\":\"revert\",\"reverts\":\(number)"
            let reply = try await apply(server, members)
            #expect(reply.status == 200, "\(reply.text)")
            #expect(reply.json["effects"]?.array?.first?["becomes"]?.string == "lands")
            #expect(try await plan(server, members).status == 409)
        }
        let line = try await line(server, key)
        #expect(line["corrected"]?.string == "0.00" && line["adjusted"]?.string == "0.00")
        #expect(try await plan(server, "\"kind\":\"revert\",\"reverts\":3").status == 409)
        #expect(try await plan(server, "\"kind\":\"revert\",\"reverts\":9").status == 409)
        let list = try await server.call("GET", Self.path)
        let states = list.json["adjustments"]?.array?.compactMap { $0["state"]?.string }
        #expect(states == ["reverted", "reverted", "in-force", "in-force"])
    }

    @Test(arguments: [
        #""kind":"amend","lines":[]"#,
        #""kind":"amend","lines":[{"tenant":"acme"}]"#,
        #""kind":"amend","lines":[{"tenant":"acme","agent":"one","component":"in","at":"2200-01-01T00:00:00Z","amount":"1"}]"#,
        #""kind":"amend","lines":[{"tenant":"acme","agent":"one","component":"in","at":"1970-01-01T00:00:00Z","amount":"1"}]"#,
        #""kind":"amend","lines":[{"tenant":"acme","agent":"one","component":"in","at":"2026-01-01T00:00:30Z","amount":"1"}]"#,
        #""kind":"revert""#, #""kind":"delete""#, #""kind":"amend","lines":7"#,
    ]) func `what makes no correction is refused`(members: String) async throws {
        let (server, _) = try await world.server()
        let reply = try await plan(server, members)
        #expect([400, 409].contains(reply.status), "\(reply.text)")
    }

    @Test(arguments: [
        "0", "+5", "05", "1.5", "-0", "9223372036854775808", "", "-9223372036854775808",
    ])
    func `an amount is a whole number with a sign`(amount: String) async throws {
        let (server, _) = try await world.server()
        #expect(try await plan(server, amend(server, amount)).status == 400)
    }

    @Test func `a reopened month's next revision has the corrections since`() async throws {
        let (server, _) = try await world.server()
        let month = try #require(BillingMonth(of: server.context.clock.now(), in: .utc))
        try cut(server)
        let target = "/admin/v1/periods/\(month)"
        let body = #"{"tenants":["acme"]}"#
        let closed = try await server.call("POST", target + "/close", body)
        #expect(closed.json["tenants"]?.array?.first?["state"]?.string == "closed")
        #expect(try await apply(server, amend(server, "-345")).status == 200)
        _ = try await server.call(
            "POST",
            target + "/reopen",
            #"{"tenant":"acme","reason":"ticket 311"}"#
        )
        _ = try await server.call("POST", target + "/close", body)
        let reply = try await server.call("GET", "/admin/v1/statements/\(month)/acme")
        let statement = try SignedDocument(Array(reply.text.utf8), publicKeys: nil)
        let json = try JSONParser.parse(statement.contents)
        let adjustment = try #require(json["adjustments"]?.array?.first)
        #expect(adjustment["agent"]?.string == "one" && adjustment["amount"]?.string == "-345.00")
        #expect(json["carries"]?.array?.count == 1)
        let csv = try await server.call(
            "GET",
            "/admin/v1/statements/\(month)/acme?format=csv"
        )
        #expect(csv.text.contains("adjustment,\(month),acme,2,,in,"))
    }

    @Test func `a credit request is exported with a signature, and settled by an invoice item`()
        async throws
    {
        let (server, _) = try await world.server()
        try cut(server)
        #expect(try await apply(server, amend(server, "-345")).status == 200)
        let settled = try await server.call(
            "POST",
            "/admin/v1/carries/1/settle",
            #"{"settlement":"credit-request","reason":"ticket 312"}"#
        )
        #expect(settled.json["state"]?.string == "credit-request", "\(settled.text)")
        let exported = try await server.call("GET", "/admin/v1/credits/export")
        let keys = try await server.call("GET", "/admin/v1/statement-keys")
        let trusted = keys.json["keys"]?.array?.compactMap { $0["publicKey"]?.string } ?? []
        let file = try SignedDocument(Array(exported.text.utf8), publicKeys: Set(trusted))
        let text = String(decoding: file.contents, as: UTF8.self)
        #expect(text.contains("credit-request,1,waldur,,\(BillingTests.own),Basic,"), "\(text)")
        #expect(text.contains(",0.345,kilotoken,") && text.contains("ticket 312"), "\(text)")
        #expect(try await server.call("GET", "/admin/v1/credits/export").text == exported.text)

        let item = "4f1c27d1a0b94e6f8d5c1b2a3f4e5d6c"
        let target = "/admin/v1/credits/1/settle"
        #expect(try await server.call("POST", target, #"{"item":"none"}"#).status == 400)
        let granted = try await server.call(
            "POST",
            target,
            "{\"item\":\"\(item)\",\"price\":\"-1.20\"}"
        )
        #expect(granted.json["state"]?.string == "credited", "\(granted.text)")
        #expect(granted.json["item"]?.string == item)
        #expect(try await server.call("POST", target, "{\"item\":\"\(item)\"}").status == 409)
        let left = try await server.call("GET", "/admin/v1/credits?state=credit-request")
        #expect(left.json["credits"]?.array?.isEmpty == true)
        let none = try await server.call("GET", "/admin/v1/credits/export?number=1")
        #expect(none.status == 409)
    }
}
