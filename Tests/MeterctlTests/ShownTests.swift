import Foundation
import MeterTesting
import Testing

/// What the program itself shows of answers that a real server gave: tables, CSV and JSON, what is said
/// beside them, and the exit code.
@Suite struct ShownTests {
    private static let program = Program("meterctl")

    struct Case: CustomTestStringConvertible {
        let name: String
        let command: String
        /// The recorded answer.
        let answer: String
        let status: Int

        init(_ command: String, _ answer: String, status: Int = 200, name: String? = nil) {
            self.command = command
            self.answer = answer
            self.status = status
            self.name = name ?? answer
        }

        var testDescription: String { command }
    }

    static let cases = [
        Case("status", "status"), Case("sources list", "sources"), Case("sources gaps", "gaps"),
        Case("sources gaps --each", "gaps", name: "gaps-each"),
        Case("period list", "periods"), Case("period preview 2026-11", "period-preview"),
        Case("statement show acme --period 2026-11", "statement"),
        Case("period close 2026-11 --yes", "period-closed"),
        Case("recount --period 2026-11", "recount"), Case("retention show", "retention"),
        Case("retention apply --dry-run", "retention-applied"),
        Case("sources conflicts", "conflicts"), Case("book tail", "book"),
        Case("details", "details"),
        Case("details erase --tenant a --user b --reason c", "details-erased"),
        Case("counting list", "counting"), Case("counting", "nothing", name: "no-counting"),
        Case("counting declare otlp --tenant acme --reason why", "counting-declared"),
        Case("keys list", "keys"), Case("keys create wire --platform all", "key-created"),
        Case("components list", "components"),
        Case("components set tool_seconds --unit ms", "component-ms"), Case("map list", "map"),
        Case("map set --tenant a --agent b --resource c", "bound"), Case("map check", "map-check"),
        Case("report status", "report-status"), Case("report preview", "report-preview"),
        Case("report submit", "report-submit"), Case("reconcile", "reconcile"),
        Case("reconcile --all", "reconcile", name: "reconcile-all"),
        Case("reconcile", "reconcile-two", name: "reconcile-two"),
        Case("explain acme/coder/input_tokens --period 2026-12", "explain"),
        Case("explain acme/coder/input_tokens --period 2026-11", "explain-many"),
        Case("explain acme/coder/input_tokens", "problem-kept-no-longer", status: 410),
        Case("adjust list", "adjustments"), Case("credit list", "credits"),
        Case(
            "adjust amend a b c --amount -5 --at 2026-11-03T10:15:00Z --reason d --dry-run",
            "adjustment-plan"
        ),
        Case("adjust void --source 4f1c --reason d --dry-run", "void-plan"),
        Case(
            "adjust backfill Tests/Fixtures/meterctl/lost.csv --reason d --dry-run", "backfill-plan"
        ),
        Case(
            "adjust backfill Tests/Fixtures/meterctl/lost.csv --reason d --dry-run",
            "backfill-known"),
        Case("carry list", "carries"), Case("report foreign list", "foreign"),
        Case("usage input_tokens", "usage-meter"),
        Case("usage --tenant a --agent b", "usage-agent"),
        Case("sources list", "nothing", name: "no-sources"),
        Case("usage input_tokens", "nothing", name: "no-usage"),
        Case("reconcile", "nothing", name: "no-differences"),
        Case("map set --tenant a --agent b --resource c", "problem-bad-body", status: 400),
        Case("reconcile", "problem-precondition", status: 409),
        Case("keys list", "problem-scope", status: 403),
    ]

    @Test(arguments: cases)
    func `what is shown is as it was reviewed`(known: Case) throws {
        let body = try Snapshot.answer(known.answer)
        let server = try CannedServer { _ in
            CannedServer.Answer(status: known.status, body: body)
        }
        defer { server.stop() }
        var page = ""
        for format in ["table", "csv", "json"] {
            let command = known.command + " -o \(format)"
            let arguments = command.split(separator: " ").map(String.init)
            let shown = try Self.program.run(arguments + ["--socket", server.socket])
            if format == "json" {
                // The server's own, byte for byte.
                #expect(shown.output == (known.status == 200 ? body : ""))
            } else {
                page += "$ meterctl \(command)\n" + shown.output
                if !shown.errors.isEmpty { page += "--- stderr\n" + shown.errors }
                page += "--- exit \(shown.code)\n\n"
            }
        }
        try Snapshot.expect(page, "shown/\(known.name).txt")
        // A hint may be looked for beside it.
        #expect(server.asked.count { !$0.contains("/admin/v1/names") } == 3)
    }

    @Test(arguments: ["csv", "json", "focus"])
    func `an export is the server's, byte for byte`(format: String) throws {
        let name = "export.\(format)"
        let file = Snapshot.folder.appending(path: "answers/\(name)")
        let body = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        let server = try CannedServer { _ in CannedServer.Answer(body: body) }
        defer { server.stop() }
        let shown = try Self.program.run([
            "export", "--period", "2026-12", "--format", format, "--tenant", "acme", "--socket",
            server.socket,
        ])
        #expect(shown.code == 0 && shown.errors.isEmpty, "\(shown.errors)")
        #expect(shown.output == body)
        #expect(
            server.asked == [
                "GET /admin/v1/export?period=2026-12&format=\(format)&tenant=acme"
            ])
        guard format != "json" else { return }
        // As a spreadsheet shows it: a line for each figure, each column under its name.
        let lines = body.split(separator: "\r\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        let names = lines.first ?? []
        #expect(lines.allSatisfy { $0.count == names.count })
        var page = "$ meterctl export --period 2026-12 --format \(format) --tenant acme\n"
        for line in lines.dropFirst() {
            page += "\n"
            for (name, cell) in zip(names, line) where !cell.isEmpty {
                page += "\(name): \(cell)\n"
            }
        }
        try Snapshot.expect(page, "shown/export-\(format).txt")
    }

    @Test func `a narrow terminal gets what it has room for`() throws {
        let body = try Snapshot.answer("carries")
        let server = try CannedServer { _ in CannedServer.Answer(body: body) }
        defer { server.stop() }
        func heads(_ columns: UInt16) throws -> [Substring] {
            let shown = try Self.program.converse(
                ["carry", "list", "--no-color", "--socket", server.socket],
                columns: columns
            )
            let first = shown.output.split(whereSeparator: \.isNewline).first ?? ""
            return first.replacing("PRICE NOW", with: "NOW").split(separator: " ")
        }
        let all = try heads(240)
        #expect(all.count == 12 && all.contains("RESOURCE") && all.contains("OBSTACLE"))
        let some = try heads(90)
        #expect(some == ["NUMBER", "STATE", "AGENTS", "COMPONENT", "QUANTITY", "PRICE", "NOW"])
        // A row a block, and nothing is left out.
        #expect(try heads(40) == ["NUMBER", "17"])
    }

    @Test func `a narrow terminal gets blocks, a wide one columns`() throws {
        let body = try Snapshot.answer("sources")
        let server = try CannedServer { _ in CannedServer.Answer(body: body) }
        defer { server.stop() }
        for columns: UInt16 in [80, 200] {
            let shown = try Self.program.converse(
                ["sources", "list", "--socket", server.socket],
                columns: columns
            )
            #expect(shown.code == 0)
            try Snapshot.expect(shown.output, "shown/sources-at-\(columns).txt")
            for line in shown.output.split(separator: "\n") {
                let bare = String(line).replacing(#/\u{1B}\[[0-9]+m/#, with: "")
                #expect(bare.count <= Int(columns))
            }
        }
    }
}
