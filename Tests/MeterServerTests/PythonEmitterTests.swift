internal import Foundation
internal import Meter
internal import MeterTesting
internal import MeterWire
internal import Testing

/// The one-file Python emitter, written from Documentation/Wire.md alone, against the real server.
@Suite struct PythonEmitterTests {
    @Test(arguments: ["udp", "tcp", "tls"])
    func `what the Python emitter records is counted once`(door: String) throws {
        let site = try TestSite(seed: 97)
        let (_, key) = try site.addKey()
        let certificates = try TestCertificates(in: site.directory.path)
        let authority = try certificates.authority("authority")
        let identity = try certificates.certificate("server", by: "authority")
        let own = try certificates.certificate("runtime", by: "authority")
        let server = try site.start([
            "--tcp-tls", "127.0.0.1:0", "--tls-certificate-file", identity.certificate,
            "--tls-key-file", identity.key, "--tls-client-ca-file", authority.certificate,
        ])
        let addresses = server.addresses
        let address = ["udp": addresses.udp, "tcp": addresses.tcp, "tls": addresses.tcpTLS][door]
        let emitter = Process()
        emitter.executableURL = URL(filePath: "/usr/bin/env")
        let package = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        emitter.arguments = [
            "python3", package.appending(path: "emitters/python/meter_emitter.py").path,
            "--url", "\(door)://\((address ?? nil) ?? "")", "--tenant", "acme", "--agent", "bot",
            "--events", "1000",
        ]
        if door == "tls" {
            emitter.arguments? += [
                "--ca-file", authority.certificate, "--certificate-file", own.certificate,
                "--key-file", own.key,
            ]
        }
        emitter.environment = ProcessInfo.processInfo.environment.merging(
            ["METER_KEY": key.text]) { $1 }
        try emitter.run()
        emitter.waitUntilExit()
        #expect(emitter.terminationStatus == 0)
        #expect(server.stop() == 0)
        let stored = try site.stored()
        let calls = stored.totals.totals.filter { $0.key.component == "agent_calls" }
        #expect(calls.values.reduce(0) { $0 + $1.sum } == 1_000)
        #expect(stored.sources.values.allSatisfy { $0.isEnded })
        #expect(stored.sources.count == 1)
    }
}
