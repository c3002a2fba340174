import Meter
import MeterTesting
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// Events that should not have been counted are taken back through the administration.
struct VoidTests {
    private let world = BillingTests()
    private static let path = "/admin/v1/adjustments"

    /// Sends frames of one source as an emitter does.
    private final class Emitter {
        private var maker: FrameMaker
        private let receiver: Receiver
        private let server: TestServer

        init(_ server: TestServer) async throws {
            let text = try await server.makeKey(#"{"kind":"wire","platform":["acme","other"]}"#)
            let key = try #require(WireKey(text: text))
            maker = FrameMaker(source: 1, protection: .signed(key))
            receiver = Receiver(engine: server.context.engine)
            self.server = server
        }

        var source: SourceID { maker.source }

        func send(_ agent: String, _ amount: UInt64, _ outcome: Outcome = .ok) async {
            let event = UsageEvent(
                time: server.context.clock.now(),
                tenant: "acme",
                agent: agent,
                amounts: [.init("in", amount)],
                outcome: outcome
            )
            let frame = maker.frame([event])
            let outcome = unsafe frame.withUnsafeBytes {
                unsafe receiver.ingest(frame: $0, at: server.context.clock.now(), by: .tcp)
            }
            #expect(outcome.disposition == .new)
            let waited = await server.context.waiters.wait(
                for: outcome.position,
                epoch: server.context.waiters.epoch,
                timeout: .seconds(10)
            )
            #expect(waited == .durable)
        }
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
        if digest == nil {
            let looked = try await plan(server, members)
            guard looked.status == 200 else { return looked }
            digest = looked.json["digest"]?.string
        }
        return try await server.call(
            "POST",
            Self.path,
            "{\(members),\"reason\":\"ticket 311\",\"digest\":\"\(digest ?? "")\"}"
        )
    }

    private func lines(_ server: TestServer, _ key: String) async throws -> [JSONValue] {
        let reply = try await server.call("GET", "/api/v1/tenants/acme/billing", key: key)
        return reply.json["lines"]?.array?.filter {
            $0["resource"]?.string == BillingTests.own
        } ?? []
    }

    private func billed(_ server: TestServer, _ key: String) async throws -> JSONValue {
        try await lines(server, key).first { $0["class"] == .null } ?? .null
    }

    private func range(_ emitter: Emitter, _ first: Int, _ last: Int) -> String {
        "\"kind\":\"void\",\"source\":\"\(emitter.source)\",\"firstSequence\":\(first),"
            + "\"lastSequence\":\(last)"
    }

    private func agent(_ server: TestServer, _ agent: String) -> String {
        let now = server.context.clock.now()
        func text(_ minutes: Int64) -> String {
            RFC3339.text(now.advanced(byMilliseconds: minutes * 60_000)).prefix(17) + "00Z"
        }
        return "\"kind\":\"void\",\"tenant\":\"acme\",\"agent\":\"\(agent)\","
            + "\"from\":\"\(text(-30))\",\"to\":\"\(text(2))\""
    }

    @Test func `numbers of a source are voided once, and come back with a revert`() async throws {
        let (server, key) = try await world.server()
        let emitter = try await Emitter(server)
        for amount in 1...8 as ClosedRange<UInt64> { await emitter.send("one", amount) }
        let members = range(emitter, 2, 4)
        let looked = try await plan(server, members)
        #expect(looked.status == 200, "\(looked.text)")
        #expect(looked.json["events"]?.string == "3")
        #expect(looked.json["effects"]?.array?.first?["amount"]?.string == "-12.00")
        #expect(server.context.book.state.billing.corrections.isEmpty)
        #expect(try await apply(server, members).status == 200)
        var line = try await billed(server, key)
        #expect(line["metered"]?.string == "13036" && line["corrected"]?.string == "-12.00")

        // The same again has nothing left to take; a wider one takes the rest.
        let again = try await plan(server, members)
        #expect(again.status == 409 && again.text.contains("All 3 "), "\(again.text)")
        let wider = try await apply(server, range(emitter, 4, 5))
        #expect(wider.json["events"]?.string == "1" && wider.json["voidedBefore"]?.string == "1")
        #expect(try await apply(server, "\"kind\":\"revert\",\"reverts\":1").status == 200)
        line = try await billed(server, key)
        #expect(line["corrected"]?.string == "-6.00")
        #expect(try await apply(server, members).status == 200)
        #expect(try await billed(server, key)["corrected"]?.string == "-18.00")
        let none = try await plan(server, range(emitter, 100, 200))
        #expect(none.status == 409 && none.text.contains("No event"), "\(none.text)")
        let shown = try await server.call("GET", Self.path + "/1")
        #expect(shown.json["kind"]?.string == "void" && shown.json["state"]?.string == "reverted")
    }

    @Test func `what comes later is not voided, and what was looked at has grown`() async throws {
        let (server, key) = try await world.server()
        let emitter = try await Emitter(server)
        await emitter.send("one", 5)
        let members = range(emitter, 0, 100)
        let digest = try await plan(server, members).json["digest"]?.string
        await emitter.send("one", 7)
        #expect(try await apply(server, members, digest: digest).status == 409)
        #expect(try await apply(server, members).status == 200)
        await emitter.send("one", 9)
        let line = try await billed(server, key)
        #expect(line["metered"]?.string == "13021" && line["corrected"]?.string == "-12.00")
        let rest = try await plan(server, members)
        #expect(rest.json["effects"]?.array?.first?["amount"]?.string == "-9.00", "\(rest.text)")
        #expect(rest.json["voidedBefore"]?.string == "2")
    }

