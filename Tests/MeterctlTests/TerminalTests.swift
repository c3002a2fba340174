import Foundation
import MeterTesting
import Testing

@testable import meterctl

/// What only shows where a person sits, or a pipe ends.
@Suite struct TerminalTests {
    private static let program = Program("meterctl")

    private func server() throws -> CannedServer {
        try CannedServer { request in
            CannedServer.Answer(
                body: request.hasPrefix("GET")
                    ? (try? Snapshot.answer("keys")) ?? "" : #"{"id":"9664d017549f8c63"}"#
            )
        }
    }

    private static let revoke = ["keys", "revoke", "9664d017549f8c63"]

    @Test(arguments: [("y\n", 1), ("yes\n", 1), ("n\n", 0), ("\n", 0), ("\u{4}", 0), ("yy\n", 0)])
    func `a person is asked, and only yes is yes`(typed: String, calls: Int) throws {
        let server = try server()
        defer { server.stop() }
        let shown = try Self.program.converse(
            Self.revoke + ["--socket", server.socket],
            typing: [("[y/N] ", typed)]
        )
        // Broken between words, where the terminal ends.
        let said = shown.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(said.contains("it cannot be made valid again."))
        #expect(server.asked.count == calls)
        #expect(shown.code == (calls == 1 ? 0 : 1))
        #expect(shown.output.contains(calls == 1 ? "is revoked" : "nothing was done"))
    }

    @Test func `a script says yes, and is refused where it does not`() throws {
        let server = try server()
        defer { server.stop() }
        let silent = try Self.program.run(Self.revoke + ["--socket", server.socket])
        #expect(silent.code == ExitStatus.precondition.rawValue)
        #expect(silent.errors.contains("--yes"))
        #expect(server.asked.isEmpty)
        let spoken = try Self.program.run(Self.revoke + ["--yes", "--socket", server.socket])
        #expect(spoken.code == 0)
        #expect(server.asked == ["DELETE /admin/v1/keys/9664d017549f8c63"])
    }

    @Test(arguments: [
        ([], [:], true), (["--no-color"], [:], false), ([], ["NO_COLOR": "1"], false),
        ([], ["NO_COLOR": ""], true), ([], ["TERM": "dumb"], false),
    ])
    func `a terminal gets colours unless they are turned off`(
        flags: [String],
        environment: [String: String],
        expected: Bool
    ) throws {
        let server = try server()
        defer { server.stop() }
        let arguments = ["keys", "list", "--socket", server.socket] + flags
        let shown = try Self.program.converse(arguments, environment: environment, columns: 200)
        #expect(shown.output.contains("\u{1B}[32mvalid") == expected)
        let piped = try Self.program.run(arguments, environment: environment)
        #expect(!piped.output.contains("\u{1B}"))
    }

    @Test func `a reader that goes away is no failure, and a disk that is full is one`() throws {
        let server = try server()
        defer { server.stop() }
        let command = "'\(Self.program.path)' keys list --socket '\(server.socket)'"
        let shell = try Program("/bin/bash").run(
            ["-c", "set -o pipefail; \(command) | true; echo $?; \(command) | head -n 1"]
        )
        #expect(shell.errors == "")
        #expect(shell.output.hasPrefix("0\nID "))
        #expect(shell.code == 0)
        let full = try Self.program.run(
            ["keys", "list", "--socket", server.socket],
            output: "/dev/full"
        )
        #expect(full.code == ExitStatus.failed.rawValue)
        #expect(full.errors == "meterctl: the output cannot be written: No space left on device\n")
    }

    @Test(arguments: [
        (["status", "--data", "/nowhere"], 5, "there is no server at /nowhere/admin.sock"),
        (["status", "--url", "http://127.0.0.1:1"], 5, "connection refused"),
        (["status", "--url", "nonsense"], 64, "--url must begin"),
        (["stauts"], 64, "did you mean meterctl status?"),
        (["usage"], 64, "Name a component"),
        (["keys", "list", "-o", "xml"], 64, "'table', 'json' or 'csv'"),
        (["verify", "/nowhere"], 1, "/nowhere is not there"),
    ])
    func `a failure says what happened and ends with its code`(
        arguments: [String],
        code: Int32,
        words: String
    ) throws {
        let shown = try Self.program.run(arguments)
        #expect(shown.code == code)
        #expect(shown.output == "")
        #expect(shown.errors.contains(words), "\(shown.errors)")
    }

    @Test func `a server that is gone is told from one that never was`() throws {
        let server = try server()
        server.stop()
        let shown = try Self.program.run(["status", "--socket", server.socket])
        #expect(shown.code == ExitStatus.unavailable.rawValue)
        #expect(shown.errors.contains("does not run any more"), "\(shown.errors)")
    }
}
