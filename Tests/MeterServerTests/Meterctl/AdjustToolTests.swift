import Foundation
import Meter
import MeterTesting
import MeterWire
import Testing

@testable import meterctl

/// Corrections of single events by the real tool, on a real server.
@Suite struct AdjustToolTests {
    private static let program = Program("meterctl")

    private func run(_ arguments: [String], _ server: ServerProcess) throws -> Program.Outcome {
        try Self.program.run(arguments + ["--socket", server.addresses.admin ?? ""])
    }

    /// Binds an agent of `acme` whose plan has one component.
    private func bind(_ agent: Name, _ component: Name, in site: TestSite) throws {
        let (book, _, _) = try Book.open(try POSIXDisk(path: site.data))
        let access = Access(id: AccessID(high: 1, low: 1), tenant: "acme", agent: agent)
        let resource = ResourceID(high: 0xa6e4_7000, low: 1)
        let start = Timestamp(milliseconds: tenMinutesAgo.milliseconds - 86_400_000 * 40)
        try book.append(
            [
                .componentDeclared(Component(name: component, unit: "token")), .accessMade(access),
                .bindingSet(
                    Binding(
                        access: access.id,
                        tenant: "acme",
                        agent: agent,
                        waldur: "waldur",
                        resource: resource,
                        from: try #require(Minute(start)),
                        class: .live
                    )
                ),
                .planPeriodsSeen(
                    PlanPeriodsSeen(
                        waldur: "waldur",
                        resource: resource,
                        periods: [PlanPeriod(id: PlanPeriodID(high: 9, low: 1), start: start)],
                        components: [component],
                        resourceState: "OK"
                    )
                ),
            ],
            author: "test",
            at: start
        )
    }