    @Test func `an event is voided by its id, and an agent's by time`() async throws {
        let (server, key) = try await world.server()
        let event = CloudEventTests.event(
            [
                "id": "\"wrong\"", "source": "\"runtime\"", "time": "\"\(server.now)\"",
                "subject": "\"one\"",
            ],
            data: ["tenant": "\"acme\"", "amounts": "{\"in\":40}"]
        )
        _ = try await server.call("POST", "/api/v1/events", "[\(event)]", key: key)
        let principal = try #require(server.context.book.state.principals.keys.max()?.rawValue)
        func byID(_ id: String, _ source: String = "runtime") -> String {
            "\"kind\":\"void\",\"eventID\":\"\(id)\",\"eventSource\":\"\(source)\","
                + "\"principal\":\(principal)"
        }
        #expect(try await plan(server, byID("other")).status == 409)
        #expect(try await plan(server, byID("wrong", "elsewhere")).status == 409)
        let applied = try await apply(server, byID("wrong"))
        #expect(applied.status == 200, "\(applied.text)")
        #expect(try await billed(server, key)["corrected"]?.string == "-40.00")
        let two = try await apply(server, agent(server, "two"))
        #expect(two.status == 200, "\(two.text)")
        let line = try await billed(server, key)
        #expect(line["corrected"]?.string == "-695.00" && line["toTell"]?.string == "12.34")
    }

    @Test func `calls that are not billed are taken from what is not billed`() async throws {
        let (server, key) = try await world.server()
        let offering = OfferingID(high: 9, low: 0)
        let book = server.context.book
        let known = try #require(
            book.state.resources.first {
                $0.key.resource.description == BillingTests.own
            }?.value
        )
        try book.append(
            [
                .planPeriodsSeen(
                    PlanPeriodsSeen(
                        waldur: "waldur",
                        resource: try #require(ResourceID(BillingTests.own)),
                        offering: offering,
                        periods: known.periods,
                        components: ["in"],
                        resourceState: "OK"
                    )
                ),
                .offeringUnitSet(
                    OfferingUnitSet(
                        waldur: "waldur",
                        offering: offering,
                        component: "in",
                        reportedUnit: "kilotoken",
                        unitsPerReported: 1_000,
                        bills: BilledOutcomes(["ok"])
                    )
                ),
            ],
            author: "test"
        )
        let emitter = try await Emitter(server)
        await emitter.send("one", 100)
        await emitter.send("one", 30, .error)
        await emitter.send("one", 7, .error)
        let looked = try await apply(server, range(emitter, 0, 1))
        #expect(looked.status == 200, "\(looked.text)")
        let effects = looked.json["effects"]?.array ?? []
        #expect(effects.compactMap { $0["amount"]?.string }.sorted() == ["-100.00", "-30.00"])
        #expect(
            effects.compactMap { $0["becomes"]?.string }.sorted() == ["lands", "unbilled-outcome"])
        let line = try await billed(server, key)
        #expect(line["metered"]?.string == "13100" && line["corrected"]?.string == "-100.00")
        let free = try await lines(server, key).first {
            $0["class"]?.string == "unbilled-outcome"
        }
        #expect(free?["metered"]?.string == "37" && free?["corrected"]?.string == "-30.00")
    }

    @Test func `a void of a month that is cut leaves it as a carry, and so does its revert`()
        async throws
    {
        let (server, _) = try await world.server()
        let emitter = try await Emitter(server)
        await emitter.send("one", 500)
        let book = server.context.book
        try book.append(
            .periodCut(
                PeriodCut(
                    waldur: "waldur",
                    month: try #require(BillingMonth(of: server.context.clock.now(), in: .utc)),
                    position: 1
                )
            ),
            author: "reporter"
        )
        let looked = try await apply(server, range(emitter, 0, 0))
        #expect(looked.json["effects"]?.array?.first?["becomes"]?.string == "carry")
        #expect(try await apply(server, "\"kind\":\"revert\",\"reverts\":1").status == 200)
        let carries = book.state.billing.carries.values.sorted { $0.carry.number < $1.carry.number }
        #expect(carries.map(\.carry.amount) == [LedgerAmount(-50_000), LedgerAmount(50_000)])
    }

    @Test func `what was amended away already is not voided below zero`() async throws {
        let (server, _) = try await world.server()
        let minute = server.now.prefix(17) + "00Z"
        let amend =
            "\"kind\":\"amend\",\"lines\":[{\"tenant\":\"acme\",\"agent\":\"two\","
            + "\"component\":\"in\",\"at\":\"\(minute)\",\"amount\":\"-600\"}]"
        #expect(try await apply(server, amend).status == 200)
        let refused = try await plan(server, agent(server, "two"))
        #expect(
            refused.status == 409 && refused.text.contains("cannot be taken away"),
            "\(refused.text)")
    }

    @Test(arguments: [
        #""kind":"void""#, #""kind":"void","source":"12""#,
        #""kind":"void","source":"4f1c27d1a0b94e6f8d5c1b2a3f4e5d6c""#,
        #""kind":"void","source":"4f1c27d1a0b94e6f8d5c1b2a3f4e5d6c","eventID":"x""#,
        #""kind":"void","source":"4f1c27d1a0b94e6f8d5c1b2a3f4e5d6c","firstSequence":5,"lastSequence":4"#,
        #""kind":"void","source":"4f1c27d1a0b94e6f8d5c1b2a3f4e5d6c","lastSequence":18446744073709551615"#,
        #""kind":"void","eventID":"x""#, #""kind":"void","tenant":"acme","agent":"one""#,
        #""kind":"void","tenant":"acme","agent":"one","from":"2026-01-01T01:00:00Z","to":"2026-01-01T01:00:00Z""#,
    ]) func `what selects no events is refused`(members: String) async throws {
        let (server, _) = try await world.server()
        let reply = try await plan(server, members)
        #expect([400, 409].contains(reply.status), "\(reply.text)")
    }
}
