import ArgumentParser
import MeterWaldur
import Testing

@testable import meterctl

struct ServerClientTests {
    @Test func `problems become exit codes`() throws {
        func failure(_ status: Int, _ body: String) throws -> CommandFailure {
            ServerClient.failure(
                status,
                try JSONParser.parse(Array(body.utf8)),
                .socket("/tmp/s")
            )
        }
        let refused = try failure(409, #"{"title":"Refused as things stand","detail":"Do this."}"#)
        #expect(refused.status == .precondition)
        #expect(refused.description == "meterctl: refused as things stand\n  Do this.")
        #expect(try failure(503, "{}").status == .unavailable)
        #expect(try failure(429, "{}").status == .unavailable)
        #expect(try failure(404, "{}").status == .failed)
        #expect(try failure(403, "{}").next?.contains("--data") == true)
    }

    @Test func `everything but the unreserved characters is encoded`() {
        #expect(ServerClient.encode("aZ09-._~") == "aZ09-._~")
        #expect(ServerClient.encode("/a b+ü%&=?") == "%2Fa%20b%2B%C3%BC%25%26%3D%3F")
    }

    @Test func `options win over the environment`() throws {
        func text(_ arguments: [String], _ environment: [String: String] = [:]) throws -> String {
            try ServerOptions.parse(arguments).address(environment).text
        }
        #expect(try text([]) == "data/admin.sock")
        #expect(try text([], ["METER_DATA": "/d"]) == "/d/admin.sock")
        #expect(try text([], ["METER_DATA": "/d", "METER_ADMIN_SOCKET": "/s"]) == "/s")
        #expect(
            try text([], ["METER_URL": "http://h:1/", "METER_ADMIN_SOCKET": "/s"]) == "http://h:1"
        )
        #expect(try text(["--data", "/x"], ["METER_URL": "http://h:1"]) == "/x/admin.sock")
        #expect(try text(["--socket", "/y", "--data", "/x"]) == "/y")
        #expect(throws: CommandFailure.self) { try text(["--url", "ftp://h"]) }
    }
}
