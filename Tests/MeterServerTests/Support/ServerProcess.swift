internal import Foundation
internal import MeterTesting
internal import Synchronization

/// The real server as a process of its own, with a data directory and free ports.
final class ServerProcess: Sendable {
    struct Addresses: Decodable, Sendable {
        var udp: String?
        var tcp: String?
        var tcpTLS: String?
        var http: String?
        var https: String?
        var admin: String?

        private enum CodingKeys: String, CodingKey {
            case udp, tcp
            case tcpTLS = "tcp-tls"
            case http, https, admin
        }
    }

    struct StartFailure: Error, CustomStringConvertible {
        let description: String
    }

    private let process: Process
    private let logPath: String
    let addresses: Addresses

    /// The binary, built into the folder of the test bundle.
    static var binary: URL {
        let bundle = URL(filePath: CommandLine.arguments.first ?? "").deletingLastPathComponent()
        let candidates = [
            bundle,
            URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
                .deletingLastPathComponent(),
            URL(filePath: ".build/debug"),
        ].map { $0.appending(path: "MeterServer") }
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0.path) }
            ?? candidates[0]
    }

    /// Starts the server and waits until it is ready.
    ///
    /// - Parameter hasFreePorts: False where the arguments say where UDP and TCP listen.
    init(
        data: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        hasFreePorts: Bool = true,
        timeout: Double = 30
    ) throws {
        let name = UUID().uuidString
        let portFile = "\(data).\(name).ports"
        logPath = "\(data).log"
        process = try Self.launch(
            (hasFreePorts ? ["--udp", "127.0.0.1:0", "--tcp", "127.0.0.1:0"] : []) + [
                "--data", data, "--http", "127.0.0.1:0", "--port-file", portFile, "--stop-seconds",
                "8",
                "--admin-socket", "/tmp/meter-\(name.prefix(8)).sock",
            ] + arguments,
            environment: environment,
            log: logPath
        )
        defer { try? FileManager.default.removeItem(atPath: portFile) }
        let end = Date().addingTimeInterval(timeout)
        while Date() < end {
            if let bytes = FileManager.default.contents(atPath: portFile) {
                addresses = try JSONDecoder().decode(Addresses.self, from: bytes)
                return
            }
            guard process.isRunning else { break }
            usleep(5_000)
        }
        process.terminate()
        addresses = Addresses()
        throw StartFailure(
            description: "the server did not get ready:\n"
                + ((try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "")
        )
    }

    deinit {
        if process.isRunning { kill() }
    }

    /// Runs the binary to its end.
    ///
    /// - Returns: Exit code and standard error.
    static func run(
        _ arguments: [String],
        environment: [String: String] = [:]
    ) throws -> (code: Int32, errors: String, output: String) {
        let process = Process()
        process.executableURL = binary
        process.arguments = arguments
        process.environment = cleanEnvironment.merging(environment) { $1 }
        let errors = Pipe()
        let output = Pipe()
        process.standardError = errors
        process.standardOutput = output
        try process.run()
        let text = String(
            decoding: errors.fileHandleForReading.readDataToEndOfFile(),
            as: UTF8.self
        )
        let out = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(),
            as: UTF8.self
        )
        process.waitUntilExit()
        return (process.terminationStatus, text, out)
    }

    private static var cleanEnvironment: [String: String] {
        ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("METER_") && !$0.key.hasPrefix("WALDUR_")
        }
    }

    private static func launch(
        _ arguments: [String],
        environment: [String: String],
        log: String
    ) throws -> Process {
        if !FileManager.default.fileExists(atPath: log) {
            _ = FileManager.default.createFile(atPath: log, contents: nil)
        }
        let handle = try FileHandle(forWritingTo: URL(filePath: log))
        try handle.seekToEnd()
        let process = Process()
        process.executableURL = binary
        process.arguments = arguments
        process.environment = cleanEnvironment.merging(environment) { $1 }
        process.standardError = handle
        process.standardOutput = handle
        try process.run()
        return process
    }

    var processID: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }
    var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    /// Power off for the process: no handler runs. A second call does nothing.
    func kill() {
        guard process.isRunning else { return }
        _ = Foundation.kill(processID, SIGKILL)
        process.waitUntilExit()
    }

    func signal(_ number: Int32) {
        _ = Foundation.kill(processID, number)
    }

    /// Asks the server to stop and waits for it.
    func stop() -> Int32 {
        signal(SIGTERM)
        return waitUntilExit()
    }

    func waitUntilExit() -> Int32 {
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Bytes of memory in use.
    var residentByteCount: Int {
        let text = (try? String(contentsOfFile: "/proc/\(processID)/statm", encoding: .utf8)) ?? ""
        let fields = text.split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4_096 : 0
    }

    // MARK: - HTTP

    /// A GET on the network listener.
    func get(_ path: String) throws -> (status: Int, body: String) {
        let socket = try TestSocket(tcp: addresses.http ?? "")
        try socket.send(
            Array("GET \(path) HTTP/1.1\r\nHost: meter\r\nConnection: close\r\n\r\n".utf8)
        )
        var bytes: [UInt8] = []
        while let more = socket.receive(milliseconds: 10_000), !more.isEmpty { bytes += more }
        let text = String(decoding: bytes, as: UTF8.self)
        let status = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        let body = text.range(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? ""
        return (status, body)
    }

    /// The value of a metric's sample, as `/metrics` writes its name and labels; 0 if it is not there.
    func metric(_ sample: String) throws -> Double {
        for line in try get("/metrics").body.split(separator: "\n")
        where line.hasPrefix(sample + " ") {
            return Double(line.dropFirst(sample.count + 1)) ?? 0
        }
        return 0
    }
}
