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
}
