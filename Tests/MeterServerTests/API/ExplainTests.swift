import Meter
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer
@testable import meterctl

/// One figure walked down: each step adds up to the one above.
struct ExplainTests {
    private let world = BillingTests()

    private func sum(_ list: JSONValue?, _ member: String = "metered") -> UInt64 {
        list?.array?.reduce(0) { $0 + (UInt64($1[member]?.string ?? "") ?? 0) } ?? 0
    }

    @Test func `rows, days and files of a figure add up to it, with what was told`() async throws {
        let (server, _) = try await world.server()
        let book = server.context.book
        let month = try #require(BillingMonth(of: server.context.clock.now(), in: .utc))
        try book.append(.submissionIntended(try world.intend(server, 1, 1_200)), author: "test")
        try book.append(
            .submissionRefused(SubmissionOutcome(number: 1, status: 500, note: "busy")),
            author: "test"
        )
        try book.append(.submissionIntended(try world.intend(server, 2, 1_300)), author: "test")
        try book.append(.submissionConfirmed(SubmissionOutcome(number: 2)), author: "test")
        let target = "/admin/v1/explain?tenant=acme&agent=one&component=in&period=\(month)"
        let reply = try await server.call("GET", target)
        #expect(reply.status == 200, "\(reply.text)")
        let found = reply.json
        #expect(found["metered"]?.string == "12345" && found["events"]?.string == "1")
        #expect(sum(found["rows"]) == 12_345)
        #expect(sum(found["days"]) == 12_345)
        #expect(sum(found["files"]) == 12_345)
        let row = try #require(found["rows"]?.array?.first)
        #expect(row["rowMetered"]?.string == "13000" && row["plan"]?.string == "Basic")
        #expect(row["confirmed"]?.string == "13.00" && row["unit"]?.string == "token")
        #expect(row["reportedUnit"]?.string == "kilotoken")
        let told = row["submissions"]?.array ?? []
        #expect(told.map { $0["number"]?.string } == ["1", "2"])
        #expect(told.map { $0["outcome"]?.string } == ["refused", "confirmed"])
        #expect(told.first?["note"]?.string == "busy")
        let day = try #require(found["days"]?.array?.first)
        #expect(day["resource"]?.string == BillingTests.own && day["class"]?.string == "live")
        // As a person sees it.
        let steps = ExplainVerb.steps(found, isForPeople: true)
        #expect(steps.rows.map { $0[0] }.contains("submission"))
        #expect(steps.rows.first?[2] == "12345")
    }

    @Test func `after a checkpoint the files have it, and memory has the rest`() async throws {
        let (server, _) = try await world.server()
        let pending = try #require(server.context.engine.beginCheckpoint())
        _ = try server.context.engine.finishCheckpoint(pending)
        let target = "/admin/v1/explain?tenant=acme&agent=two&component=in"
        let found = try await server.call("GET", target).json
        #expect(sum(found["files"]) == 655)
        let file = try #require(found["files"]?.array?.first)
        #expect(file["file"]?.string?.hasSuffix(".ms") ?? false)
        #expect(file["to"]?.string != nil && file["firstMinute"]?.string != nil)
    }

    @Test func `sources are what the journal has of each, and outcomes are parts by name`()
        async throws
    {
        let (server, key) = try await world.server()
        let failed = CloudEventTests.event(
            ["id": "\"late\"", "time": "\"\(server.now)\"", "subject": "\"one\""],
            data: ["tenant": "\"acme\"", "amounts": "{\"in\":55}", "outcome": "\"error\""]
        )
        let sent = try await server.call("POST", "/api/v1/events", failed, key: key)
        #expect(sent.status == 200, "\(sent.text)")
        let target = "/admin/v1/explain?tenant=acme&agent=one&component=in"
        let reply = try await server.call("GET", target)
        let found = reply.json
        #expect(found["metered"]?.string == "12400" && !reply.text.contains("001f"))
        #expect(sum(found["days"]) == 12_400 && sum(found["files"]) == 12_400)
        let lines = found["sources"]?["lines"]
        #expect(sum(lines) == 12_400 && sum(lines, "events") == 2)
        #expect(lines?.array?.count == 1 && lines?.array?.first?["source"] == .null)
        let part = try #require(found["outcomes"]?.array?.first)
        #expect(part["component"]?.string == "in (error)" && part["metered"]?.string == "55")
        let steps = ExplainVerb.steps(found, isForPeople: true)
        #expect(steps.rows.contains { $0[0] == "of which" && $0[1] == "in (error)" })
        let without = try await server.call("GET", target + "&sources=false").json
        #expect(without["sources"] == .null && without["metered"]?.string == "12400")
        let wrong = try await server.call("GET", target + "&sources=perhaps")
        #expect(wrong.status == 400)
    }

