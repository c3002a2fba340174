import Foundation
import Meter
import MeterTesting
import MeterWire
import Testing

@testable import meterctl

/// The tool against a server that runs: what it shows is what the server has.
@Suite struct ToolTests {
    private static let program = Program("meterctl")

    private func run(_ arguments: [String], _ server: ServerProcess) throws -> Program.Outcome {
        try Self.program.run(arguments + ["--socket", server.addresses.admin ?? ""])
    }

    private func json(_ arguments: [String], _ server: ServerProcess) throws -> [String: Any] {
        let shown = try run(arguments + ["-o", "json"], server)
        try #require(shown.code == 0, "\(arguments): \(shown.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(shown.output.utf8))
        return try #require(object as? [String: Any], "\(arguments): \(shown.errors)")
    }

    /// A server with usage of one agent, over a source that never said its last.
    private func site(_ arguments: [String] = []) throws -> (TestSite, ServerProcess, RawEmitter) {
        let site = try TestSite(seed: 301)
        let (_, key) = try site.addKey()
        let server = try site.start(arguments)
        var emitter = RawEmitter(seed: 302, key: key, tenant: "acme")
        _ = emitter.makeFrame(20)
        #expect(try emitter.settle(tcp: server.addresses.tcp ?? ""))
        return (site, server, emitter)
    }

