internal import Foundation
internal import Meter
internal import MeterTesting
internal import MeterWire
internal import Testing

/// TLS at the real server's doors, with certificates that the tests make and OpenSSL as the other side.
@Suite struct TLSTests {
    private let site: TestSite
    private let key: WireKey
    private let certificates: TestCertificates
    private let authority: TestCertificates.Pair
    private let identity: TestCertificates.Pair

    init() throws {
        site = try TestSite(seed: 140)
        key = try site.addKey().1
        certificates = try TestCertificates(in: site.directory.path)
        authority = try certificates.authority("authority")
        identity = try certificates.certificate("server", by: "authority")
    }

    private func start(
        _ arguments: [String] = [],
        showing pair: TestCertificates.Pair? = nil
    ) throws -> ServerProcess {
        let shown = pair ?? identity
        return try site.start(
            [
                "--tcp-tls", "127.0.0.1:0", "--https", "127.0.0.1:0", "--tls-certificate-file",
                shown.certificate, "--tls-key-file", shown.key,
            ] + arguments
        )
    }

    /// Sends everything outstanding through a TLS connection.
    private func settle(_ emitter: inout RawEmitter, through client: TLSClient) throws -> Bool {
        for frame in emitter.outstanding { try client.send(RawEmitter.framed(frame.bytes)) }
        let end = Date().addingTimeInterval(60)
        while !emitter.outstanding.isEmpty, Date() < end {
            guard let bytes = client.receive(milliseconds: 100) else { continue }
            if bytes.isEmpty { break }
            try emitter.receive(bytes)
        }
        emitter.forgetIncoming()
        return emitter.outstanding.isEmpty
    }

    private func failures(_ reason: String, door: String = "tcp") -> String {
        "meter_tls_handshake_failures_total{door=\"\(door)\",reason=\"\(reason)\"}"
    }

