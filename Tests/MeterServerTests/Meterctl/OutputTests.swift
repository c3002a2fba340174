import ArgumentParser
import MeterWaldur
import Testing

@testable import meterctl

struct OutputTests {
    @Test func `columns are as wide as they must be, numbers to the right`() {
        var table = Table("tenant", ">value", "note")
        table.add("acme", Table.grouped("1234567"), "")
        table.add("日本", "7", "x")
        #expect(
            table.text == """
                TENANT      VALUE  NOTE
                acme    1 234 567
                日本            7  x

                """
        )
        #expect(Table("a").text == "")
    }

    @Test func `digits are grouped by threes and other text is left alone`() {
        #expect(Table.grouped("0") == "0")
        #expect(Table.grouped("123") == "123")
        #expect(Table.grouped("1234") == "1 234")
        #expect(Table.grouped("-1234567") == "-1 234 567")
        #expect(Table.grouped("36893488147419103232") == "36 893 488 147 419 103 232")
        for text in ["", "-", "12.5", "x1", "١٢٣٤"] { #expect(Table.grouped(text) == text) }
    }

    @Test func `no name steers the terminal`() {
        var table = Table("name")
        table.add("a\u{1B}[2Jb\u{202E}c\n")
        #expect(table.text == "NAME\na\u{FFFD}[2Jb\u{FFFD}c\u{FFFD}\n")
    }

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
        #expect(refused.description == "meterctl: refused as things stand\nnext: Do this.")
        #expect(try failure(503, "{}").status == .unavailable)
        #expect(try failure(429, "{}").status == .unavailable)
        #expect(try failure(404, "{}").status == .failed)
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

    @Test func `every verb has help with an abstract`() {
        func walk(_ type: any ParsableCommand.Type) {
            #expect(!type.configuration.abstract.isEmpty, "\(type)")
            for child in type.configuration.subcommands { walk(child) }
        }
        walk(Meterctl.self)
    }
}