    @Test func `every column of a listing is a member of the server's answer`() throws {
        let (site, server, _) = try site()
        // Its directory goes with it.
        defer { withExtendedLifetime(site) {} }
        #expect(
            try run(["components", "set", "input_tokens", "--unit", "token"], server).code == 0)
        let resource = String(repeating: "a", count: 32)
        let bound = ["map", "set", "--tenant", "acme", "--agent", "b", "--resource", resource]
        #expect(try run(bound, server).code == 0)
        let listings: [(command: [String], name: String, columns: [Column])] = [
            (["sources", "list"], "sources", SourcesVerbs.columns),
            (["keys", "list"], "keys", KeysVerbs.List.columns),
            (["components", "list"], "components", ComponentsVerbs.columns),
            (["map", "list"], "bindings", MapVerbs.columns),
            (["book", "tail"], "entries", BookVerbs.columns),
            (["config", "show"], "settings", ConfigVerbs.Show.columns),
        ]
        for (command, name, columns) in listings {
            let rows = try #require(try json(command, server)[name] as? [[String: Any]])
            let row = try #require(rows.first, "\(command) lists nothing")
            for column in columns where column.isMember {
                var value: Any? = row
                for member in column.key.split(separator: ".") {
                    value = (value as? [String: Any])?[String(member)]
                }
                #expect(value != nil, "\(command): \(column.key)")
            }
        }
        #expect(server.stop() == 0)
    }

    @Test func `a source is retired when it is silent, and waited for again when it speaks`() throws
    {
        var (site, server, emitter) = try site()
        let source = "\(emitter.source)"
        let retire = ["sources", "retire", String(source.prefix(8)), "--reason", "gone", "--yes"]
        let early = try run(retire, server)
        #expect(early.code == ExitStatus.precondition.rawValue)
        #expect(early.errors.contains("Stop its emitter"), "\(early.errors)")
        #expect(server.stop() == 0)
        // Ten minutes later, by the server's clock.
        server = try site.start(["--clock-offset-seconds", "600"])
        let unknown = try run(["sources", "retire", "ffff", "--reason", "x", "--yes"], server)
        #expect(unknown.code == 1)
        let retired = try run(retire + ["-o", "csv"], server)
        #expect(retired.code == 0, "\(retired.errors)")
        #expect(retired.output.contains(",retired,"))
        let again = try run(retire, server)
        #expect(again.errors.contains("has ended already"), "\(again.errors)")
        #expect(try run(["book", "tail"], server).output.contains("reason=gone"))
        let usage = try json(["usage", "agent_calls"], server)
        #expect(usage["completeThrough"] as? String != nil)
        _ = emitter.makeFrame(5)
        #expect(try emitter.settle(tcp: server.addresses.tcp ?? ""))
        let sources = try json(["sources", "list"], server)["sources"] as? [[String: Any]]
        #expect(sources?.first?["state"] as? String == "open")
        #expect(server.stop() == 0)
    }

    @Test func `the configuration says where each value came from`() throws {
        let (site, server, _) = try site(["--checkpoint-seconds", "77"])
        let shown = try run(["config", "show", "--origin", "-o", "csv"], server)
        let lines = shown.output.components(separatedBy: "\n")
        #expect(lines.first == "setting,value,unit,origin")
        // The quote keeps a spreadsheet from taking an option for a formula.
        #expect(lines.contains("checkpoint-seconds,77,seconds,'--checkpoint-seconds"))
        #expect(lines.contains("log.level,info,,default"))
        #expect(lines.contains("master-key-file,\(site.masterKeyFile),,'--master-key-file"))
        let plain = try run(["config", "show", "-o", "csv"], server)
        #expect(plain.output.hasPrefix("setting,value,unit\n"))
        #expect(server.stop() == 0)
    }

    /// Every kind of name, in verbs that are refused, that find nothing, and that make something.
    private func expectGuesses(_ server: ServerProcess) throws {
        let source = try #require(
            (try json(["sources", "list"], server)["sources"] as? [[String: Any]])?.first?["source"]
                as? String
        )
        let key = try #require(
            (try json(["keys", "list"], server)["keys"] as? [[String: Any]])?.first?["id"]
                as? String
        )
        let resource = String(repeating: "c0ffee00", count: 4)
        let bind = ["map", "set", "--tenant", "acme", "--agent", "bot-1", "--resource", resource]
        #expect(try run(bind, server).code == 0)
        /// One digit is another one.
        func mistyped(_ id: String) -> String {
            String(id.dropLast()) + (id.last == "0" ? "1" : "0")
        }
        let yes = ["--reason", "x", "--yes"]
        let guesses: [(command: [String], meant: String)] = [
            (["keys", "revoke", mistyped(key)] + yes, key),
            (["keys", "rotate", mistyped(key)], key),
            (["sources", "retire", mistyped(source)] + yes, source),
            (["keys", "create", "http", "--tenant", "amce"], "acme"),
            (["limits", "set", "--tenant", "acmee", "--limit", "agents=5"], "acme"),
            (["details", "erase", "--tenant", "acmme", "--user", "u", "--reason", "x"], "acme"),
            (
                [
                    "map", "set", "--tenant", "acme", "--agent", "bto-1", "--resource", resource,
                    "--access", "no uuid",
                ], "bot-1"
            ),
        ]
        for (command, meant) in guesses {
            let shown = try run(command, server)
            #expect(shown.errors.contains("did you mean \(meant)?"), "\(command): \(shown.errors)")
        }
        // Numbered names are names of others.
        let numbered = [
            "map", "set", "--tenant", "acme", "--agent", "bot-2", "--resource", resource,
        ]
        #expect(!(try run(numbered, server).errors.contains("did you mean")))
    }

    @Test func `names are completed, and a mistyped one finds the one that was meant`() throws {
        let (site, server, _) = try site()
        // Its directory goes with it.
        defer { withExtendedLifetime(site) {} }
        let names = try json(["usage", "agent_calls", "--by", "agent"], server)["data"]
        let group = (names as? [[String: Any]])?.first?["groupBy"] as? [String: Any]
        let agent = try #require(group?["agent"] as? String)
        let meant = try run(["usage", "agent_cals", "--tenant", "acmee"], server)
        #expect(meant.code == 0)
        #expect(meant.errors.contains("did you mean agent_calls?"), "\(meant.errors)")
        #expect(meant.errors.contains("did you mean acme?"))
        try expectGuesses(server)
        let of = ["usage", "agent_calls", "--tenant", "acme", "--agent", agent]
        #expect(!(try run(of, server).errors.contains("did you mean")))
        // As bash asks: the options that are typed already say where the server is.
        let socket = server.addresses.admin ?? ""
        func complete(_ option: String, _ typed: [String], _ prefix: String) throws -> [String] {
            let words =
                ["meterctl", "usage", "--socket", socket] + typed + [option, prefix]
            let shown = try Self.program.run(
                ["---completion", "usage", "--", option, "\(words.count - 1)", "\(prefix.count)"]
                    + words,
                environment: ["SAP_SHELL": "bash"]
            )
            return shown.output.split(separator: "\n").map(String.init)
        }
        #expect(try complete("--tenant", [], "ac") == ["acme"])
        #expect(try complete("--tenant", [], "zz") == [])
        #expect(try complete("--agent", ["--tenant", "acme"], agent) == [agent])
        #expect(server.stop() == 0)
        // Without a server there are no names, and no noise.
        #expect(try complete("--tenant", [], "ac") == [])
    }
}
