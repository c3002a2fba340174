import Foundation
import Logging
import Meter
import MeterTesting
import MeterWaldur
import MeterWire
import Testing

@testable import MeterServer

/// Routes where the server reports to two Waldurs, neither of which answers.
@Suite struct SeveralWaldursTests {
    private static let resource = "9f3c0000000000000000000000000001"
    private static let other = "9f3c0000000000000000000000000002"

    private func server() async throws -> TestServer {
        let directory = try TemporaryDirectory()
        for name in ["a", "b"] {
            try Data("token-\(name)".utf8).write(to: URL(filePath: directory.path + "/\(name)"))
        }
        let settings = directory.path + "/settings.yaml"
        let text = """
            waldurs:
              tallinn:
                url: http://127.0.0.1:1
                time-zone: Europe/Tallinn
                token-file: \(directory.path)/a
              tartu:
                url: http://127.0.0.1:1
                token-file: \(directory.path)/b
            """
        try Data(text.utf8).write(to: URL(filePath: settings))
        let server = try await TestServer(
            ["--config", settings],
            reporting: { context in
                SeveralWaldurs.control(
                    context.configuration.waldurs.map { waldur in
                        WaldurReporting(
                            ReporterService(
                                settings: ReporterSettings(waldur: waldur.id, zone: waldur.zone),
                                accounts: WaldurAccounts([
                                    WaldurClient(transport: Unreachable()) { context.clock.now() }
                                ]),
                                engine: BookAlone(context: context),
                                logger: context.logger,
                                seed: 1,
                                now: { context.clock.now() }
                            ),
                            now: { context.clock.now() }
                        )
                    },
                    context
                )
            })
        for (tenant, resource, waldur) in [
            ("acme", Self.resource, "tallinn"), ("zeta", Self.other, "tartu"),
            ("both", Self.resource, "tallinn"), ("both", Self.other, "tartu"),
        ] {
            let bound = try await server.call(
                "POST",
                "/admin/v1/map",
                "{\"tenant\":\"\(tenant)\",\"agent\":\"bot\",\"resource\":\"\(resource)\","
                    + "\"waldur\":\"\(waldur)\"}"
            )
            #expect(bound.status == 201, "\(bound.text)")
        }
        return server
    }

    @Test func `a binding says which Waldur its resource is in`() async throws {
        let server = try await server()
        let body = "{\"tenant\":\"x\",\"agent\":\"bot\",\"resource\":\"\(Self.resource)\""
        let silent = try await server.call("POST", "/admin/v1/map", body + "}")
        #expect(silent.status == 400 && silent.text.contains("tallinn, tartu"))
        let wrong = try await server.call("POST", "/admin/v1/map", body + ",\"waldur\":\"narva\"}")
        #expect(wrong.status == 400)
    }

