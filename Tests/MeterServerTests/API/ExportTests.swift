import Foundation
import Meter
import MeterTesting
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer
@testable import meterctl

/// A month's lines in their three forms, and the signed end of the book.
struct ExportTests {
    private let world = BillingTests()

    /// 13 of acme's own resource, of which 2 were carried from the month before.
    private func server() async throws -> (TestServer, month: BillingMonth) {
        let (server, _) = try await world.server()
        let month = try #require(BillingMonth(of: server.context.clock.now(), in: .utc))
        let book = server.context.book
        let key = try world.intend(server, 1, 0).key("in")
        let before = SubmissionKey(
            waldur: key.waldur,
            resource: key.resource,
            component: key.component,
            planPeriod: key.planPeriod,
            month: month.previous
        )
        try book.append(
            .carryMade(
                CarryMade(
                    number: 1,
                    from: before,
                    cause: .late,
                    amount: LedgerAmount(200_000),
                    to: key,
                    position: 1
                )
            ),
            author: "reporter"
        )
        return (server, month)
    }

    private func rows(_ csv: String) -> [[String: String]] {
        let lines = csv.components(separatedBy: "\r\n").filter { !$0.isEmpty }
            .map { $0.components(separatedBy: ",") }
        guard let names = lines.first else { return [] }
        return lines.dropFirst().map {
            Dictionary(zip(names, $0), uniquingKeysWith: { first, _ in first })
        }
    }

    @Test func `focus rows of a figure add up to what is told, carries as corrections`()
        async throws
    {
        let (server, month) = try await server()
        let target = "/admin/v1/export?format=focus&period=\(month)"
        let reply = try await server.call("GET", target)
        #expect(reply.status == 200, "\(reply.text)")
        let own = rows(reply.text).filter { $0["ResourceId"] == BillingTests.own }
        #expect(own.count == 2)
        let usage = try #require(own.first { $0["ChargeClass"] == "" })
        let correction = try #require(own.first { $0["ChargeClass"] == "Correction" })
        #expect(usage["ConsumedQuantity"] == "13" && correction["ConsumedQuantity"] == "2")
        #expect(usage["ConsumedUnit"] == "kilotoken" && usage["ChargeCategory"] == "Usage")
        #expect(usage["BillingPeriodStart"] == "\(month)-01T00:00:00Z")
        #expect(correction["BillingPeriodStart"] == usage["BillingPeriodStart"])
        #expect(correction["ChargePeriodStart"] == "\(month.previous)-01T00:00:00Z")
        #expect(correction["ChargePeriodEnd"] == "\(month)-01T00:00:00Z")
        #expect(usage["SkuMeter"] == "in" && usage["x_Tenant"] == "acme")
        // No column pretends to know a cost.
        #expect(!reply.text.contains("Cost"))
        #expect(FocusColumns.columns.allSatisfy { !$0.hasSuffix("Cost") && !$0.hasSuffix("Price") })
    }

    @Test func `csv and json have every tenant's lines and what has no resource`() async throws {
        let (server, month) = try await server()
        let table = try await server.call("GET", "/admin/v1/export?period=\(month)")
        let lines = rows(table.text)
        #expect(lines.count { $0["record"] == "line" } == 3)
        #expect(lines.count { $0["record"] == "unassigned" && $0["agents"] == "stray" } == 1)
        let own = try #require(lines.first { $0["resource"] == BillingTests.own })
        #expect(own["agents"] == "one two" && own["metered"] == "13000")
        #expect(own["carriedIn"] == "2000.00" && own["toTell"] == "15.00")
        let one = try await server.call(
            "GET", "/admin/v1/export?period=\(month)&tenant=other&format=json"
        )
        #expect(one.json["lines"]?.array?.count == 1)
        #expect(one.json["lines"]?.array?.first?["tenant"]?.string == "other")
        #expect(one.json["exactAt"]?["bookHash"]?.string?.count == 64)
        let wrong = try await server.call("GET", "/admin/v1/export?format=xlsx")
        #expect(wrong.status == 400)
    }

    @Test func `names that a spreadsheet would run get an apostrophe`() async throws {
        let (server, month) = try await server()
        let key = try await server.makeKey(
            #"{"kind":"http","platform":["=1+1"],"scopes":["ingest"]}"#
        )
        let event = CloudEventTests.event(
            ["id": "\"evil\"", "time": "\"\(server.now)\"", "subject": "\"@x\""],
            data: ["tenant": "\"=1+1\"", "amounts": "{\"in\":5}"]
        )
        #expect(try await server.call("POST", "/api/v1/events", event, key: key).status == 200)
        let table = try await server.call("GET", "/admin/v1/export?period=\(month)")
        #expect(table.text.contains("unassigned,\(month),'=1+1,'@x,"))
    }

    // MARK: - The end of the book

    private func check(_ head: [UInt8], _ data: String, _ trusted: String) throws -> Finding {
        let disk = try MeterPath(data).disk
        return try StatementCheck.finding(head: head, of: disk, publicKeys: [trusted])
    }

    @Test func `a head shows that the book was cut, or written anew`() async throws {
        let (server, _) = try await server()
        let reply = try await server.call("GET", "/admin/v1/book/head")
        #expect(reply.status == 200, "\(reply.text)")
        let bytes = Array(reply.text.utf8)
        let keys = try await server.call("GET", "/admin/v1/statement-keys")
        let trusted = try #require(keys.json["keys"]?.array?.first?["publicKey"]?.string)
        let head = try SignedBookHead(bytes, publicKeys: [trusted])
        #expect(head.number == server.context.book.state.head.number)
        let good = try check(bytes, server.data, trusted)
        #expect(good.state == .good, "\(good)")
        // A book that goes on still has what it had.
        try server.context.book.append(
            .componentDeclared(Component(name: "more", unit: "x")),
            author: "test"
        )
        #expect(try check(bytes, server.data, trusted).detail.contains("and 1 since"))
        // Another installation's book, shorter and longer than the head.
        let other = try await TestServer()
        let cut = try check(bytes, other.data, trusted)
        #expect(cut.state == .damaged && cut.detail.contains("cut off"), "\(cut)")
        for number in 0...head.number {
            try other.context.book.append(
                .componentDeclared(Component(name: Name("c\(number)"), unit: "x")),
                author: "test"
            )
        }
        let rewritten = try check(bytes, other.data, trusted)
        #expect(rewritten.detail.contains("written anew"), "\(rewritten)")
        let stranger = String(repeating: "0", count: 64)
        #expect(try check(bytes, server.data, stranger).state == .damaged)
        // A head that was changed is none of the book's faults.
        var forged = bytes
        forged[reply.text.utf8.count / 8] ^= 1
        let wrong = try check(forged, server.data, trusted)
        #expect(wrong.state == .damaged && wrong.file == "head", "\(wrong)")
        // A byte in the book's middle, before the decision that the head names.
        let flipped = try TemporaryDirectory()
        var book = Array(try Data(contentsOf: URL(filePath: server.data + "/book.mb")))
        book[book.count / 2] ^= 1
        try Data(book).write(to: URL(filePath: flipped.path + "/book.mb"))
        let broken = try check(bytes, flipped.path, trusted)
        #expect(broken.state == .damaged && broken.file == "book", "\(broken)")
        // A statement's route does not hand out heads.
        let form = try await server.call(
            "GET", "/admin/v1/statements/2026-01/acme?format=book-head")
        #expect(form.status == 409 || form.status == 400)
    }
}
