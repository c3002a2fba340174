import Foundation
import MeterTesting
import MeterWaldur
import MeterWire
import Testing

@testable import meterctl

struct DoctorTests {
    private let now = Timestamp(milliseconds: 1_795_348_805_000)

    private func parse(_ text: String) throws -> JSONValue {
        try JSONParser.parse(Array(text.utf8))
    }

    private func verdicts(
        asked: Timestamp? = nil,
        _ body: (inout ServerChecks) throws -> Void
    ) rethrows -> [String] {
        var checks = ServerChecks(asked: asked ?? now, now: now)
        try body(&checks)
        return checks.found.map { "\($0.check): \($0.verdict)" }
    }

    @Test func `the worst finding decides the exit code`() {
        #expect(
            Diagnosis.Verdict.allCases.map(\.status) == [
                .done, .done, .precondition, .failed, .unavailable, .damage,
            ])
        #expect(Diagnosis.Verdict.warning > .note)
        #expect([Diagnosis.Verdict.error, .damaged, .good].max() == .damaged)
    }

    @Test(arguments: [
        (0, "good"), (1_999, "good"), (-2_000, "warning"), (59_000, "warning"), (60_000, "error"),
        (-400_000, "error"),
    ])
    func `clocks that differ are told by how much`(skew: Int64, verdict: String) throws {
        let time = try #require(Optional(now.advanced(byMilliseconds: skew)))
        let seconds = Double(time.milliseconds) / 1_000
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        let text = formatter.string(from: Date(timeIntervalSince1970: seconds))
        let status = try parse(
            #"{"time":"\#(text)","reasons":[],"events":{"conserved":true},"completeThrough":"x"}"#
        )
        #expect(
            verdicts { $0.status(status, settings: .null) } == [
                "server: good", "clock: \(verdict)", "readiness: good",
            ]
        )
        let settings = try parse(
            #"{"settings":[{"setting":"clock-offset-seconds","value":"600"}]}"#
        )
        #expect(verdicts { $0.status(status, settings: settings) }.contains("clock: note"))
        // The server's time is between, however long the answer took.
        let asked = now.advanced(byMilliseconds: -500_000)
        #expect(
            verdicts(asked: asked) { $0.status(status, settings: .null) }.contains("clock: good")
                == (skew < 2_000)
        )
    }

    @Test func `conditions of the server are told by how bad they are`() throws {
        let status = try parse(
            """
            {"reasons":[{"reason":"disk-full","detail":"x","blocking":true},\
            {"reason":"reporting-held","detail":"y","blocking":false},\
            {"reason":"damage","detail":"z","blocking":false}],\
            "events":{"conserved":false},"sources":{"quarantined":2},"completeThrough":null}
            """
        )
        #expect(
            verdicts { $0.status(status, settings: .null) } == [
                "server: good", "readiness: error", "readiness: warning", "readiness: damaged",
                "conservation: error", "sources: error", "completeness: warning",
            ]
        )
    }

    @Test func `sources, gaps, keys and reporting are told as they stand`() throws {
        let sources = try parse(
            """
            {"s":[{"source":"a","state":"open","lastSeen":"2026-11-22T11:59:00Z"},\
            {"source":"b","state":"retired","lastSeen":"2026-11-01T00:00:00Z"}],\
            "t":[{"source":"a","state":"open","lastSeen":"2026-11-22T11:50:00Z"}]}
            """
        )
        #expect(verdicts { $0.sources(sources.list("s")) } == ["sources: good"])
        #expect(verdicts { $0.sources(sources.list("t")) } == ["sources: warning"])
        let gaps = try parse(
            """
            {"g":[{"accepted":false,"cause":"given-up"}],"h":[{"accepted":true}],\
            "u":[{"accepted":false,"cause":"unclean"}]}
            """
        )
        #expect(verdicts { $0.gaps(gaps.list("g")) } == ["gaps: warning"])
        #expect(verdicts { $0.gaps(gaps.list("h")) } == ["gaps: good"])
        #expect(verdicts { $0.gaps(gaps.list("u")) } == ["gaps: good"])
        let keys = try parse(
            """
            {"a":[{"id":"1","state":"valid","ends":null}],"b":[{"id":"1","state":"revoked"}],\
            "c":[{"id":"1","state":"valid","ends":"2026-12-01T00:00:00Z"}]}
            """
        )
        #expect(verdicts { $0.keys(keys.list("a")) } == ["keys: good"])
        #expect(verdicts { $0.keys(keys.list("b")) } == ["keys: note"])
        #expect(verdicts { $0.keys(keys.list("c")) } == ["keys: warning"])
        let reporting = try parse(
            """
            {"r":[{"state":"reporting","unknownIntents":0},{"state":"reporting","unknownIntents":1},\
            {"state":"held","unknownIntents":0},{"state":"failing","unknownIntents":0}]}
            """
        )
        #expect(
            verdicts { $0.reporting(reporting.list("r")) } == [
                "reporting: good", "reporting: warning", "reporting: warning", "reporting: error",
            ]
        )
        #expect(verdicts { $0.reporting([]) } == ["reporting: note"])
        let map = try parse(#"{"m":[{"severity":"warning"}],"n":[{"severity":"error"}]}"#)
        #expect(verdicts { $0.map(map.list("m")) } == ["map: note"])
        #expect(verdicts { $0.map(map.list("n")) } == ["map: warning"])
        #expect(verdicts { $0.map([]) } == ["map: good"])
        #expect(
            verdicts { $0.map(CommandFailure(.unavailable, "not available now")) } == ["map: error"]
        )
    }

    @Test func `a file that others may open is told with the command that closes it`() throws {
        let scratch = try TemporaryDirectory()
        let file = scratch.path + "/master.key"
        try Data("x".utf8).write(to: URL(filePath: file))
        func verdict(_ mode: mode_t) -> Diagnosis? {
            unsafe chmod(file, mode)
            var checks = DirectoryChecks(path: scratch.path, now: 0)
            checks.secret("key", file)
            return checks.found.first
        }
        #expect(verdict(0o600)?.verdict == .good)
        #expect(verdict(0o400)?.verdict == .good)
        #expect(verdict(0o640)?.verdict == .warning)
        #expect(verdict(0o604)?.advice == "chmod 600 \(file)")
        var checks = DirectoryChecks(path: scratch.path, now: 0)
        checks.secret("key", file + ".gone")
        #expect(checks.found.first?.verdict == .error)
    }
}