    @Test func `each Waldur has its own months, and they begin by its own clocks`() async throws {
        let server = try await server()
        let list = try await server.call("GET", "/admin/v1/periods")
        let waldurs = list.json["periods"]?.array?.compactMap { $0["waldur"]?.string } ?? []
        #expect(Set(waldurs) == ["tallinn", "tartu"])
        let one = try await server.call("GET", "/admin/v1/periods?waldur=tartu")
        #expect(one.json["periods"]?.array?.allSatisfy { $0["waldur"]?.string == "tartu" } == true)

        let month = "/admin/v1/periods/2026-07"
        let unclear = try await server.call("GET", month)
        #expect(unclear.status == 400 && unclear.text.contains("tallinn, tartu"))
        let tallinn = try await server.call("GET", month + "?waldur=tallinn")
        #expect(tallinn.json["from"]?.string == "2026-06-30T21:00:00Z")
        let tartu = try await server.call("GET", month + "?waldur=tartu")
        #expect(tartu.json["from"]?.string == "2026-07-01T00:00:00Z")
        #expect(try await server.call("GET", month + "?waldur=narva").status == 400)
        #expect(try await server.call("GET", month + "/preview").status == 400)
        let closing = try await server.call("POST", month + "/close", #"{"dryRun":true}"#)
        #expect(closing.status == 400)
    }

    @Test func `a reconciliation names its Waldur, exports and explanations are of one`()
        async throws
    {
        let server = try await server()
        let all = try await server.call("GET", "/admin/v1/reconcile")
        #expect(all.status == 503 && all.text.contains("tallinn: "), "\(all.text)")
        let one = try await server.call("GET", "/admin/v1/reconcile?waldur=tartu&period=2026-01")
        #expect(one.status == 503 && !one.text.contains("tallinn"), "\(one.text)")
        let none = try await server.call("GET", "/admin/v1/reconcile?waldur=narva")
        #expect(none.status == 409 && none.text.contains("tallinn, tartu"), "\(none.text)")
        let export = "/admin/v1/export?format=json"
        #expect(try await server.call("GET", export).status == 400)
        #expect(try await server.call("GET", export + "&tenant=both").status == 400)
        let acme = try await server.call("GET", export + "&tenant=acme")
        #expect(acme.status == 200 && acme.json["waldur"]?.string == "tallinn", "\(acme.text)")
        let named = try await server.call("GET", export + "&waldur=tartu")
        #expect(named.json["waldur"]?.string == "tartu")
        let explain = "/admin/v1/explain?agent=a&component=in&tenant="
        #expect(try await server.call("GET", explain + "zeta").status == 200)
        #expect(try await server.call("GET", explain + "both").status == 400)
        #expect(try await server.call("GET", explain + "both&waldur=tartu").status == 200)
    }

    @Test func `a tenant's bill is that of the Waldur that it is bound in`() async throws {
        let server = try await server()
        let key = try await server.makeKey(
            #"{"kind":"http","platform":["acme","zeta","both"],"scopes":["finance"]}"#
        )
        for (tenant, waldur) in [("acme", "tallinn"), ("zeta", "tartu")] {
            let bill = try await server.call("GET", "/api/v1/tenants/\(tenant)/billing", key: key)
            #expect(bill.json["waldur"]?.string == waldur, "\(bill.text)")
        }
        let unclear = try await server.call("GET", "/api/v1/tenants/both/billing", key: key)
        #expect(unclear.status == 400 && unclear.text.contains("tallinn, tartu"))
        let chosen = try await server.call(
            "GET",
            "/api/v1/tenants/both/billing?waldur=tartu",
            key: key
        )
        #expect(chosen.json["waldur"]?.string == "tartu")
    }

    @Test
    func `what concerns one Waldur goes to it, and the others are named where it is not clear`()
        async throws
    {
        let server = try await server()
        let status = try await server.call("GET", "/admin/v1/report/status")
        #expect(
            status.json["reporting"]?.array?.compactMap { $0["waldur"]?.string }
                == ["tallinn", "tartu"]
        )
        let resume = try await server.call(
            "POST",
            "/admin/v1/report/resume",
            #"{"month":"2026-12"}"#
        )
        #expect(resume.status == 409 && resume.text.contains("--waldur"))
        let offering = "/admin/v1/offerings/0ff00000000000000000000000000001/sync"
        let sync = try await server.call("POST", offering, "{}")
        #expect(sync.status == 409 && sync.text.contains("tallinn, tartu"))
        // Its Waldur is known from the binding, and does not answer.
        let adopt = try await server.call(
            "POST",
            "/admin/v1/map/adopt",
            "{\"resource\":\"\(Self.resource)\",\"from\":\"2026-11-20T12:00:00Z\"}"
        )
        #expect(adopt.status == 503, "\(adopt.text)")
        let unknown = try await server.call(
            "POST",
            "/admin/v1/map/adopt?waldur=narva",
            "{\"resource\":\"\(Self.resource)\",\"from\":\"2026-11-20T12:00:00Z\"}"
        )
        #expect(unknown.status == 409 && unknown.text.contains("narva"))
        let preview = try await server.call("GET", "/admin/v1/report/preview")
        #expect(preview.status == 503)
        #expect(preview.text.contains("tallinn: ") && preview.text.contains("tartu: "))
    }
}

/// A Waldur that nobody can connect to.
private struct Unreachable: WaldurTransport {
    func send(_ request: WaldurRequest) async throws(WaldurError) -> WaldurResponse {
        throw .notSent("no connection")
    }
}

/// The server's book without its engine.
private struct BookAlone: ReportingEngine {
    let context: ServerContext

    var bookState: BookState { context.book.state }

    func decide(_ decisions: [Decision], author: String) async throws(ReporterTrouble) {
        do throws(BookError) {
            try context.book.append(decisions, author: author)
        } catch {
            throw ReporterTrouble(error.description)
        }
    }

    func usage(_ query: UsageQuery) async throws(ReporterTrouble) -> UsageAnswer {
        throw ReporterTrouble("there is no engine")
    }
}