    @Test func `what has no resource says why, and a missing name is refused`() async throws {
        let (server, _) = try await world.server()
        let target = "/admin/v1/explain?tenant=acme&agent=stray&component=in"
        let found = try await server.call("GET", target).json
        #expect(found["unassigned"]?.array?.first?["reason"]?.string == "no-access")
        #expect(found["days"]?.array?.first?["unassigned"]?.string == "no-access")
        #expect(found["rows"]?.array == [])
        let bare = try await server.call("GET", "/admin/v1/explain?tenant=acme&agent=one")
        #expect(bare.status == 400)
    }

    @Test
    func `where the kept journal is gone, explain, void and recount refuse and name the date`()
        async throws
    {
        let server = try await TestServer(options: { options in
            options.journal = Journal.Options(fileBytesMax: 4_096, bufferBytesMax: 1 << 16)
            options.keptJournalBytes = 8 << 10
        })
        let engine = server.context.engine
        let key = try await server.makeKey(
            #"{"kind":"http","platform":["acme"],"scopes":["ingest"]}"#
        )
        // Of this month and older than what is kept: as many bytes as make the oldest files go.
        var since: Timestamp?
        for round in 0..<200 where since == nil {
            let events = (0..<20).map { number in
                CloudEventTests.event(
                    [
                        "id": "\"\(round)-\(number)\"", "time": "\"\(server.now)\"",
                        "subject": "\"one\"",
                    ],
                    data: ["tenant": "\"acme\"", "amounts": "{\"in\":1}"]
                )
            }
            let sent = try await server.call(
                "POST", "/api/v1/events", "[" + events.joined(separator: ",") + "]", key: key
            )
            #expect(sent.status == 200, "\(sent.text)")
            if let pending = engine.beginCheckpoint() { _ = try engine.finishCheckpoint(pending) }
            since = try engine.keptJournal.keptSince()
        }
        let kept = TimeText.text(try #require(since)) ?? "never"

        let target = "/admin/v1/explain?tenant=acme&agent=one&component=in"
        let refused = try await server.call("GET", target)
        #expect(refused.status == 410 && refused.text.contains(kept), "\(refused.text)")
        #expect(refused.text.contains("urn:meter:problem:kept-no-longer"))
        // What needs no journal is still explained.
        let without = try await server.call("GET", target + "&sources=false")
        #expect(without.status == 200 && without.json["metered"]?.string != "0")
        #expect(sum(without.json["days"]) == sum(without.json["files"]))

        let month = try #require(BillingMonth(of: server.context.clock.now(), in: .utc))
        let first = RFC3339.text(month.start(in: .utc))
        let present = try #require(Minute(server.context.clock.now()))
        let void =
            "{\"kind\":\"void\",\"tenant\":\"acme\",\"agent\":\"one\",\"from\":\"\(first)\","
            + "\"to\":\"\(RFC3339.text(present))\"}"
        let voided = try await server.call("POST", "/admin/v1/adjustments/plan", void)
        #expect(voided.status == 409 && voided.text.contains(kept), "\(voided.text)")

        let begun = try await server.call(
            "POST", "/admin/v1/recounts", "{\"month\":\"\(month)\"}"
        )
        var recount = begun
        for _ in 0..<400 where recount.status < 400 && recount.json["state"]?.string != "done" {
            try await Task.sleep(for: .milliseconds(25))
            let number = begun.json["number"]?.string ?? "1"
            recount = try await server.call("GET", "/admin/v1/recounts/\(number)")
        }
        #expect(recount.status == 410 && recount.text.contains(kept), "\(recount.text)")
    }
}