/// The program against canned answers: what it prints, and what it makes of answers that it is not given.
@Suite struct DoctorShownTests {
    private static let program = Program("meterctl")

    private static let answers = [
        "/admin/v1/status": "status", "/admin/v1/keys": "keys", "/admin/v1/sources": "sources",
        "/admin/v1/sources/gaps": "gaps", "/admin/v1/report/status": "report-status",
        "/admin/v1/map/check": "map-check",
    ]

    private static func server(refusing refused: Set<String> = []) throws -> CannedServer {
        var bodies = try answers.mapValues { try Snapshot.answer($0) }
        bodies["/admin/v1/config"] =
            #"{"settings":[{"setting":"master-key-file","value":"master.key"}]}"#
        bodies["/admin/v1/names"] = #"{"names":[]}"#
        let refusal = try Snapshot.answer("problem-scope")
        let known = bodies
        return try CannedServer { request in
            let path = request.split(separator: " ")[1].split(separator: "?")[0]
            if refused.contains(String(path)) {
                return CannedServer.Answer(status: 403, body: refusal)
            }
            guard let body = known[String(path)] else {
                return CannedServer.Answer(status: 404, body: "{}")
            }
            return CannedServer.Answer(body: body)
        }
    }

    private struct Shown {
        let code: Int32
        let output: String
        let errors: String