    @Test func `frames inside TLS are counted once, beside plain ones`() throws {
        let server = try start()
        var emitter = RawEmitter(seed: 141, key: key)
        for _ in 0..<100 { _ = emitter.makeFrame(50) }
        let client = try TLSClient(server.addresses.tcpTLS ?? "", trusting: authority)
        #expect(try settle(&emitter, through: client), "\(client.log)")
        for _ in 0..<100 { _ = emitter.makeFrame(50) }
        #expect(try emitter.settle(tcp: server.addresses.tcp ?? ""))
        #expect(
            try server.metric(#"meter_tls_handshakes_total{door="tcp",version="1.3"}"#) == 1)
        #expect(server.stop() == 0)
        #expect(try site.stored().totals == emitter.totals)
    }

    @Test func `HTTP inside TLS answers as without`() throws {
        let server = try start()
        let client = try TLSClient(server.addresses.https ?? "", trusting: authority, ["-tls1_2"])
        try client.send(
            Array("GET /healthz HTTP/1.1\r\nHost: meter\r\nConnection: close\r\n\r\n".utf8))
        var answer: [UInt8] = []
        while let bytes = client.receive(milliseconds: 60_000), !bytes.isEmpty { answer += bytes }
        let text = String(decoding: answer, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 200"), "\(text) \(client.log)")
        #expect(text.contains("alive"))
        #expect(
            try server.metric(#"meter_tls_handshakes_total{door="https",version="1.2"}"#) == 1)
        #expect(server.stop() == 0)
    }

    @Test func `a client that trusts another authority sends nothing, and it is counted why`()
        throws
    {
        let other = try certificates.authority("other")
        let server = try start()
        let client = try TLSClient(server.addresses.tcpTLS ?? "", trusting: other)
        #expect(client.waitUntilExit() != 0)
        #expect(client.log.contains("certificate"))
        try waitUntil(seconds: 60) {
            try server.metric(failures("server-certificate-refused")) == 1
        }
        #expect(server.stop() == 0)
    }

    @Test func `an expired certificate is refused by clients, and named to the operator`() throws {
        let expired = try certificates.certificate("expired", by: "authority", isExpired: true)
        let server = try start(showing: expired)
        let client = try TLSClient(server.addresses.tcpTLS ?? "", trusting: authority)
        #expect(client.waitUntilExit() != 0)
        #expect(client.log.contains("expired"))
        let ready = try server.get("/readyz")
        #expect(ready.status == 200)
        #expect(ready.body.contains("certificate-ending"))
        #expect(ready.body.contains("has ended"))
        #expect(server.stop() == 0)
    }

    @Test func `plain bytes on the TLS port end the connection and nothing else`() throws {
        let server = try start(["--limits-first-frame-seconds", "120"])
        var emitter = RawEmitter(seed: 142, key: key)
        let plain = try TestSocket(tcp: server.addresses.tcpTLS ?? "")
        try plain.send(RawEmitter.framed(emitter.makeFrame(3)))
        while let bytes = plain.receive(milliseconds: 60_000), !bytes.isEmpty {}
        let http = try TestSocket(tcp: server.addresses.https ?? "")
        try http.send(Array("GET / HTTP/1.1\r\nHost: meter\r\n\r\n".utf8))
        while let bytes = http.receive(milliseconds: 60_000), !bytes.isEmpty {}
        try waitUntil(seconds: 60) { try server.metric(failures("not-tls")) == 1 }
        try waitUntil(seconds: 60) { try server.metric(failures("not-tls", door: "https")) == 1 }
        let client = try TLSClient(server.addresses.tcpTLS ?? "", trusting: authority)
        #expect(try settle(&emitter, through: client))
        #expect(try server.metric("meter_tcp_connections") == 1)
        #expect(server.stop() == 0)
    }

    @Test func `a connection that says nothing is not waited for`() throws {
        let server = try start(["--limits-first-frame-seconds", "1"])
        let silent = try TestSocket(tcp: server.addresses.tcpTLS ?? "")
        let silentHTTP = try TestSocket(tcp: server.addresses.https ?? "")
        #expect(silent.receive(milliseconds: 60_000) == [])
        #expect(silentHTTP.receive(milliseconds: 60_000) == [])
        try waitUntil(seconds: 60) { try server.metric(failures("timeout", door: "https")) == 1 }
        #expect(server.stop() == 0)
    }

    @Test func `noise inside and before TLS ends nothing`() throws {
        let server = try start()
        var random = Seed(143)
        for round in 0..<60 {
            let socket = try TestSocket(tcp: server.addresses.tcpTLS ?? "")
            var bytes = (0..<(1 + random.below(600))).map { _ in UInt8(random.below(256)) }
            // A record's head before the noise leads further into the handshake.
            if round % 2 == 0 {
                bytes = [0x16, 3, 1, UInt8(bytes.count >> 8), UInt8(bytes.count & 255)] + bytes
            }
            try? socket.send(bytes)
            _ = socket.receive(milliseconds: 20)
        }
        let client = try TLSClient(server.addresses.tcpTLS ?? "", trusting: authority)
        try client.send((0..<500).map { _ in UInt8(random.below(256)) })
        #expect(client.receive(milliseconds: 60_000)?.isEmpty ?? false)
        var emitter = RawEmitter(seed: 144, key: key)
        _ = emitter.makeFrame(5)
        let good = try TLSClient(server.addresses.tcpTLS ?? "", trusting: authority)
        #expect(try settle(&emitter, through: good))
        #expect(server.stop() == 0)
    }

    @Test func `a version that is too old is refused`() throws {
        let server = try start(["--tls-minimum-version", "1.3"])
        let client = try TLSClient(server.addresses.tcpTLS ?? "", trusting: authority, ["-tls1_2"])
        #expect(client.waitUntilExit() != 0)
        try waitUntil(seconds: 60) { try server.metric(failures("old-version")) == 1 }
        #expect(server.stop() == 0)
    }

    @Test(arguments: ["required", "optional"])
    func `clients' certificates are asked for, checked and named`(mode: String) throws {
        let clients = try certificates.authority("clients")
        let good = try certificates.certificate("runtime-1", by: "clients")
        let expired = try certificates.certificate("runtime-0", by: "clients", isExpired: true)
        let foreign = try certificates.certificate("stranger", by: "authority")
        let server = try start([
            "--tls-client-ca-file", clients.certificate, "--tls-client-certificates", mode,
        ])
        let address = server.addresses.tcpTLS ?? ""
        func isServed(_ own: TestCertificates.Pair?, seed: UInt64) throws -> Bool {
            var emitter = RawEmitter(seed: seed, key: key)
            _ = emitter.makeFrame(3)
            return try settle(
                &emitter,
                through: try TLSClient(address, trusting: authority, showing: own)
            )
        }
        #expect(try isServed(good, seed: 145))
        #expect(try isServed(nil, seed: 146) == (mode == "optional"))
        #expect(try !isServed(expired, seed: 147))
        #expect(try !isServed(foreign, seed: 148))
        #expect(server.log.contains("runtime-1"))
        #expect(!server.log.contains("stranger"))
        try waitUntil(seconds: 60) {
            try server.metric(failures("client-certificate-refused")) == 2
        }
        if mode == "required" {
            try waitUntil(seconds: 60) { try server.metric(failures("no-client-certificate")) == 1 }
        }
        // Who they are is for administrators only.
        #expect(try !server.get("/metrics").body.contains("runtime-1"))
        // A certificate lets in and no more: without a key nothing counts.
        var unsigned = RawEmitter(seed: 149, key: nil)
        _ = unsigned.makeFrame(3)
        let client = try TLSClient(address, trusting: authority, showing: good)
        #expect(try !settle(&unsigned, through: client))
        #expect(server.stop() == 0)
    }

    @Test func `a new certificate is taken over at SIGHUP, and nobody is disconnected`() throws {
        let server = try start()
        let address = server.addresses.tcpTLS ?? ""
        var emitter = RawEmitter(seed: 150, key: key)
        let old = try TLSClient(address, trusting: authority)
        _ = emitter.makeFrame(5)
        #expect(try settle(&emitter, through: old))
        let newAuthority = try certificates.authority("new")
        let renewed = try certificates.certificate("renewed", by: "new")
        try Self.replace(identity, by: renewed)
        server.signal(SIGHUP)
        try waitUntil(seconds: 60) {
            try server.metric(#"meter_tls_reloads_total{result="replaced"}"#) >= 1
        }
        _ = emitter.makeFrame(5)
        #expect(try settle(&emitter, through: old), "the old connection goes on")
        let new = try TLSClient(address, trusting: newAuthority)
        _ = emitter.makeFrame(5)
        #expect(try settle(&emitter, through: new))
        let mistaken = try TLSClient(address, trusting: authority)
        #expect(mistaken.waitUntilExit() != 0)
        #expect(server.isRunning)
        #expect(server.stop() == 0)
        #expect(try site.stored().totals == emitter.totals)
    }

    @Test func `files that changed are read without being asked, and a broken one changes nothing`()
        throws
    {
        let server = try start()
        let address = server.addresses.tcpTLS ?? ""
        let newAuthority = try certificates.authority("new")
        let renewed = try certificates.certificate("renewed", by: "new")
        // The certificate without its key: the operator is halfway, or made a mistake.
        let oldKey = try Data(contentsOf: URL(filePath: identity.key))
        try Self.replace(identity, by: renewed)
        try oldKey.write(to: URL(filePath: identity.key), options: .atomic)
        try waitUntil(seconds: 60) {
            try server.get("/readyz").body.contains("certificate-failing")
        }
        #expect(try server.get("/readyz").status == 200)
        var emitter = RawEmitter(seed: 151, key: key)
        _ = emitter.makeFrame(5)
        #expect(try settle(&emitter, through: try TLSClient(address, trusting: authority)))
        try Self.replace(identity, by: renewed)
        try waitUntil(seconds: 60) {
            try !server.get("/readyz").body.contains("certificate-failing")
        }
        _ = emitter.makeFrame(5)
        #expect(try settle(&emitter, through: try TLSClient(address, trusting: newAuthority)))
        // Files that are gone for a while and come back as they were.
        let away = identity.key + ".away"
        try FileManager.default.moveItem(atPath: identity.key, toPath: away)
        try waitUntil(seconds: 60) {
            try server.get("/readyz").body.contains("certificate-failing")
        }
        try FileManager.default.moveItem(atPath: away, toPath: identity.key)
        try waitUntil(seconds: 60) {
            try !server.get("/readyz").body.contains("certificate-failing")
        }
        #expect(server.stop() == 0)
    }

    @Test func `SIGHUP ends no server that speaks no TLS`() throws {
        let server = try site.start()
        server.signal(SIGHUP)
        var emitter = RawEmitter(seed: 152, key: key)
        _ = emitter.makeFrame(5)
        #expect(try emitter.settle(tcp: server.addresses.tcp ?? ""))
        #expect(server.isRunning)
        #expect(server.stop() == 0)
    }

    @Test func `what TLS cannot work with ends with 78 and names the key`() throws {
        let other = try certificates.certificate("other", by: "authority")
        let garbage = site.directory.path + "/garbage"
        try Data("no certificate\n".utf8).write(to: URL(filePath: garbage))
        let base = [
            "config", "check", "--data", site.data, "--master-key-file", site.masterKeyFile,
            "--tcp-tls", "127.0.0.1:0",
        ]
        for (arguments, word) in [
            ([], "--tls-certificate-file"),
            (["--tls-certificate-file", identity.certificate], "--tls-key-file"),
            (
                ["--tls-certificate-file", garbage, "--tls-key-file", identity.key],
                "no certificate in PEM"
            ),
            (
                ["--tls-certificate-file", "/nowhere", "--tls-key-file", identity.key],
                "cannot be read"
            ),
            (
                ["--tls-certificate-file", identity.certificate, "--tls-key-file", garbage],
                "no private key in PEM"
            ),
            (
                ["--tls-certificate-file", identity.certificate, "--tls-key-file", other.key],
                "does not belong to"
            ),
            (
                [
                    "--tls-certificate-file", identity.certificate, "--tls-key-file", identity.key,
                    "--tls-client-ca-file", garbage,
                ], "--tls-client-ca-file"
            ),
            (
                [
                    "--tls-certificate-file", identity.certificate, "--tls-key-file", identity.key,
                    "--tls-minimum-version", "1.1",
                ], "1.2, 1.3"
            ),
        ] as [([String], String)] {
            let result = try ServerProcess.run(base + arguments)
            #expect(result.code == 78, "\(arguments) \(result.output)")
            #expect(result.errors.contains(word), "\(result.errors)")
        }
        let good = [
            "--tls-certificate-file", identity.certificate, "--tls-key-file", identity.key,
        ]
        #expect(try ServerProcess.run(base + good).code == 0)
    }

    /// As a tool that renews certificates does: each file at once, one after the other.
    private static func replace(
        _ old: TestCertificates.Pair,
        by new: TestCertificates.Pair
    ) throws {
        for (target, source) in [(old.certificate, new.certificate), (old.key, new.key)] {
            try Data(contentsOf: URL(filePath: source))
                .write(to: URL(filePath: target), options: .atomic)
        }
    }
}
