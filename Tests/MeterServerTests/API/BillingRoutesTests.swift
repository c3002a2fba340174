import Meter
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// Carries, foreign figures and orders over a real book.
struct BillingRoutesTests {
    private static let plan = PlanID(high: 7, low: 1)

    private func row(_ month: String) throws -> SubmissionKey {
        SubmissionKey(
            waldur: "waldur",
            resource: ResourceID(high: 1, low: 1),
            component: "tool_seconds",
            planPeriod: PlanPeriodID(high: 2, low: 2),
            month: try #require(BillingMonth(month))
        )
    }

    private func price(_ price: String) -> Decision {
        .priceSeen(
            PriceSeen(waldur: "waldur", plan: Self.plan, component: "tool_seconds", price: price)
        )
    }

    /// A tail of 2.5 s of November at 0.02, in a December at 0.05.
    private func server() async throws -> TestServer {
        let server = try await TestServer()
        let access = Access(id: AccessID(high: 1, low: 1), tenant: "acme", agent: "bot")
        let november = try row("2026-11")
        try server.context.book.append(
            [
                .componentDeclared(
                    Component(
                        name: "tool_seconds",
                        unit: "ms",
                        reportedUnit: "s",
                        unitsPerReported: 1000
                    )
                ),
                .accessMade(access),
                .bindingSet(
                    Binding(
                        access: access.id,
                        tenant: "acme",
                        agent: "bot",
                        waldur: "waldur",
                        resource: november.resource,
                        from: Minute(rawValue: 0),
                        class: .live
                    )
                ),
                .planPeriodsSeen(
                    PlanPeriodsSeen(
                        waldur: "waldur",
                        resource: november.resource,
                        customer: "acme",
                        periods: [
                            PlanPeriod(
                                id: november.planPeriod,
                                plan: Self.plan,
                                start: Timestamp(milliseconds: 0)
                            )
                        ],
                        components: ["tool_seconds"],
                        resourceState: "OK"
                    )
                ),
                price("0.02"),
                .carryMade(
                    CarryMade(
                        number: 1,
                        from: november,
                        cause: .tail,
                        amount: LedgerAmount(250_000),
                        position: 1,
                        price: "0.02",
                        customer: "acme"
                    )
                ),
                .periodCut(PeriodCut(waldur: "waldur", month: november.month, position: 1)),
                price("0.05"),
                .monthTurned(
                    MonthTurned(
                        waldur: "waldur",
                        month: november.month.next,
                        evidence: .prices,
                        at: Timestamp(milliseconds: 0)
                    )
                ),
            ],
            author: "reporter"
        )
        return server
    }

    @Test func `a carry that waits shows both prices and the difference, and is settled once`()
        async throws
    {
        let server = try await server()
        let listed = try await server.call("GET", "/admin/v1/carries?state=waits")
        let carry = try #require(listed.json["carries"]?.array?.first)
        #expect(carry["quantity"]?.string == "2.5" && carry["cause"]?.string == "tail")
        #expect(carry["price"]?.string == "0.02" && carry["presentPrice"]?.string == "0.05")
        #expect(carry["difference"]?.string == "0.075")
        #expect(carry["obstacle"]?.string == "other-price")
        #expect(try await server.call("GET", "/admin/v1/carries?state=x").status == 400)
        #expect(try await server.call("GET", "/admin/v1/carries/9").status == 409)
        let target = "/admin/v1/carries/1/settle"
        for body in [
            #"{"settlement":"landed"}"#, #"{"settlement":"landed","reason":""}"#,
            #"{"settlement":"gone","reason":"x"}"#,
        ] {
            #expect(try await server.call("POST", target, body).status == 400, "\(body)")
        }
        let settled = try await server.call(
            "POST",
            target,
            #"{"settlement":"landed","reason":"cheaper than a credit"}"#
        )
        #expect(settled.status == 200 && settled.json["state"]?.string == "landed")
        #expect(settled.json["landsIn"]?.string == "2026-12")
        let again = try await server.call(
            "POST",
            target,
            #"{"settlement":"written-off","reason":"x"}"#
        )
        #expect(again.status == 409)
        let december = try row("2026-12")
        #expect(server.context.book.state.billing.carries(to: december).count == 1)
    }

    @Test func `a foreign figure is listed, and accepted or re-asserted by name`() async throws {
        let server = try await server()
        let december = try row("2026-12")
        try server.context.book.append(
            [.foreignFound(ForeignFound(key: december, usage: "4", confirmed: nil))],
            author: "reporter"
        )
        let listed = try await server.call("GET", "/admin/v1/foreign")
        #expect(listed.json["foreign"]?.array?.first?["shown"]?.string == "4")
        func body(_ verdict: String, component: String = "tool_seconds") -> String {
            "{\"resource\":\"\(december.resource)\",\"component\":\"\(component)\","
                + "\"verdict\":\"\(verdict)\",\"reason\":\"ticket\"}"
        }
        let target = "/admin/v1/foreign/decide"
        #expect(try await server.call("POST", target, body("gone")).status == 400)
        #expect(
            try await server.call("POST", target, body("accept", component: "x")).status == 409
        )
        #expect(try await server.call("POST", target, body("accept")).status == 200)
        let state = server.context.book.state
        #expect(state.billing.foreign.isEmpty)
        #expect(state.submission(december)?.confirmed?.amount == Hundredths(400))
        #expect(state.billing.adjustments[1]?.adjustment.amount == LedgerAmount(400_000))
    }

    @Test func `orders are listed with the time of their flush, and approved by a reporter only`()
        async throws
    {
        let server = try await server()
        let order = OrderID(high: 5, low: 5)
        try server.context.book.append(
            [
                .orderSeen(
                    OrderSeen(
                        waldur: "waldur",
                        order: order,
                        resource: ResourceID(high: 1, low: 1),
                        type: "Terminate",
                        state: "pending-provider"
                    )
                ),
                .orderFlushed(
                    OrderFlushed(
                        waldur: "waldur",
                        order: order,
                        position: 1,
                        at: Timestamp(milliseconds: 1_795_343_045_000)
                    )
                ),
            ],
            author: "reporter"
        )
        let listed = try await server.call("GET", "/admin/v1/orders")
        let first = try #require(listed.json["orders"]?.array?.first)
        #expect(first["order"]?.string == order.description)
        #expect(first["flushedAt"]?.string?.hasPrefix("2026-11-22T10:24:05") == true)
        let approved = try await server.call("POST", "/admin/v1/orders/\(order)/approve")
        #expect(approved.status == 409 && approved.text.contains("--waldur-url"))
        #expect(try await server.call("POST", "/admin/v1/orders/x/approve").status == 400)
    }
}
