import Foundation
import Meter
import MeterDisk
import MeterTesting
import MeterWire
import Testing

@testable import meterctl

/// Faults planted into a real server and its directory: doctor names each of them.
@Suite struct DoctorTests {
    private static let program = Program("meterctl")

    private struct Finding: CustomStringConvertible {
        let check: String
        let state: String
        let found: String
        let advice: String

        var description: String { "\(check): \(state): \(found) (\(advice))" }
    }

    private struct Examination {
        let code: Int32
        let findings: [Finding]

        func state(_ check: String) -> String? { findings.first { $0.check == check }?.state }

        func found(_ check: String) -> String {
            findings.filter { $0.check == check }.map(\.description).joined(separator: "\n")
        }
    }

    private func examine(_ arguments: [String]) throws -> Examination {
        let shown = try Self.program.run(["doctor", "-o", "json"] + arguments)
        let object = try JSONSerialization.jsonObject(with: Data(shown.output.utf8))
        let rows = (object as? [String: Any])?["checks"] as? [[String: Any]] ?? []
        try #require(!rows.isEmpty, "\(shown.output) \(shown.errors)")
        return Examination(
            code: shown.code,
            findings: rows.map { row in
                func text(_ name: String) -> String { row[name] as? String ?? "" }
                return Finding(
                    check: text("check"),
                    state: text("state"),
                    found: text("found"),
                    advice: text("whatToDo")
                )
            }
        )
    }

    private func examine(_ site: TestSite, _ server: ServerProcess) throws -> Examination {
        try examine(["--data", site.data, "--socket", server.addresses.admin ?? ""])
    }

    /// What depends on the machine, and on how busy it is, may be as it is.
    private static let ofTheMachine: Set = ["disk space", "sync time"]

    private static func expectHealthy(_ examination: Examination, but known: Set<String> = []) {
        #expect(examination.findings.count > ofTheMachine.count)
        for finding in examination.findings
        where !ofTheMachine.union(known).contains(finding.check) {
            #expect(["good", "note"].contains(finding.state), "\(finding)")
        }
    }

    /// A server with usage of one agent, over a source that never said its last.
    private func site(
        _ arguments: [String] = []
    ) throws -> (site: TestSite, server: ServerProcess, emitter: RawEmitter) {
        let site = try TestSite(seed: 311)
        unsafe chmod(site.masterKeyFile, 0o600)
        let (_, key) = try site.addKey()
        unsafe chmod(site.data, 0o700)
        let server = try site.start(arguments)
        var emitter = RawEmitter(seed: 312, key: key, tenant: "acme")
        _ = emitter.makeFrame(20)
        #expect(try emitter.settle(tcp: server.addresses.tcp ?? ""))
        return (site, server, emitter)
    }

    /// Of a source that has not said how far it is nobody knows up to when usage is complete.
    private static let openSource: Set = ["completeness"]

    @Test func `nothing is wrong with a healthy server, and what is wrong is named`() throws {
        let (site, server, _) = try site()
        let healthy = try examine(site, server)
        Self.expectHealthy(healthy, but: Self.openSource)
        #expect(healthy.found("directory lock").contains("held by process"))
        unsafe chmod(site.masterKeyFile, 0o644)
        unsafe chmod(site.data, 0o755)
        let open = try examine(site, server)
        // A disk that takes long is worse than a file that others may open.
        #expect([ExitStatus.precondition, .failed].map(\.rawValue).contains(open.code))
        #expect(open.found("master key file").contains("chmod 600 \(site.masterKeyFile)"))
        #expect(open.found("permissions").contains("chmod 700 \(site.data)"))
        unsafe chmod(site.data, 0o700)
        unsafe chmod(site.data + "/book.mb", 0o644)
        #expect(try examine(site, server).state("permissions") == "note")
        #expect(server.stop() == 0)
        let gone = try examine(["--data", site.data])
        #expect(gone.code == ExitStatus.unavailable.rawValue)
        #expect(gone.state("server") == "unreachable")
        #expect(gone.state("sync time") != nil)
        Self.expectHealthy(try examine(["--offline", "--data", site.data]))
        let nowhere = try examine(["--offline", "--data", "/nowhere"])
        #expect(nowhere.code == 1 && nowhere.state("data directory") == "error")
    }

