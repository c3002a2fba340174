import Meter
import MeterDisk
import MeterTesting
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// Files of events: all of each is counted, once, or nothing.
struct BackfillTests {
    private let world = BillingTests()

    private func minute(_ server: TestServer, before minutes: Int64 = 0) -> String {
        let now = server.context.clock.now().advanced(byMilliseconds: -minutes * 60_000)
        return RFC3339.text(now).prefix(17) + "00Z"
    }

    private func plan(
        _ server: TestServer,
        _ file: String,
        _ format: String = "csv"
    ) async throws -> TestServer.Reply {
        try await server.call("POST", "/admin/v1/backfills/plan?format=\(format)", file)
    }

    private func apply(
        _ server: TestServer,
        _ file: String,
        _ format: String = "csv",
        digest: String? = nil
    ) async throws -> TestServer.Reply {
        var digest = digest
        if digest == nil { digest = try await plan(server, file, format).json["digest"]?.string }
        return try await server.call(
            "POST",
            "/admin/v1/backfills?format=\(format)&digest=\(digest ?? "")&reason=lost&name=lost.csv",
            file
        )
    }

    private func metered(_ server: TestServer, _ key: String) async throws -> String? {
        let reply = try await server.call("GET", "/api/v1/tenants/acme/billing", key: key)
        return reply.json["lines"]?.array?.first {
            $0["resource"]?.string == BillingTests.own
        }?["metered"]?.string
    }

