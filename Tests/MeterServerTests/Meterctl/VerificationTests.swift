import Foundation
import Meter
import MeterTesting
import Testing

@testable import meterctl

/// Real files of a real server, damaged one bit at a time.
struct VerificationTests {
    private func fill(_ server: TestServer) async throws -> String {
        let key = try await server.makeKey(#"{"kind":"http","tenant":"acme","scopes":["ingest"]}"#)
        for number in 0..<20 {
            let event = CloudEventTests.event(
                ["id": "\"\(number)\"", "time": "\"\(server.now)\""])
            #expect(try await server.call("POST", "/api/v1/events", event, key: key).status == 200)
        }
        return server.data
    }

    private func copy(_ directory: String, to other: String) throws -> String {
        try? FileManager.default.removeItem(atPath: other)
        try FileManager.default.copyItem(atPath: directory, toPath: other)
        return other
    }

    private func names(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    @Test func `good files are good, alone and together, and stay as they are`() async throws {
        let server = try await TestServer()
        let scratch = try TemporaryDirectory()
        let data = try copy(try await fill(server), to: scratch.path + "/copy")
        let before = try names(data).map { try Data(contentsOf: URL(filePath: "\(data)/\($0)")) }
        let findings = try VerifyVerb.findings(data)
        #expect(!findings.contains { $0.state == .damaged }, "\(findings)")
        #expect(findings.contains { $0.kind == "journal" && $0.state == .good })
        #expect(findings.contains { $0.kind == "book" && $0.state == .good })
        for name in try names(data) where name.hasPrefix("journal") || name.hasPrefix("book") {
            let alone = try VerifyVerb.findings("\(data)/\(name)")
            #expect(!alone.contains { $0.state == .damaged }, "\(name): \(alone)")
            // Known by its first bytes, whatever it is called.
            try FileManager.default.copyItem(
                atPath: "\(data)/\(name)",
                toPath: "\(scratch.path)/x-\(name).bin"
            )
            if name.hasPrefix("book") { continue }
            let target = try MeterPath("\(scratch.path)/x-\(name).bin")
            #expect(
                try MeterPath.kind(of: try #require(target.file), on: target.disk) == .journal
            )
        }
        let after = try names(data).map { try Data(contentsOf: URL(filePath: "\(data)/\($0)")) }
        #expect(before == after)
    }

    @Test func `a flipped bit is found in journal and book`() async throws {
        let server = try await TestServer()
        let original = try await fill(server)
        let scratch = try TemporaryDirectory()
        var seed = Seed(0x5EED)
        for name in try names(original) where name.hasPrefix("journal") || name.hasPrefix("book") {
            let size = try Data(contentsOf: URL(filePath: "\(original)/\(name)")).count
            for _ in 0..<12 {
                let data = try copy(original, to: scratch.path + "/copy")
                let url = URL(filePath: "\(data)/\(name)")
                var bytes = try Data(contentsOf: url)
                // Behind the heads, which are there twice, and before the end, where a torn record is
                // what a crash leaves and no damage.
                let index = 1_024 + seed.below(max(1, size / 2 - 1_024))
                guard index < bytes.count else { continue }
                bytes[index] ^= 1 << UInt8(seed.below(8))
                try bytes.write(to: url)
                let findings = try VerifyVerb.findings(data)
                #expect(
                    findings.contains { $0.state == .damaged },
                    "\(name) at \(index) of \(size)"
                )
            }
        }
    }

    @Test func `what is not Meter's is named, and what is missing too`() throws {
        let scratch = try TemporaryDirectory()
        let empty = try VerifyVerb.findings(scratch.path)
        #expect(empty.map(\.state) == [.note])
        try Data("hello".utf8).write(to: URL(filePath: scratch.path + "/notes.txt"))
        #expect(try VerifyVerb.findings(scratch.path + "/notes.txt").map(\.state) == [.damaged])
        #expect(throws: CommandFailure.self) { try VerifyVerb.findings(scratch.path + "/nothing") }
    }
}