    @Test func `a lock that nobody holds under a server, or somebody without one, is named`() throws
    {
        let (site, server, _) = try site()
        // A lock file that somebody removed lets a second server in.
        try FileManager.default.removeItem(atPath: site.data + "/lock")
        let removed = try examine(site, server)
        #expect(removed.state("directory lock") == "error")
        #expect(removed.found("directory lock").contains("no lock file"))
        try Data("4711\n".utf8).write(to: URL(filePath: site.data + "/lock"))
        let other = try examine(site, server)
        #expect(other.state("directory lock") == "error", "\(other.found("directory lock"))")
        #expect(other.found("directory lock").contains("nobody holds"))
        #expect(server.stop() == 0)
        #expect(try examine(["--offline", "--data", site.data]).state("directory lock") == "good")
        let lock = try DirectoryLock(path: site.data)
        let held = "held by process \(getpid())"
        let offline = try examine(["--offline", "--data", site.data])
        #expect(offline.found("directory lock").contains(held))
        #expect(offline.state("directory lock") == "good")
        let hanging = try examine(["--data", site.data])
        #expect(hanging.state("directory lock") == "error")
        #expect(hanging.found("directory lock").contains("\(held), and no server answers"))
        withExtendedLifetime(lock) {}
    }

    @Test func `faults of files are named one by one`() throws {
        let (site, server, _) = try site(["--checkpoint-seconds", "1"])
        let end = Date().addingTimeInterval(60)
        func names() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: site.data)
        }
        while try !names().contains(where: { $0.hasPrefix("dedup-") }), Date() < end {
            usleep(20_000)
        }
        #expect(server.stop() == 0)
        let data = URL(filePath: site.data)
        func offline() throws -> Examination { try examine(["--offline", "--data", site.data]) }
        Self.expectHealthy(try offline())
        try Data([1]).write(to: data.appending(path: "journal-0000000001.torn"))
        #expect(try offline().state("torn ends") == "note")
        // Written to two hours after the newest checkpoint.
        for name in try names() where name.hasPrefix("dedup-") {
            try FileManager.default.setAttributes(
                [.modificationDate: Date().addingTimeInterval(-7_200)],
                ofItemAtPath: site.data + "/" + name
            )
        }
        let late = try offline()
        #expect(late.state("checkpoint") == "warning", "\(late.found("checkpoint"))")
        for name in try names() where name.hasPrefix("journal-") || name.hasPrefix("dedup-") {
            try FileManager.default.removeItem(atPath: site.data + "/" + name)
        }
        #expect(try offline().state("journal") == "note")
        let empty = try TemporaryDirectory()
        unsafe chmod(empty.path, 0o700)
        let unused = try examine(["--offline", "--data", empty.path])
        #expect(unused.state("directory lock") == "note")
    }

    @Test func `secrets that others may read, or that are gone, are named`() throws {
        let (site, first, _) = try site()
        #expect(first.stop() == 0)
        let certificates = try TestCertificates(in: site.directory.path)
        _ = try certificates.authority("ca")
        let pair = try certificates.certificate("server", by: "ca")
        let token = site.directory.path + "/token"
        try Data("x".utf8).write(to: URL(filePath: token))
        for file in [token, pair.key] { unsafe chmod(file, 0o600) }
        let server = try site.start([
            "--https", "127.0.0.1:0", "--tls-certificate-file", pair.certificate,
            "--tls-key-file", pair.key, "--waldur-url", "http://127.0.0.1:9/api/",
            "--waldur-token-file", token,
        ])
        let closed = try examine(site, server)
        for check in ["TLS key file", "Waldur's token file", "master key file"] {
            #expect(closed.state(check) == "good", "\(closed.found(check))")
        }
        unsafe chmod(pair.key, 0o640)
        unsafe chmod(token, 0o604)
        try FileManager.default.removeItem(atPath: site.masterKeyFile)
        let open = try examine(site, server)
        #expect(open.found("TLS key file").contains("chmod 600 \(pair.key)"))
        #expect(open.found("Waldur's token file").contains("chmod 600 \(token)"))
        #expect(open.state("master key file") == "error")
        #expect(open.code == ExitStatus.failed.rawValue)
        // Waldur is nowhere, and everything else was looked at all the same.
        #expect(["error", "warning"].contains(open.state("map") ?? ""), "\(open.findings)")
        #expect(open.state("unassigned") == "warning", "\(open.findings)")
        #expect(server.stop() == 0)
    }

    @Test func `what came and what is missing is told by who must act`() throws {
        // The server's clock stands ten minutes back, so that what it hears now was silent since.
        let site = try TestSite(seed: 313)
        let (_, key) = try site.addKey()
        let server = try site.start(["--clock-offset-seconds", "-600"])
        let tcp = server.addresses.tcp ?? ""
        var emitter = RawEmitter(seed: 314, key: key, tenant: "acme")
        _ = emitter.makeFrame(4)
        _ = emitter.makeFrame(4)
        let lost = emitter.frames[0]
        let socket = try TestSocket(tcp: tcp)
        try socket.send(RawEmitter.framed(emitter.frames[1].bytes))
        // Another life with the same numbers, and other contents.
        var other = RawEmitter(seed: 314, key: key, tenant: "zeta")
        _ = other.makeFrame(4)
        _ = other.makeFrame(4)
        _ = try other.settle(tcp: tcp, milliseconds: 2_000)
        let soon = Date().addingTimeInterval(3 * 86_400).formatted(.iso8601)
        let created = try Self.program.run([
            "keys", "create", "http", "--tenant", "acme", "--expires", soon, "--socket",
            server.addresses.admin ?? "",
        ])
        #expect(created.code == 0, "\(created.errors)")
        let found = try examine(site, server)
        #expect(found.state("clock") == "note")
        #expect(found.found("sources").contains("quarantined"), "\(found.findings)")
        #expect(found.found("sources").contains("silent without a last claim"))
        #expect(found.found("keys").contains("within 14 days"))
        #expect(found.state("completeness") == "warning")
        #expect(found.code == ExitStatus.failed.rawValue)
        #expect(lost.sequences.lowerBound == 0)
        #expect(server.stop() == 0)
    }

    @Test func `numbers that did not come and were not accepted as lost are a finding`() throws {
        let (site, server, emitter) = try site()
        var gone = emitter
        _ = gone.makeFrame(5)
        _ = gone.makeFrame(5)
        let socket = try TestSocket(tcp: server.addresses.tcp ?? "")
        try socket.send(RawEmitter.framed(try #require(gone.frames.last).bytes))
        _ = socket.receive(milliseconds: 5_000)
        let found = try examine(site, server)
        #expect(found.state("gaps") == "warning", "\(found.findings)")
        #expect(server.stop() == 0)
    }

    @Test func `a server that anybody may send to is one that doctor warns of`() throws {
        let site = try TestSite(seed: 315)
        _ = try site.addKey()
        let server = try ServerProcess(data: site.data, ["--insecure-loopback"])
        let found = try examine(site, server)
        #expect(found.state("master key") == "warning", "\(found.findings)")
        #expect(server.stop() == 0)
        let keyless = try ServerProcess(
            data: site.data,
            ["--udp", "off", "--tcp", "off"],
            hasFreePorts: false
        )
        #expect(try examine(site, keyless).state("master key") == "note")
        #expect(keyless.stop() == 0)
    }
}
