import Meter
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// What changes something can be tried first: it answers as if, and decides nothing.
struct DryRunTests {
    private static let resource = "9f3c0000000000000000000000000001"

    /// A request that is fine as things stand.
    struct Request: CustomTestStringConvertible {
        let method: String
        let target: String
        var members = ""

        func body(dryRun: Bool) -> String {
            guard method != "DELETE" else { return "" }
            let dry = dryRun ? "\"dryRun\":true" : ""
            return "{" + [members, dry].filter { !$0.isEmpty }.joined(separator: ",") + "}"
        }

        func path(dryRun: Bool) -> String {
            method == "DELETE" && dryRun ? target + "?dryRun=true" : target
        }

        var testDescription: String { "\(method) \(target)" }
    }

    static let requests = [
        Request(
            method: "POST",
            target: "/admin/v1/keys",
            members: #""kind":"http","tenant":"acme","scopes":["usage"]"#
        ),
        Request(method: "POST", target: "/admin/v1/keys/{key}/rotate"),
        Request(method: "DELETE", target: "/admin/v1/keys/{key}"),
        Request(
            method: "PUT",
            target: "/admin/v1/limits",
            members: #""tenant":"acme","limits":{"agents":5}"#
        ),
        Request(method: "PUT", target: "/admin/v1/components/new", members: #""unit":"call""#),
        Request(
            method: "POST",
            target: "/admin/v1/map",
            members: #""tenant":"acme","agent":"a","resource":"\#(resource)""#
        ),
        Request(
            method: "POST",
            target: "/admin/v1/counting",
            members: #""tenant":"acme","counts":"otlp","reason":"all of them""#
        ),
        Request(
            method: "POST",
            target: "/admin/v1/details/erase",
            members: #""tenant":"acme","user":"u","reason":"asked""#
        ),
        Request(method: "POST", target: "/admin/v1/statement-keys/rotate"),
        Request(
            method: "POST",
            target: "/admin/v1/credits/7/settle",
            members: #""item":"\#(resource)","price":"-1.20""#
        ),
        Request(
            method: "POST",
            target: "/admin/v1/carries/8/settle",
            members: #""settlement":"written-off","reason":"small""#
        ),
    ]

    @Test(arguments: requests)
    func `a dry run is answered, and the book is as before`(_ request: Request) async throws {
        let server = try await TestServer()
        let made = try await server.call(
            "POST",
            "/admin/v1/keys",
            #"{"kind":"http","tenant":"acme","scopes":["usage"]}"#
        )
        let key = try #require(made.json["id"]?.string)
        let row = SubmissionKey(
            waldur: "waldur",
            resource: try #require(ResourceID(Self.resource)),
            component: "in",
            planPeriod: PlanPeriodID(high: 9, low: 1),
            month: try #require(BillingMonth(year: 2026, month: 1))
        )
        let book = server.context.book
        for number in [7, 8] as [UInt64] {
            try book.append(
                .carryMade(
                    CarryMade(
                        number: number,
                        from: row,
                        cause: number == 7 ? .correction : .late,
                        amount: LedgerAmount(number == 7 ? -100 : 100),
                        position: 1
                    )
                ),
                author: "test"
            )
        }
        let requested = CarrySettled(
            number: 7,
            settlement: .creditRequest,
            to: nil,
            reason: "test"
        )
        try book.append(.carrySettled(requested), author: "test")
        let head = book.state.head
        let before = try await server.call("GET", "/admin/v1/statement-keys")
        let signer = book.state.head
        func send(dryRun: Bool) async throws -> TestServer.Reply {
            try await server.call(
                request.method,
                request.path(dryRun: dryRun).replacing("{key}", with: key),
                request.body(dryRun: dryRun)
            )
        }
        #expect(signer.number == head.number + 1, "the first signature books its key")
        let dry = try await send(dryRun: true)
        #expect(dry.status == 200, "\(dry.text)")
        #expect(book.state.head == signer)
        #expect(dry.json["key"]?.string == nil && !dry.text.contains("meter_"))
        let after = try await server.call("GET", "/admin/v1/statement-keys")
        #expect(after.text == before.text)
        // It was no empty threat.
        let done = try await send(dryRun: false)
        #expect((200...202).contains(done.status), "\(done.text)")
        #expect(book.state.head.number > signer.number)
    }

    @Test func `what would be refused is`() async throws {
        let server = try await TestServer()
        let cases = [
            ("POST", "/admin/v1/credits/9/settle", #"{"item":"\#(Self.resource)","dryRun":true}"#),
            ("DELETE", "/admin/v1/keys/0000000000000009?dryRun=true", ""),
            ("DELETE", "/admin/v1/keys/0000000000000009?dryRun=maybe", ""),
            (
                "PUT", "/admin/v1/components/c",
                #"{"unit":"ms","unitsPerReported":0,"dryRun":true}"#
            ),
            (
                "POST", "/admin/v1/map",
                #"{"tenant":"a","agent":"b","resource":"x","dryRun":true}"#
            ),
        ]
        let head = server.context.book.state.head
        for (method, target, body) in cases {
            let reply = try await server.call(method, target, body)
            #expect((400...409).contains(reply.status), "\(target): \(reply.text)")
        }
        #expect(server.context.book.state.head == head)
    }
}