    @Test
    func `a file is looked at first, counts once for ever, and says what was metered already`()
        async throws
    {
        let (server, key) = try await world.server()
        let now = minute(server)
        let file =
            "time,tenant,agent,component,amount\r\n\(now),acme,one,in,1000\r\n"
            + "\(now),acme,two,in,655\r\n"
        let looked = try await plan(server, file)
        #expect(looked.status == 200, "\(looked.text)")
        #expect(looked.json["state"]?.string == "new" && looked.json["events"]?.string == "2")
        let agents = looked.json["agents"]?.array ?? []
        #expect(agents.compactMap { $0["inFile"]?.string } == ["1000", "655"])
        #expect(agents.compactMap { $0["metered"]?.string } == ["12345", "655"])
        #expect(agents.compactMap { $0["equalMinutes"] } == [.number("0"), .number("1")])
        #expect(looked.json["effects"]?.array?.first?["becomes"]?.string == "lands")
        #expect(try await metered(server, key) == "13000")

        let applied = try await apply(server, file)
        #expect(applied.status == 200, "\(applied.text)")
        #expect(applied.json["state"]?.string == "in-force")
        #expect(applied.json["number"]?.string == "1")
        #expect(try await metered(server, key) == "14655")
        let again = try await apply(server, file, digest: String(repeating: "0", count: 64))
        #expect(again.status == 200 && again.json["number"]?.string == "1")
        #expect(again.json["effects"]?.array?.isEmpty == true)
        #expect(try await metered(server, key) == "14655")
        #expect(server.context.book.state.billing.backfills.count == 1)
        let shown = try await server.call("GET", "/admin/v1/adjustments/1")
        #expect(
            shown.json["kind"]?.string == "backfill" && shown.json["name"]?.string == "lost.csv")
        let gaps = try await server.call("GET", "/admin/v1/sources/gaps")
        #expect(gaps.json["groups"]?.array?.isEmpty == true, "\(gaps.text)")
    }

    @Test func `what was looked at is not applied once something else was metered in its minutes`()
        async throws
    {
        let (server, key) = try await world.server()
        let file = "time,tenant,agent,component,amount\n\(minute(server)),acme,one,in,1\n"
        let digest = try await plan(server, file).json["digest"]?.string
        let event = CloudEventTests.event(
            ["id": "\"more\"", "time": "\"\(server.now)\"", "subject": "\"one\""],
            data: ["tenant": "\"acme\"", "amounts": "{\"in\":5}"]
        )
        _ = try await server.call("POST", "/api/v1/events", "[\(event)]", key: key)
        #expect(try await apply(server, file, digest: digest).status == 409)
        #expect(server.context.book.state.billing.backfills.isEmpty)
        #expect(try await apply(server, file).status == 200)
    }

    @Test func `a file of CloudEvents is read by the rules of events over HTTP`() async throws {
        let (server, key) = try await world.server()
        let event = CloudEventTests.event(
            ["id": "\"x\"", "time": "\"\(server.now)\"", "subject": "\"one\""],
            data: ["tenant": "\"acme\"", "amounts": "{\"in\":7}"]
        )
        #expect(try await apply(server, "[\(event)]", "cloudevents").status == 200)
        #expect(try await metered(server, key) == "13007")
        // JSON Lines, too; each line's number is that of its event.
        let other = event.replacing("\"x\"", with: "\"y\"").replacing("\n", with: "")
        let line = event.replacing("\n", with: "")
        #expect(try await apply(server, "\(line)\r\n\n\(other)\n", "cloudevents").status == 200)
        #expect(try await metered(server, key) == "13021")
        let lines = try await plan(server, "\(line)\n\(other)\n{}\n", "cloudevents")
        #expect(lines.status == 400 && lines.text.contains("event 3: "), "\(lines.text)")
        let cut = try await plan(server, "\(line)\n{\"specversion\"", "cloudevents")
        #expect(cut.status == 400 && cut.text.contains("is not JSON"), "\(cut.text)")
        let twice = try await plan(server, "[\(event),\(event)]", "cloudevents")
        #expect(twice.status == 400 && twice.text.contains("event 2: "), "\(twice.text)")
        let bad = try await plan(server, "[{}]", "cloudevents")
        #expect(bad.status == 400 && bad.text.contains("event 1: "), "\(bad.text)")
    }

    @Test func `a file with anything wrong is refused whole, and each line is named`() async throws
    {
        let (server, key) = try await world.server()
        let now = minute(server)
        let file =
            "time,tenant,agent,component,amount,access\n"
            + "\(now),acme,one,in,1,\n"
            + "\(now),acme,one,in,-1,\n"
            + "yesterday,acme,one,in,1,\n"
            + "\(now),acme,\"a\nb\",in,1,\n"
            + "\(now),acme,one,unknown,1,\n"
            + "2200-01-01T00:00:00Z,acme,one,in,1,\n"
            + "\(now),acme,one,in\n"
        let reply = try await plan(server, file)
        #expect(reply.status == 400)
        for line in ["line 3", "line 4", "line 5", "line 9"] {
            #expect(reply.text.contains(line + ": "), "\(line) in \(reply.text)")
        }
        let access = try #require(
            server.context.book.state.accesses.values.first { $0.tenant == "other" })
        let semantic =
            "time,tenant,agent,component,amount,access\n"
            + "\(now),acme,one,unknown,1,\n"
            + "2200-01-01T00:00:00Z,acme,one,in,1,\n"
            + "2001-01-01T00:00:00Z,acme,one,in,1,\n"
            + "\(now),acme,one,in,1,\(access.id)\n"
        let refused = try await apply(server, semantic)
        for line in 2...5 {
            #expect(refused.text.contains("line \(line): "), "\(line) in \(refused.text)")
        }
        #expect(try await metered(server, key) == "13000")
        for head in ["", "time,tenant\n", "time,tenant,agent,component,amount,colour\n", "a\"b\n"] {
            #expect(try await plan(server, head).status == 400)
        }
    }

    @Test func `what a stop has interrupted is finished at the next start, once`() async throws {
        let (server, key) = try await world.server()
        let now = minute(server)
        var file = "time,tenant,agent,component,amount\n"
        for _ in 0..<9_000 { file += "\(now),acme,one,in,2\n" }
        let reply = try await plan(server, file)
        let hash = try #require(reply.json["file"]?.string)
        let read = try BackfillFile(Array(file.utf8), .csv)
        let source = try #require(SourceID(backfill: hash))
        let frames = try BackfillFrames(read.events, source: source)
        // The book says that it has begun, and of two frames one is in the journal.
        let disk = try POSIXDisk(path: server.context.configuration.dataDirectory)
        try disk.writeWhole(frames.bytes, to: "backfill-\(hash).frames")
        let at = try #require(Minute(server.context.clock.now()))
        try server.context.book.append(
            .backfillBegun(
                BackfillBegun(
                    number: 1,
                    file: hash,
                    eventCount: frames.eventCount,
                    earliest: at,
                    latest: at,
                    totals: [.init(tenant: "acme", component: "in", amount: Quantity(18_000))],
                    reason: "lost"
                )
            ),
            author: "anna"
        )
        let first = try #require(BackfillFrames.frames(in: frames.bytes)?.first)
        let outcome = Receiver(engine: server.context.engine)
            .ingest(backfill: first, at: server.context.clock.now())
        #expect(outcome.disposition == .new)
        let month = try #require(BillingMonth(of: server.context.clock.now(), in: .utc))
        let standing = try await server.call("GET", "/admin/v1/periods/\(month)")
        #expect(standing.text.contains("unfinished-backfill"))

        let runner = BackfillRunner(context: server.context)
        runner.removeLeftovers()
        await runner.finishAll()
        #expect(try await metered(server, key) == "31000")
        #expect(server.context.book.state.billing.backfills[1]?.done != nil)
        await runner.finishAll()
        #expect(try await apply(server, file).json["state"]?.string == "in-force")
        #expect(try await metered(server, key) == "31000")
        #expect(try disk.list().allSatisfy { !$0.hasPrefix("backfill-") })
    }

    @Test func `a backfill is taken back whole, once, and its file never counts again`()
        async throws
    {
        let (server, key) = try await world.server()
        let file =
            "time,tenant,agent,component,amount,outcome\n\(minute(server)),acme,two,in,1000,\n"
            + "\(minute(server)),acme,two,in,500,error\n"
        func adjust(_ members: String) async throws -> TestServer.Reply {
            let looked = try await server.call("POST", "/admin/v1/adjustments/plan", "{\(members)}")
            guard looked.status == 200 else { return looked }
            let digest = looked.json["digest"]?.string ?? ""
            return try await server.call(
                "POST",
                "/admin/v1/adjustments",
                "{\(members),\"reason\":\"x\",\"digest\":\"\(digest)\"}"
            )
        }
        #expect(try await apply(server, file).status == 200)
        let source = try #require(server.context.book.state.billing.backfills[1]?.source)
        let one =
            "\"kind\":\"void\",\"source\":\"\(source.source)\",\"firstSequence\":1,"
            + "\"lastSequence\":1"
        #expect(try await adjust(one).status == 200)
        let revert = "\"kind\":\"revert\",\"reverts\":1"
        let refused = try await adjust(revert)
        #expect(refused.status == 409 && refused.text.contains("Adjustment 2 voids 1 "))
        #expect(try await adjust("\"kind\":\"revert\",\"reverts\":2").status == 200)
        let reverted = try await adjust(revert)
        #expect(reverted.status == 200 && reverted.json["events"]?.string == "2")
        #expect(try await adjust(revert).status == 409)
        #expect(try await adjust(one).status == 409)
        let again = try await apply(server, file)
        #expect(again.status == 409 && again.text.contains("never counted again"))
        let line = try await server.call("GET", "/api/v1/tenants/acme/billing", key: key)
            .json["lines"]?.array?.first { $0["resource"]?.string == BillingTests.own }
        #expect(line?["metered"]?.string == "14500")
        #expect(line?["corrected"]?.string == "-1500.00" && line?["toTell"]?.string == "13.00")
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `rows read back as they were written, and no bytes trap`(number: UInt64) throws {
        var seed = Seed(number)
        let alphabet: [Character] = ["a", ",", "\"", "\n", "\r", "é", " ", "'", "=", "x"]
        let rows = (0..<1 + seed.below(5)).map { _ in
            (0..<3).map { _ in
                // A formula gets a mark in front of it, and is not what this is about.
                "x" + String((0..<seed.below(6)).map { _ in seed.pick(alphabet) })
            }
        }
        var table = CSVText(["a", "b", "c"], lineEnd: seed.oneIn(2) ? .unix : .network)
        for row in rows { table.add(row.map { .plain($0) }) }
        var reader = CSVRows(table.bytes)
        var read: [[String]] = []
        while let row = try reader.next() { read.append(row.fields) }
        #expect(Array(read.dropFirst()) == rows)
        let noise = (0..<seed.below(200)).map { _ in UInt8(seed.below(256)) }
        var noisy = CSVRows(noise)
        do throws(CSVRows.Malformed) {
            while try noisy.next() != nil {}
        } catch {
            #expect(error.line >= 1)
        }
        _ = try? BackfillFile(noise, seed.oneIn(2) ? .csv : .cloudevents)
    }

    @Test func `fields and files have limits`() {
        let long = String(repeating: "x", count: CSVRows.fieldByteCountMax + 1)
        for text in [
            long, "\"" + long + "\"", String(repeating: ",", count: CSVRows.fieldCountMax),
            "\"open",
            "\"a\"b",
        ] {
            var rows = CSVRows(Array(("a,b\n" + text).utf8))
            #expect(throws: CSVRows.Malformed.self) { while try rows.next() != nil {} }
        }
    }
}
