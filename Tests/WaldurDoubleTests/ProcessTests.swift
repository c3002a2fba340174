import Foundation
import Testing

@testable import WaldurDouble

/// The program itself, as the demo starts it.
@Suite(.serialized) struct ProcessTests {
    /// The program stands beside the test bundle.
    private static var program: URL? {
        let arguments = CommandLine.arguments
        let bundle = arguments.firstIndex(of: "--test-bundle-path")
            .flatMap { arguments.indices.contains($0 + 1) ? arguments[$0 + 1] : nil }
        let folder = URL(fileURLWithPath: bundle ?? arguments[0]).deletingLastPathComponent()
        let program = folder.appendingPathComponent("WaldurDouble")
        return FileManager.default.isExecutableFile(atPath: program.path) ? program : nil
    }

    private func start(
        _ options: [String],
        _ body: (Int) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("waldur-double-\(ID().hex)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let fixture = folder.appendingPathComponent("fixture.json")
        try JSONEncoder().encode(SmallWorld.fixture()).write(to: fixture)
        let portFile = folder.appendingPathComponent("port")
        let program = try #require(Self.program)
        let process = Process()
        process.executableURL = program
        process.arguments =
            ["--port", "0", "--fixture", fixture.path, "--port-file", portFile.path] + options
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        var port: Int?
        for _ in 0..<6_000 where port == nil {
            try await Task.sleep(for: .milliseconds(50))
            port = (try? String(contentsOf: portFile, encoding: .utf8))
                .flatMap { Int($0.trimmingWhitespace) }
        }
        let listening = try #require(port)
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        #expect(line == "http://127.0.0.1:\(listening)\n")
        try await body(listening)
    }

    @Test func `the program takes a fixture and a standing time`() async throws {
        try await start(["--time", "2026-11-15T12:00:00Z"]) { port in
            let double = RunningDouble(state: DoubleState(clock: .offset(micros: 0)), port: port)
            #expect(try await double.report(SmallWorld.first, ("agent_calls", "3")) == 201)
            let rows = try await double.list(
                "/api/marketplace-component-usages/?field=usage&field=date"
            )
            #expect(rows.first?["usage"] == "3.00")
            #expect(rows.first?["date"]?.string?.hasPrefix("2026-11-15T12:00:00") == true)
        }
    }

    @Test func `the program runs ahead of the system's clock by its offset`() async throws {
        let ahead: Int64 = 40 * 86_400
        try await start(["--clock-offset-seconds", "\(ahead)"]) { port in
            let double = RunningDouble(state: DoubleState(clock: .offset(micros: 0)), port: port)
            let before = DoubleClock.system().advanced(bySeconds: ahead)
            let answer = try await double.send("GET", "/double/clock")
            let now = try #require(answer.json.flatMap { Moment(text($0, "now")) })
            // What is shown has lost less than a second.
            #expect(before.micros - now.micros < Moment.second)
            #expect(now <= DoubleClock.system().advanced(bySeconds: ahead))
        }
    }

    @Test func `the program follows a clock file`() async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(
            "clock-\(ID().hex)"
        )
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("2026-11-30T23:59:59Z\n".utf8).write(to: file)
        try await start(["--clock-file", file.path]) { port in
            let double = RunningDouble(state: DoubleState(clock: .offset(micros: 0)), port: port)
            let before = try await double.send("GET", "/api/configuration/")
            #expect(before.header("Date") == "Mon, 30 Nov 2026 23:59:59 GMT")
            try Data("2026-12-01T00:00:01Z\n".utf8).write(to: file)
            let after = try await double.send("GET", "/api/configuration/")
            #expect(after.header("Date") == "Tue, 01 Dec 2026 00:00:01 GMT")
        }
    }
}
