import Foundation
import Testing

@testable import WaldurDouble

/// Single rules over a real socket.
@Suite(.serialized) struct RuleTests {
    private static let noon = Moment(year: 2026, month: 11, day: 20)

    private func withDouble(
        at moment: Moment = noon,
        _ fixture: Fixture = SmallWorld.fixture(),
        _ body: @Sendable (RunningDouble) async throws -> Void
    ) async throws {
        try await RunningDouble.with(clock: .standing(moment), fixture: fixture, body)
    }

    @Test func `a report before the monthly task is billed at the old price for good`() async throws
    {
        let turn = Moment(year: 2026, month: 12, day: 1)
        try await withDouble { double in
            let announced = try await double.send(
                "POST",
                "/double/prices",
                body: #"{"plan":"Standard","prices":{"agent_calls":"0.05"}}"#
            )
            #expect(announced.status == 200)
            double.setClock(turn.advanced(bySeconds: 5))
            #expect(try await double.report(SmallWorld.first, ("agent_calls", "0.00")) == 201)
            double.setClock(turn.advanced(bySeconds: 600))
            // The early report opened its customer's invoice, with the items of all resources.
            let early = try await double.items(SmallWorld.second, "base_fee", "2026-12-01")
            #expect(early.map { text($0, "start") } == ["2026-12-01T00:00:05Z"])
            #expect(try await double.list("/api/invoices/?month=12").isEmpty)

            _ = try await double.send("POST", "/double/monthly-task")
            #expect(try await double.list("/api/invoices/?month=12").count == 1)
            #expect(try await double.report(SmallWorld.first, ("agent_calls", "1000")) == 201)
            #expect(try await double.report(SmallWorld.third, ("agent_calls", "1000")) == 201)
            let first = try await double.items(SmallWorld.first, "agent_calls", "2026-12-01")
            let third = try await double.items(SmallWorld.third, "agent_calls", "2026-12-01")
            #expect(first.map { text($0, "price") } == ["20.00"])
            #expect(third.map { text($0, "price") } == ["50.00"])
            let opened = try await double.items(SmallWorld.third, "base_fee", "2026-12-01")
            #expect(opened.map { text($0, "start") } == ["2026-12-01T00:00:00Z"])
            let states = try await double.list("/api/invoices/?o=-month&field=state&field=month")
            let expected = [
                #"{"state":"pending","month":12}"#, #"{"state":"created","month":11}"#,
            ]
            #expect(states.map(\.text) == expected)
        }
    }

    @Test func `the month is that of the double's clock, and so is the Date header`() async throws {
        let turn = Moment(year: 2026, month: 12, day: 1)
        try await withDouble(at: turn.advanced(bySeconds: -1)) { double in
            #expect(try await double.report(SmallWorld.first, ("agent_calls", "7")) == 201)
            _ = try await double.send("POST", "/double/clock", body: #"{"advance_seconds":1}"#)
            #expect(try await double.report(SmallWorld.first, ("agent_calls", "8")) == 201)
            let rows = try await double.list(
                "/api/marketplace-component-usages/?resource_uuid=\(SmallWorld.first)&field=usage&field=billing_period"
            )
            #expect(
                Set(rows.map(\.text)) == [
                    #"{"usage":"8.00","billing_period":"2026-12-01"}"#,
                    #"{"usage":"7.00","billing_period":"2026-11-01"}"#,
                ]
            )
            let answer = try await double.send("GET", "/api/configuration/")
            #expect(answer.header("Date") == "Tue, 01 Dec 2026 00:00:00 GMT")
        }
    }

