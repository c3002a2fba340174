internal import Foundation

/// Authorities and certificates as an operator would make them, with the command line of OpenSSL.
final class TestCertificates {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Paths of a certificate and its key, in PEM.
    struct Pair {
        let certificate: String
        let key: String
    }

    private let directory: String

    init(in directory: String) throws {
        self.directory = directory + "/tls"
        try FileManager.default.createDirectory(
            atPath: self.directory,
            withIntermediateDirectories: true
        )
    }

    /// An authority that signs certificates.
    func authority(_ name: String) throws -> Pair {
        let pair = self.pair(name)
        try Self.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", pair.key, "-out", pair.certificate, "-days", "30", "-subj", "/CN=\(name)",
            "-addext", "basicConstraints=critical,CA:TRUE"
        )
        // What `openssl ca` keeps its books in.
        let configuration = """
            [ca]
            default_ca = test
            [test]
            database = \(directory)/\(name).index
            serial = \(directory)/\(name).serial
            new_certs_dir = \(directory)
            default_md = sha256
            policy = any
            copy_extensions = copy
            unique_subject = no
            [any]
            commonName = supplied
            """
        try Data(configuration.utf8).write(to: URL(filePath: "\(directory)/\(name).cnf"))
        try Data().write(to: URL(filePath: "\(directory)/\(name).index"))
        try Data("01\n".utf8).write(to: URL(filePath: "\(directory)/\(name).serial"))
        return pair
    }

    /// A certificate for 127.0.0.1, or for a client.
    func certificate(
        _ name: String,
        by authority: String,
        isExpired: Bool = false
    ) throws -> Pair {
        let pair = self.pair(name)
        let request = "\(directory)/\(name).csr"
        try Self.openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", pair.key, "-out", request, "-subj", "/CN=\(name)",
            "-addext", "subjectAltName=IP:127.0.0.1"
        )
        let year = Calendar(identifier: .gregorian).component(.year, from: Date())
        let issuer = self.pair(authority)
        try Self.openssl(
            "ca", "-batch", "-notext", "-config", "\(directory)/\(authority).cnf",
            "-cert", issuer.certificate, "-keyfile", issuer.key, "-in", request,
            "-out", pair.certificate, "-startdate", "\(year - 3)0101000000Z",
            "-enddate", "\(isExpired ? year - 2 : year + 2)0101000000Z"
        )
        return pair
    }

    private func pair(_ name: String) -> Pair {
        Pair(certificate: "\(directory)/\(name).pem", key: "\(directory)/\(name).key")
    }

    @discardableResult
    private static func openssl(_ arguments: String...) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        let output = Pipe()
        process.standardError = output
        process.standardOutput = output
        try process.run()
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(),
            as: UTF8.self
        )
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: text) }
        return text
    }
}

/// A TLS connection that `openssl s_client` makes: another implementation than the server's.
final class TLSClient {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private let errors: String

    /// - Parameter authority: Whom the client trusts.
    init(
        _ address: String,
        trusting authority: TestCertificates.Pair,
        showing own: TestCertificates.Pair? = nil,
        _ arguments: [String] = []
    ) throws {
        errors = "\(authority.certificate).\(UUID().uuidString).log"
        _ = FileManager.default.createFile(atPath: errors, contents: nil)
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            [
                "openssl", "s_client", "-quiet", "-connect", address, "-CAfile",
                authority.certificate, "-verify_return_error", "-verify_ip", "127.0.0.1",
            ] + (own.map { ["-cert", $0.certificate, "-key", $0.key] } ?? []) + arguments
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle(forWritingAtPath: errors)
        try process.run()
    }

    deinit {
        if process.isRunning { process.terminate() }
    }

    func send(_ bytes: [UInt8]) throws {
        try input.fileHandleForWriting.write(contentsOf: Data(bytes))
    }

    /// What has come, waiting for it at most so long: nil if nothing came, empty at the end.
    func receive(milliseconds: Int32) -> [UInt8]? {
        let descriptor = output.fileHandleForReading.fileDescriptor
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&polled, 1, milliseconds) > 0 else { return nil }
        return Array(output.fileHandleForReading.availableData)
    }

    /// The client's exit code; it ends by itself where the handshake fails.
    func waitUntilExit() -> Int32 {
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// What it said on standard error.
    var log: String { (try? String(contentsOfFile: errors, encoding: .utf8)) ?? "" }
}
