import Foundation
import Meter
import MeterTesting
import MeterWire
import Testing

@testable import meterctl

/// Server, Waldur and the tool as processes: a difference of one unit is found and named, wherever it was planted.
@Suite(.serialized) struct ReconcileToolTests {
    /// A server that reports to Waldurs, in the middle of a month that does not end while the test runs.
    private final class World {
        let site: TestSite
        let offset: Int
        private let program = Program("meterctl")
        private var server: ServerProcess?

        init(seed: UInt64) throws {
            site = try TestSite(seed: seed)
            var calendar = Calendar(identifier: .gregorian)
            calendar.timeZone = .gmt
            var parts = calendar.dateComponents([.year, .month], from: Date())
            parts.day = 15
            parts.hour = 12
            let middle = try #require(calendar.date(from: parts))
            offset = Int(middle.timeIntervalSinceNow)
            try Data((WaldurProcess.token + "\n").utf8).write(to: URL(filePath: tokenFile))
        }

        var tokenFile: String { site.directory.path + "/token" }

        func start(_ arguments: [String]) throws {
            server = try site.start(arguments + ["--clock-offset-seconds=\(offset)"])
        }

        func start(reportingTo waldur: WaldurProcess) throws {
            try start([
                "--waldur-url", waldur.url, "--waldur-token-file", tokenFile,
                "--checkpoint-seconds", "1",
            ])
        }

        func stop() -> Bool { server?.stop() == 0 }

        func run(_ arguments: String...) throws -> Program.Outcome {
            try program.run(arguments + ["--socket", server?.addresses.admin ?? ""])
        }

        func done(_ arguments: String...) throws -> String {
            let shown = try program.run(arguments + ["--socket", server?.addresses.admin ?? ""])
            #expect(shown.code == 0, "\(arguments): \(shown.errors)")
            return shown.output
        }

        func prepare() throws -> String {
            let keyFile = site.directory.path + "/runtime.key"
            try Data(try done("keys", "create", "wire", "--platform", "all").utf8)
                .write(to: URL(filePath: keyFile))
            _ = try done("components", "set", "agent_calls", "--unit", "call")
            return keyFile
        }

        func bind(_ agent: String, to waldur: WaldurProcess, named id: String? = nil) throws {
            let present = Date().addingTimeInterval(Double(offset))
                .formatted(.iso8601.year().month())
            let arguments = [
                "map", "set", "--tenant", WaldurProcess.customer, "--agent", agent, "--resource",
                waldur.resource, "--from", "\(present)-15T09:00:00Z", "--live", "--yes",
            ]
            let bound = try program.run(
                arguments + (id.map { ["--waldur", $0] } ?? [])
                    + ["--socket", server?.addresses.admin ?? ""])
            #expect(bound.code == 0, "\(bound.errors)")
        }

        func use(_ amount: Int, by agent: String, keyFile: String) throws {
            let emitted = try program.run([
                "emit", "--tcp", server?.addresses.tcp ?? "", "--wire-key-file", keyFile,
                "--tenant", WaldurProcess.customer, "--agent", agent, "--amount",
                "agent_calls=\(amount)", "--clock-offset=\(offset)",
            ])
            #expect(emitted.code == 0, "\(emitted.errors)")
        }

        /// Every line, by its columns.
        func lines(_ arguments: String...) throws -> [[String: String]] {
            let shown = try program.run(
                ["reconcile", "--all", "-o", "csv"] + arguments
                    + ["--socket", server?.addresses.admin ?? ""])
            var rows = shown.output.split(separator: "\n").map {
                $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            }
            let head = try #require(rows.first)
            rows.removeFirst()
            return rows.map { Dictionary(zip(head, $0), uniquingKeysWith: { first, _ in first }) }
        }
    }

    private func waldur(_ world: World, resource: String = "1") throws -> WaldurProcess {
        try WaldurProcess(
            in: world.site.directory.path, resource: resource, offset: world.offset)
    }

    private func line(_ kind: String, _ lines: [[String: String]]) throws -> [String: String] {
        let found = lines.filter { $0["kind"] == kind }
        #expect(found.count == 1, "\(lines)")
        return try #require(found.first)
    }

    @Test func `a difference of one unit in Waldur is named, and the exit code is 2`() throws {
        let world = try World(seed: 811)
        let waldur = try waldur(world)
        try world.start(reportingTo: waldur)
        let key = try world.prepare()
        try world.bind("a", to: waldur)
        try world.use(7, by: "a", keyFile: key)
        _ = try world.done("report", "submit")
        let before = try world.run("reconcile")
        #expect(before.code == 0, "\(before.output)\(before.errors)")
        #expect(before.errors.contains("0 differ"))
        #expect(try waldur.report("6"))
        let after = try world.run("reconcile")
        #expect(after.code == ExitStatus.differences.rawValue, "\(after.errors)")
        #expect(after.output.contains("changed-in-waldur 1 (0.02)"), "\(after.output)")
        #expect(after.output.contains("confirmed 7.00, Waldur shows 6"), "\(after.output)")
        #expect(after.errors.contains("meterctl report foreign accept or reassert"))
        // All four columns: claimed and metered 7, shown and billed 6.
        let lines = try world.lines()
        let claims = try line("claims", lines)
        #expect(claims["claimed"] == "7" && claims["ledger"] == "7")
        let row = try line("row", lines)
        #expect(row["ledger"] == "7" && row["usage"] == "6" && row["billed"] == "6")
        #expect(row["difference"] == "1" && row["expected"] == "0.14" && row["cost"] == "0.12")
        #expect(world.stop())
    }

