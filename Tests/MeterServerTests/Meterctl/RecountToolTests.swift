import Foundation
import Meter
import MeterTesting
import MeterWire
import Testing

@testable import meterctl

/// A month recounted by the real tool, from a real server's directory.
@Suite struct RecountToolTests {
    private static let program = Program("meterctl")

    private static var month: String {
        String(TimeText.text(tenMinutesAgo)?.prefix(7) ?? "")
    }

    private func run(_ arguments: [String], _ server: ServerProcess) throws -> Program.Outcome {
        try Self.program.run(arguments + ["--socket", server.addresses.admin ?? ""])
    }

    private static func usageRows(_ csv: String) -> [Substring] {
        csv.split(separator: "\n").filter { $0.hasPrefix("usage,") }
    }

    @Test func `a planted difference of one unit is found and named, by the server and in a copy`()
        throws
    {
        let site = try TestSite(seed: 601)
        let (_, key) = try site.addKey()
        var server = try site.start()
        var emitter = RawEmitter(seed: 602, key: key, tenant: "acme")
        for _ in 0..<5 { _ = emitter.makeFrame(40) }
        #expect(try emitter.settle(tcp: server.addresses.tcp ?? ""))
        let recount = ["recount", "--period", Self.month]
        let equal = try run(recount + ["-o", "json"], server)
        #expect(equal.code == 0, "\(equal.errors)")
        let document = try JSONSerialization.jsonObject(with: Data(equal.output.utf8))
        let members = try #require(document as? [String: Any])
        #expect(members["records"] as? String == "5")
        #expect((members["differences"] as? [Any])?.isEmpty == true)
        #expect(members["keptSince"] is NSNull)
        let shown = try run(["retention", "show", "-o", "csv"], server)
        #expect(shown.output.contains("journal,100 days"), "\(shown.output) \(shown.errors)")
        #expect(try run(["retention", "apply", "--dry-run"], server).code == 0)
        #expect(try run(["status"], server).output.contains("all that ever came"))
        #expect(server.stop() == 0)

        let copy = ["--offline", site.data]
        let offline = try Self.program.run(recount + copy)
        #expect(offline.code == 0, "\(offline.errors)")
        // A stop writes no checkpoint; this one has everything in a segment.
        server = try site.start(["--checkpoint-seconds", "1"])
        _ = emitter.makeFrame(3)
        #expect(try emitter.settle(tcp: server.addresses.tcp ?? ""))
        let disk = try site.waitForSegment()
        #expect(server.stop() == 0)
        let planted = try #require(try PlantedDifference(in: disk))

        server = try site.start()
        let found = try run(recount + ["-o", "csv"], server)
        #expect(found.code == ExitStatus.differences.rawValue, "\(found.errors)")
        let minute = try #require(TimeText.text(planted.minute.start)).prefix(16)
        let row = found.output.split(separator: "\n").first { $0.hasPrefix("usage,") }
        let cells = row?.split(separator: ",", omittingEmptySubsequences: false) ?? []
        try #require(cells.count > 10, "\(found.output)")
        #expect(cells[2] == "acme" && cells[5] == ComponentVariant.label(planted.component))
        #expect(cells[6].hasPrefix(minute) && cells[10] == "1")
        #expect(found.output.contains("footer,\(planted.file)"))
        #expect(server.stop() == 0)
        let again = try Self.program.run(recount + copy + ["-o", "csv"])
        #expect(again.code == ExitStatus.differences.rawValue)
        #expect(again.output.contains(minute))

        // Usage is one Waldur's like another's: what differs in it is said once.
        let (book, _, _) = try Book.open(disk)
        for (number, waldur) in ["one", "two"].enumerated() {
            let id = AccessID(high: 1, low: UInt64(number))
            try book.append(
                [
                    .accessMade(Access(id: id, tenant: "acme", agent: Name(waldur))),
                    .bindingSet(
                        Binding(
                            access: id, tenant: "acme", agent: Name(waldur),
                            waldur: WaldurID(waldur), resource: ResourceID(high: 1, low: 1),
                            from: planted.minute, class: .live)),
                ],
                author: "test", at: planted.minute.start)
        }
        let twice = try Self.program.run(recount + copy + ["-o", "csv"])
        #expect(twice.code == ExitStatus.differences.rawValue, "\(twice.errors)")
        #expect(Self.usageRows(twice.output) == Self.usageRows(again.output))
        #expect(Self.usageRows(twice.output).count >= 1)
    }
}