    @Test func `usage without plan period or without price is stored and never billed`()
        async throws
    {
        try await withDouble { double in
            #expect(try await double.report(SmallWorld.unplanned, ("agent_calls", "5")) == 201)
            #expect(try await double.report(SmallWorld.first, ("unpriced", "5")) == 201)
            let rows = try await double.list("/api/marketplace-component-usages/")
            #expect(rows.count == 2)
            #expect(
                try await double.items(SmallWorld.unplanned, "agent_calls", "2026-11-01").isEmpty
            )
            #expect(try await double.items(SmallWorld.first, "unpriced", "2026-11-01").isEmpty)
        }
    }

    @Test func `a resource without a plan fails`() async throws {
        var fixture = SmallWorld.fixture()
        fixture.resources?[0].plan = nil
        try await withDouble(fixture) { double in
            let status = try await double.report(SmallWorld.first, ("agent_calls", "5"))
            #expect(status == 500)
        }
    }

    @Test func `only the owner, the offering's manager and staff may report`() async throws {
        try await withDouble { double in
            let amount = ("agent_calls", "5")
            for token in [SmallWorld.providerToken, SmallWorld.secondToken, SmallWorld.staffToken] {
                let status = try await double.report(SmallWorld.first, amount, token: token)
                #expect(status == 201)
            }
            let buyer = SmallWorld.buyerToken
            let refused = try await double.report(SmallWorld.first, amount, token: buyer)
            #expect(refused == 403)
            let invalid = try await double.report(SmallWorld.first, ("nope", "1"), token: buyer)
            #expect(invalid == 400)
        }
    }

    @Test func `requests with one token wait for each other, those with another do not`()
        async throws
    {
        try await withDouble { double in
            _ = try await double.send(
                "POST",
                "/double/latency",
                body: #"{"changed_component":700}"#
            )
            let (finished, log) = AsyncStream.makeStream(of: String.self)
            @Sendable func read(_ name: String, token: String) async throws {
                let answer = try await double.send("GET", "/api/users/me/", token: token)
                #expect(answer.status == 200)
                log.yield(name)
            }
            @Sendable func report() async throws {
                let status = try await double.report(
                    SmallWorld.first,
                    ("agent_calls", "1"),
                    ("input_tokens", "2")
                )
                #expect(status == 201)
                log.yield("slow")
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                _ = try await double.send(
                    "POST",
                    "/double/clock",
                    body: #"{"advance_seconds":1}"#
                )
                group.addTask { try await report() }
                // Once its token is marked as used, it holds that token and takes its time.
                while double.state.with({ content in
                    let now = content.clock.now()
                    return !content.model.users.rows.contains { $0.tokenUsed == now }
                }) {
                    try await Task.sleep(for: .milliseconds(5))
                }
                let calls = double.state.with { $0.calls }
                group.addTask { try await read("queued", token: SmallWorld.providerToken) }
                try await double.wait { $0.calls > calls }
                try await read("other", token: SmallWorld.secondToken)
                // The clock stands until here; twice 700 ms is what both changes take.
                _ = try await double.send(
                    "POST",
                    "/double/clock",
                    body: #"{"advance_seconds":2}"#
                )
                try await group.waitForAll()
            }
            // Nothing changes the second time, so nothing takes time: the clock stands still.
            try await report()
            log.finish()
            var order: [String] = []
            for await name in finished { order.append(name) }
            // What waited came back once the clock had moved, in an order that clients cannot tell.
            #expect(order.first == "other")
            #expect(order.sorted() == ["other", "queued", "slow", "slow"])
        }
    }

    @Test func `an injected fault loses the answer, and the call only when asked to`() async throws
    {
        try await withDouble { double in
            _ = try await double.send(
                "POST",
                "/double/faults",
                body: """
                    [{"path":"set_usage","status":502,"applies":true},
                     {"path":"set_usage","status":429,"retry_after":7,"count":2}]
                    """
            )
            #expect(try await double.report(SmallWorld.first, ("agent_calls", "1")) == 502)
            #expect(try await double.report(SmallWorld.first, ("agent_calls", "2")) == 429)
            let refused = try await double.send(
                "POST",
                "/api/marketplace-component-usages/set_usage/",
                token: SmallWorld.providerToken,
                body: SmallWorld.report(SmallWorld.first, ("agent_calls", "3"))
            )
            #expect(refused.header("Retry-After") == "7")
            let rows = try await double.list("/api/marketplace-component-usages/?field=usage")
            #expect(rows.map(\.text) == [#"{"usage":"1.00"}"#])
            #expect(try await double.report(SmallWorld.first, ("agent_calls", "4")) == 201)
        }
    }

    @Test func `a changed row of an ended period is billed a second time, an unchanged one not`()
        async throws
    {
        try await withDouble { double in
            #expect(try await double.report(SmallWorld.first, ("agent_calls", "100")) == 201)
            double.setClock(Self.noon.advanced(bySeconds: 5 * 86_400))
            _ = try await double.send(
                "POST",
                "/double/switch-plan",
                body: #"{"resource":"first","plan":"Premium"}"#
            )
            let periods = try await double.list(
                "/api/marketplace-provider-resources/\(SmallWorld.first)/plan_periods/"
            )
            let ended = text(try #require(periods.first), "uuid")
            func report(_ type: String, _ amount: String) async throws -> Int {
                try await double.send(
                    "POST",
                    "/api/marketplace-component-usages/set_usage/",
                    token: SmallWorld.providerToken,
                    body:
                        "{\"plan_period\":\"\(ended)\",\"usages\":[{\"type\":\"\(type)\",\"amount\":\"\(amount)\"}]}"
                ).status
            }
            func prices() async throws -> [String] {
                try await double.items(SmallWorld.first, "agent_calls", "2026-11-01")
                    .map { text($0, "price") }
            }
            #expect(try await report("agent_calls", "100") == 201)
            #expect(try await prices() == ["2.00"])
            #expect(try await report("agent_calls", "101") == 201)
            #expect(try await prices() == ["2.00", "2.02"])
            #expect(try await report("agent_calls", "102") == 201)
            #expect(try await prices() == ["2.00", "2.04"])
            // A component that had no item there is safe.
            #expect(try await report("input_tokens", "1000000") == 201)
            #expect(
                try await double.items(SmallWorld.first, "input_tokens", "2026-11-01").count == 1
            )
            // A limit item ends with the sum over its days: 2 seats x 16 days begun.
            let seats = try await double.items(SmallWorld.first, "seats", "2026-11-01")
            #expect(seats.map { text($0, "quantity") } == ["30.0000000000", "2.0000000000"])
            double.setClock(Moment(year: 2026, month: 12, day: 1))
            #expect(try await report("agent_calls", "103") == 400)
        }
    }

    @Test func `recurring usage is carried into the month whose invoice opens`() async throws {
        try await withDouble { double in
            let body = """
                {"resource":"\(SmallWorld.first)","usages":[
                  {"type":"agent_calls","amount":"5","recurring":true},
                  {"type":"input_tokens","amount":"6"}]}
                """
            _ = try await double.send(
                "POST",
                "/api/marketplace-component-usages/set_usage/",
                token: SmallWorld.providerToken,
                body: body
            )
            double.setClock(Moment(year: 2026, month: 12, day: 1))
            _ = try await double.send("POST", "/double/monthly-task")
            let rows = try await double.list(
                "/api/marketplace-component-usages/?billing_period=2026-12-01&field=type&field=usage"
            )
            #expect(rows.map(\.text) == [#"{"type":"agent_calls","usage":"5.00"}"#])
        }
    }

    @Test func `pages hold at most 300 rows and end where they end`() async throws {
        var fixture = SmallWorld.fixture()
        let one = try #require(fixture.resources?.first)
        fixture.resources = (0..<301).map { index in
            var resource = one
            (resource.uuid, resource.name) = (nil, "r\(index)")
            return resource
        }
        try await withDouble(fixture) { double in
            let path = "/api/marketplace-provider-resources/"
            let page = try await double.send(
                "GET",
                path + "?page_size=1000&field=name",
                token: SmallWorld.providerToken
            )
            #expect(page.json?.array?.count == 300)
            #expect(page.header("X-Result-Count") == "301")
            #expect(try await double.list(path + "?page_size=300&page=2").count == 1)
            #expect(try await double.list(path).count == 10)
            let past = try await double.send(
                "GET",
                path + "?page_size=300&page=3",
                token: SmallWorld.providerToken
            )
            #expect(past.status == 404)
            #expect(past.text == #"{"detail":"Invalid page."}"#)
        }
    }

    @Test func `tokens expire after their idle time`() async throws {
        var fixture = SmallWorld.fixture()
        fixture.users?[1].tokenLifetime = 3600
        try await withDouble(fixture) { double in
            for _ in 0..<3 {
                _ = try await double.send(
                    "POST",
                    "/double/clock",
                    body: #"{"advance_seconds":3600}"#
                )
                let answer = try await double.send(
                    "GET",
                    "/api/users/me/?field=username",
                    token: SmallWorld.providerToken
                )
                #expect(answer.text == #"{"username":"provider"}"#)
            }
            _ = try await double.send("POST", "/double/clock", body: #"{"advance_seconds":3601}"#)
            let late = try await double.send(
                "GET",
                "/api/users/me/",
                token: SmallWorld.providerToken
            )
            #expect(late.status == 401)
            #expect(late.text == #"{"detail":"Token has expired."}"#)
        }
    }

    @Test func `unknown paths, over-long bodies and bad controls are turned away`() async throws {
        try await withDouble { double in
            #expect(try await double.send("GET", "/api/nonsense/").status == 404)
            #expect(try await double.send("GET", "/").status == 404)
            #expect(
                try await double.send("POST", "/double/clock", body: #"{"time":"x"}"#).status == 400
            )
            #expect(try await double.send("POST", "/double/fixture", body: "[").status == 400)
            let bad = try await double.send(
                "POST",
                "/double/fixture",
                body: #"{"customers":[],"projects":[{"name":"P","customer":"nobody"}]}"#
            )
            #expect(bad.text == #"{"detail":"customer 'nobody' is not in the fixture"}"#)
            let large = try await double.send(
                "POST",
                "/api/marketplace-component-usages/set_usage/",
                token: SmallWorld.providerToken,
                body: String(repeating: " ", count: 5 << 20)
            )
            #expect(large.status == 413)
        }
    }
}