    /// Calls of one minute.
    private func file(_ site: TestSite, _ count: Int) throws -> String {
        let minute = String(TimeText.text(tenMinutesAgo)?.prefix(17) ?? "") + "00Z"
        var text = "time,tenant,agent,component,amount\n"
        for index in 0..<count { text += "\(minute),acme,bot\(index % 5),tokens,\(index % 9)\n" }
        let path = site.directory.path + "/lost.csv"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private func expected(_ count: Int) -> UInt64 {
        (0..<count).map { UInt64($0 % 9) }.reduce(0, +)
    }

    private func total(_ server: ServerProcess) throws -> UInt64 {
        let shown = try run(["usage", "tokens", "-o", "json"], server)
        try #require(shown.code == 0, "\(shown.errors)")
        let json = try JSONSerialization.jsonObject(with: Data(shown.output.utf8))
        let rows = (json as? [String: Any])?["data"] as? [[String: Any]] ?? []
        return rows.compactMap { $0["value"] as? String }.compactMap { UInt64($0) }.reduce(0, +)
    }

    private func digest(_ dryRun: Program.Outcome) throws -> String {
        let line = dryRun.errors.split(separator: "\n").last { $0.hasPrefix("digest ") }
        return String(try #require(line, "\(dryRun.errors)").dropFirst(7))
    }

    @Test func `events of a source are looked at, voided once, and taken back`() throws {
        let site = try TestSite(seed: 310)
        let (_, key) = try site.addKey()
        try bind("agent-1", "agent_calls", in: site)
        var server = try site.start()
        var emitter = RawEmitter(seed: 311, key: key, tenant: "acme")
        for _ in 0..<3 { _ = emitter.makeFrame(40) }
        #expect(try emitter.settle(tcp: server.addresses.tcp ?? ""))
        // What was acknowledged is found after a kill, too.
        server.kill()
        server = try site.start()

        let void = [
            "adjust", "void", "--source", "\(emitter.source)", "--first-sequence", "30",
            "--last-sequence", "69", "--reason", "ticket 311",
        ]
        let dry = try run(void + ["--dry-run", "-o", "csv"], server)
        #expect(dry.code == 0 && dry.errors.contains("40 events"), "\(dry.errors)")
        let wanted = emitter.frames.flatMap(\.events)[30..<70]
            .count { $0.agent == "agent-1" && $0.access == nil }
        let row = dry.output.split(separator: "\n").first { $0.contains(",lands,") }
        #expect(row?.contains(",agent_calls,-\(wanted).00,lands,") ?? false, "\(dry.output)")
        // Nobody is there to ask.
        #expect(try run(void, server).code == ExitStatus.precondition.rawValue)
        let other = try run(
            void + ["--yes", "--digest", String(repeating: "0", count: 64)], server)
        #expect(other.code == ExitStatus.precondition.rawValue)
        let done = try run(void + ["--yes", "--digest", try digest(dry)], server)
        #expect(done.code == 0 && done.errors.contains("adjustment 1"), "\(done.errors)")
        let again = try run(void + ["--yes"], server)
        #expect(again.code == ExitStatus.precondition.rawValue)
        #expect(again.errors.contains("All 40 of these events are voided already"))

        // The stored usage is what the journal says, and the ledger the same with its corrections.
        let month = String(TimeText.text(tenMinutesAgo)?.prefix(7) ?? "")
        let recount = try run(["recount", "--period", month], server)
        #expect(recount.code == 0, "\(recount.output) \(recount.errors)")
        let reverted = try run(
            ["adjust", "revert", "1", "--reason", "it was no loop", "--yes"], server)
        #expect(reverted.code == 0 && reverted.errors.contains("adjustment 2"))
        let list = try run(["adjust", "list", "-o", "csv"], server)
        #expect(list.output.contains("1,void,reverted,acme,"), "\(list.output)")
        #expect(list.output.contains("2,revert,in-force,acme,"), "\(list.output)")
        #expect(server.stop() == 0)
    }

    @Test func `a file is looked at, counted once for ever, and taken back`() throws {
        let site = try TestSite(seed: 312)
        try bind("bot3", "tokens", in: site)
        let server = try site.start()
        let path = try file(site, 90)
        let backfill = ["adjust", "backfill", path, "--reason", "lost"]
        let dry = try run(backfill + ["--dry-run"], server)
        #expect(dry.code == 0 && dry.output.contains("lands"), "\(dry.errors)")
        #expect(dry.errors.contains("bot3") && dry.errors.contains("90 events"), "\(dry.errors)")
        // Nobody is there to ask.
        #expect(try run(backfill, server).code == ExitStatus.precondition.rawValue)
        let zeros = String(repeating: "0", count: 64)
        let other = try run(backfill + ["--yes", "--digest", zeros], server)
        #expect(other.code == ExitStatus.precondition.rawValue)
        #expect(try total(server) == 0)
        let done = try run(backfill + ["--yes", "--digest", try digest(dry)], server)
        #expect(done.code == 0 && done.errors.contains("adjustment 1"), "\(done.errors)")
        #expect(try total(server) == expected(90))
        let looked = try run(backfill + ["--dry-run"], server)
        #expect(looked.errors.contains("the file is adjustment 1: the same file counts once"))
        #expect(looked.code == 0 && looked.output.isEmpty, "\(looked.output)")
        let again = try run(backfill + ["--yes"], server)
        #expect(again.code == 0 && again.errors.contains("nothing changed"), "\(again.errors)")
        #expect(try total(server) == expected(90))

        let shown = try run(["adjust", "show", "1"], server)
        #expect(shown.errors.contains("lost.csv, 90 events, sha256 "), "\(shown.errors)")
        #expect(shown.errors.contains("backfill, in-force, by "), "\(shown.errors)")
        let revert = ["adjust", "revert", "1", "--reason", "came after all", "--yes"]
        let reverted = try run(revert, server)
        #expect(reverted.code == 0 && reverted.errors.contains("adjustment 2"))
        let list = try run(["adjust", "list", "-o", "csv"], server)
        #expect(list.output.contains("1,backfill,reverted,acme,"), "\(list.output)")
        #expect(list.output.contains("2,revert,in-force,acme,"), "\(list.output)")
        #expect(try run(backfill + ["--yes"], server).code == ExitStatus.precondition.rawValue)
        // With both in it the month is what the journal says.
        let month = String(TimeText.text(tenMinutesAgo)?.prefix(7) ?? "")
        let recount = try run(["recount", "--period", month], server)
        #expect(recount.code == 0, "\(recount.output) \(recount.errors)")
        let bad = site.directory.path + "/bad.csv"
        try "time,tenant,agent,component,amount\nnow,acme,a,tokens,1\n"
            .write(toFile: bad, atomically: true, encoding: .utf8)
        let refused = try run(["adjust", "backfill", bad, "--reason", "x"], server)
        #expect(refused.code != 0 && refused.errors.contains("line 2"), "\(refused.errors)")
        #expect(server.stop() == 0)
    }

    @Test(arguments: [0, 400, 1_000, 2_000])
    func `a backfill in the midst of which the server is killed is counted whole, once`(
        milliseconds: Int
    ) throws {
        let site = try TestSite(seed: 400 + UInt64(milliseconds))
        try bind("bot3", "tokens", in: site)
        var server = try site.start()
        let count = 40_000
        let backfill = [
            "adjust", "backfill", try file(site, count), "--reason", "lost", "--yes",
        ]
        let socket = server.addresses.admin ?? ""
        let end = DispatchSemaphore(value: 0)
        Thread {
            _ = try? Self.program.run(backfill + ["--socket", socket])
            end.signal()
        }.start()
        Thread.sleep(forTimeInterval: Double(milliseconds) / 1_000)
        server.kill()
        end.wait()
        server = try site.start()
        // Nothing, or, at once or a moment later, all of it.
        let found = try total(server)
        let begun = try run(["adjust", "list", "-o", "csv"], server).output
        #expect(found == 0 || begun.contains("1,backfill,"))
        let again = try run(backfill, server)
        #expect(again.code == 0, "\(again.errors)")
        #expect(try total(server) == expected(count))
        let list = try run(["adjust", "list", "-o", "csv"], server)
        #expect(list.output.contains("1,backfill,in-force,acme,"), "\(list.output)")
        #expect(server.stop() == 0)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: site.data)
                .allSatisfy { !$0.hasPrefix("backfill-") }
        )
    }
}
