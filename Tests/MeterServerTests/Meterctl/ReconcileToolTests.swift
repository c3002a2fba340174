import Foundation
import MeterTesting
import Testing

@testable import meterctl

/// Server, Waldur and the tool as processes: a planted difference of one unit is found and named.
@Suite(.serialized) struct ReconcileToolTests {
    private static let token = String(repeating: "a", count: 40)
    private static let customer = String(repeating: "c", count: 32)
    private static let resource = String(repeating: "1", count: 32)

    /// A Waldur that is stopped when it is no longer needed.
    private final class Waldur {
        let process = Process()
        let port: Int

        init(in directory: String, offset: Int) throws {
            let fixture = """
                {"customers":[{"name":"Provider"},{"name":"Buyer","uuid":"\(customer)"}],
                "projects":[{"name":"One","customer":"Buyer"}],
                "users":[{"username":"meter","token":"\(token)",
                "roles":[{"role":"owner","customer":"Provider"}]}],
                "offerings":[{"name":"Agents","customer":"Provider",
                "components":[{"type":"agent_calls","measured_unit":"call"}],
                "plans":[{"name":"Standard","prices":{"agent_calls":"0.02"}}]}],
                "resources":[{"name":"r","uuid":"\(resource)","offering":"Agents","project":"One",
                "plan":"Standard","state":"OK"}]}
                """
            let portFile = directory + "/waldur.port"
            process.executableURL = URL(filePath: Program("WaldurDouble").path)
            process.arguments = [
                "--port-file", portFile, "--fixture-json", fixture,
                "--clock-offset-seconds=\(offset)",
            ]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            let end = Date().addingTimeInterval(30)
            var found: Int?
            while found == nil, Date() < end {
                usleep(10_000)
                let text = FileManager.default.contents(atPath: portFile)
                found = text.flatMap {
                    Int(String(decoding: $0, as: UTF8.self).dropLast())
                }
            }
            port = try #require(found)
        }

        deinit {
            process.terminate()
            process.waitUntilExit()
        }

        /// What somebody else sends.
        func report(_ amount: String) throws -> String {
            let body =
                "{\"resource\":\"\(resource)\",\"usages\":[{\"type\":\"agent_calls\","
                + "\"amount\":\"\(amount)\"}]}"
            let socket = try TestSocket(tcp: "127.0.0.1:\(port)")
            try socket.send(
                Array(
                    ("POST /api/marketplace-component-usages/set_usage/ HTTP/1.1\r\n"
                        + "Host: waldur\r\nAuthorization: Token \(token)\r\n"
                        + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
                        + "Connection: close\r\n\r\n\(body)").utf8
                )
            )
            let answer = socket.receive(milliseconds: 10_000) ?? []
            return String(decoding: answer, as: UTF8.self)
        }
    }

    /// Seconds to the middle of this month, where no month ends while the test runs.
    private static func offset() throws -> Int {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        var parts = calendar.dateComponents([.year, .month], from: Date())
        parts.day = 15
        parts.hour = 12
        let middle = try #require(calendar.date(from: parts))
        return Int(middle.timeIntervalSinceNow)
    }

    @Test func `a difference of one unit is named, and the exit code is 2`() throws {
        let site = try TestSite(seed: 811)
        let offset = try Self.offset()
        let waldur = try Waldur(in: site.directory.path, offset: offset)
        let tokenFile = site.directory.path + "/token"
        try Data((Self.token + "\n").utf8).write(to: URL(filePath: tokenFile))
        let server = try site.start([
            "--waldur-url", "http://127.0.0.1:\(waldur.port)/api/", "--waldur-token-file",
            tokenFile, "--clock-offset-seconds=\(offset)",
        ])
        let program = Program("meterctl")
        func run(_ arguments: String...) throws -> Program.Outcome {
            try program.run(arguments + ["--socket", server.addresses.admin ?? ""])
        }
        func done(_ arguments: String...) throws -> String {
            let shown = try program.run(
                arguments + ["--socket", server.addresses.admin ?? ""]
            )
            #expect(shown.code == 0, "\(arguments): \(shown.errors)")
            return shown.output
        }
        let keyFile = site.directory.path + "/runtime.key"
        try Data(try done("keys", "create", "wire", "--platform", "all").utf8)
            .write(to: URL(filePath: keyFile))
        _ = try done("components", "set", "agent_calls", "--unit", "call")
        let present = Date().addingTimeInterval(Double(offset)).formatted(.iso8601.year().month())
        _ = try done(
            "map", "set", "--tenant", Self.customer, "--agent", "a", "--resource", Self.resource,
            "--from", "\(present)-15T09:00:00Z", "--live", "--yes"
        )
        let emitted = try program.run([
            "emit", "--tcp", server.addresses.tcp ?? "", "--wire-key-file", keyFile, "--tenant",
            Self.customer, "--agent", "a", "--amount", "agent_calls=7",
            "--clock-offset=\(offset)",
        ])
        #expect(emitted.code == 0, "\(emitted.errors)")
        _ = try done("report", "submit")
        let before = try run("reconcile")
        #expect(before.code == 0, "\(before.output)\(before.errors)")
        #expect(before.errors.contains("0 differ"))
        #expect(try waldur.report("6").contains(" 201 "))
        let after = try run("reconcile")
        #expect(after.code == ExitStatus.differences.rawValue, "\(after.errors)")
        #expect(after.output.contains("changed-in-waldur 1 (0.02)"), "\(after.output)")
        #expect(after.output.contains("confirmed 7.00, Waldur shows 6"), "\(after.output)")
        #expect(after.errors.contains("meterctl report foreign accept or reassert"))
        // All four columns: claimed and metered 7, shown and billed 6.
        let columns = try run("reconcile", "--all", "-o", "csv").output
            .split(separator: "\n").map {
                $0.split(separator: ",", omittingEmptySubsequences: false)
            }
        let head = try #require(columns.first)
        func cell(_ kind: String, _ name: String) throws -> String {
            let row = try #require(columns.first { $0.first == Substring(kind) })
            return String(row[try #require(head.firstIndex(of: Substring(name)))])
        }
        #expect(try cell("claims", "claimed") == "7" && cell("claims", "ledger") == "7")
        #expect(try cell("row", "ledger") == "7" && cell("row", "usage") == "6")
        #expect(try cell("row", "billed") == "6" && cell("row", "difference") == "1")
        #expect(try cell("row", "expected") == "0.14" && cell("row", "cost") == "0.12")
        #expect(server.stop() == 0)
    }
}