    /// 7 calls were told; then a file of usage says one more, or one less, with good checksums. The server does not
    /// put that right: below a checkpoint it reads segments and no journal. Details are files of their own, made in
    /// the same pass.
    @Test(arguments: [1, -1])
    func `a unit planted in the data directory is named, too much as too little`(step: Int) throws {
        let world = try World(seed: 821)
        let waldur = try waldur(world)
        try world.start(reportingTo: waldur)
        let key = try world.prepare()
        try world.bind("a", to: waldur)
        try world.use(7, by: "a", keyFile: key)
        _ = try world.done("report", "submit")
        let disk = try world.site.waitForSegment()
        #expect(try world.run("reconcile").code == 0)
        #expect(world.stop())
        let planted = try #require(try PlantedDifference(in: disk, by: step))
        #expect(planted.sum == 7 && planted.component == "agent_calls")

        try world.start(reportingTo: waldur)
        // One more is told as any other usage is; a figure is never lowered in silence.
        _ = try world.run("report", "submit")
        let found = try world.run("reconcile")
        #expect(found.code == ExitStatus.differences.rawValue, "\(found.output)\(found.errors)")
        #expect(found.errors.contains("counts-disagree: see which of the two is wrong"))
        let lines = try world.lines()
        // Claims and ledger: the agent, and by how much.
        let claims = try line("claims", lines)
        #expect(claims["claimed"] == "7" && claims["ledger"] == "\(7 + step)")
        #expect(claims["difference"] == "\(-step)" && claims["state"] == "differs")
        let doubt =
            "counts-disagree \(-step): agent a: usage has \(7 + step), details of the same calls have 7"
        #expect(found.output.contains(doubt), "\(found.output)")
        // Ledger and Waldur: what is too much was told and billed, what is missing was, and stays.
        let row = try line("row", lines)
        #expect(row["ledger"] == "\(7 + step)" && row["usage"] == (step > 0 ? "8" : "7"))
        #expect(row["state"] == (step > 0 ? "equal" : "differs"))
        if step < 0 {
            #expect(row["difference"] == "-1" && row["resource"] == waldur.resource)
            let loss = "lowered -1 (-0.02): 7 were metered when submission 1 was told, 6 are now"
            #expect(found.output.contains(loss), "\(found.output)")
        }
        #expect(world.stop())
    }

    @Test func `of two Waldurs the one that differs is named, and claims are compared once`() throws
    {
        let world = try World(seed: 831)
        let waldurs = try ["1", "2"].map { try waldur(world, resource: $0) }
        let settings = world.site.directory.path + "/settings.yaml"
        let text = zip(["tallinn", "tartu"], waldurs).map { name, waldur in
            "  \(name):\n    url: \(waldur.url)\n    token-file: \(world.tokenFile)\n"
        }
        try Data(("waldurs:\n" + text.joined()).utf8).write(to: URL(filePath: settings))
        try world.start(["--config", settings])
        let key = try world.prepare()
        try world.bind("a", to: waldurs[0], named: "tallinn")
        try world.bind("b", to: waldurs[1], named: "tartu")
        try world.use(7, by: "a", keyFile: key)
        try world.use(5, by: "b", keyFile: key)
        _ = try world.done("report", "submit")
        let before = try world.run("reconcile")
        #expect(before.code == 0, "\(before.output)\(before.errors)")
        #expect(try waldurs[1].report("6"))

        let both = try world.run("reconcile")
        #expect(both.code == ExitStatus.differences.rawValue, "\(both.errors)")
        for (subject, state) in [
            ("claims", "1 equal"), ("tallinn", "1 equal"), ("tartu", "0 equal"),
        ] {
            let said = both.errors.split(separator: "\n").filter { $0.hasPrefix("\(subject), ") }
            #expect(said.count == 1 && said[0].contains(": \(state), "), "\(both.errors)")
        }
        let lines = try world.lines()
        // The tenant's claim is of what it used in both.
        let claims = try line("claims", lines)
        #expect(claims["ledger"] == "12" && claims["claimed"] == "12" && claims["waldur"] == "")
        let rows = lines.filter { $0["kind"] == "row" }
        #expect(rows.map { $0["waldur"] } == ["tallinn", "tartu"])
        #expect(rows.map { $0["state"] } == ["equal", "differs"])
        #expect(rows.map { $0["difference"] } == ["0", "-1"])
        // Each alone: the whole claim beside it, and nothing of the other.
        let clean = try world.run("reconcile", "--waldur", "tallinn")
        #expect(clean.code == 0 && !clean.errors.contains("tartu"), "\(clean.errors)")
        let differing = try world.run("reconcile", "--waldur", "tartu")
        #expect(differing.code == ExitStatus.differences.rawValue, "\(differing.errors)")
        #expect(!differing.errors.contains("tallinn"))
        let one = try world.lines("--waldur", "tartu")
        #expect(one.count { $0["kind"] == "row" } == 1)
        #expect(try line("claims", one)["ledger"] == "12")
        #expect(world.stop())
    }
}