        var rows: [String] { output.split(separator: "\n").map { String($0) } }
    }

    /// On a directory in which no server has worked.
    private func examine(_ server: CannedServer, _ arguments: [String] = []) throws -> Shown {
        let scratch = try TemporaryDirectory()
        // By a name that is the same everywhere: the width of a column goes by it.
        unsafe mkdir("\(scratch.path)/DIRECTORY", 0o700)
        let shown = try Self.program.run(
            ["doctor", "--socket", server.socket, "--data", "DIRECTORY"] + arguments,
            in: scratch.path
        )
        // What the machine and its clock say is not the program's.
        func masked(_ text: String) -> String {
            text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                for check in ["disk space", "sync time", "clock"] where line.hasPrefix(check) {
                    return "\(check): as the machine is"
                }
                return String(line)
            }.joined(separator: "\n")
        }
        return Shown(
            code: shown.code,
            output: masked(shown.output),
            errors: masked(shown.errors)
        )
    }

    @Test func `what doctor prints is as it was reviewed`() throws {
        let server = try Self.server()
        defer { server.stop() }
        var page = ""
        for format in ["table", "csv"] {
            let shown = try examine(server, ["-o", format])
            page += "$ meterctl doctor -o \(format)\n\(shown.output)"
            page +=
                "--- stderr\n\(shown.errors.replacing(#/\d+ (error|warning)s?/#) { "N \($0.1)" })\n"
        }
        try Snapshot.expect(page, "shown/doctor.txt")
    }

    @Test func `a question that is refused discards no other finding`() throws {
        let all = Set(Self.answers.keys).union(["/admin/v1/config"])
        let checks = [
            "/admin/v1/status": "server", "/admin/v1/keys": "keys", "/admin/v1/sources": "sources",
            "/admin/v1/sources/gaps": "gaps", "/admin/v1/report/status": "reporting",
            "/admin/v1/map/check": "map", "/admin/v1/config": "settings",
        ]
        let whole = try Self.server()
        defer { whole.stop() }
        let everything = try examine(whole, ["-o", "csv"]).rows
        for path in all.sorted() {
            let server = try Self.server(refusing: [path])
            defer { server.stop() }
            let shown = try examine(server, ["-o", "csv"])
            let check = try #require(checks[path])
            let found = shown.rows
            #expect(
                found.contains { $0.hasPrefix(check + ",") && $0.contains("scope") },
                "\(path): \(shown.output)"
            )
            // Everything that rests on other answers stands there as before.
            let missing = Set(everything).subtracting(found)
            #expect(missing.count <= (path.hasSuffix("status") ? 8 : 3), "\(path): \(missing)")
            #expect(found.count > 10, "\(path): \(shown.output)")
            #expect(shown.code != 0)
        }
        let nothing = try Self.server(refusing: all)
        defer { nothing.stop() }
        let shown = try examine(nothing, ["-o", "csv"])
        #expect(shown.rows.count { $0.contains("not looked at") } >= 6, "\(shown.output)")
    }

    @Test func `who holds a lock is read from the kernel's list`() {
        let table = """
            1: FLOCK  ADVISORY  WRITE 12824 fe:00:16220189 0 EOF
            1: -> FLOCK  ADVISORY  WRITE 99 fe:00:5310582 0 EOF
            2: POSIX  ADVISORY  WRITE 5701 fe:00:777 1073741824 1073742335
            3: FLOCK  ADVISORY  WRITE 5694 fe:00:5310582 0 EOF
            nonsense
            """
        #expect(FileLockHolder.find(inode: 5_310_582, in: table) == .held(process: "5694"))
        #expect(FileLockHolder.find(inode: 777, in: table) == .nobody)
        #expect(FileLockHolder.find(inode: 1, in: table) == .nobody)
        #expect(FileLockHolder.find("/nowhere") == .unknown)
    }
}
