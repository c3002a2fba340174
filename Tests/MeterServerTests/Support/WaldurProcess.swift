internal import Foundation
internal import MeterTesting
internal import Testing

/// A Waldur double as a process, with one buyer and one resource, stopped when it is no longer needed.
final class WaldurProcess {
    static let token = String(repeating: "a", count: 40)
    static let customer = String(repeating: "c", count: 32)

    let resource: String
    let port: Int
    private let process = Process()

    var url: String { "http://127.0.0.1:\(port)/api/" }

    /// - Parameters:
    ///   - resource: A digit that the resource's uuid is made of.
    ///   - offset: Seconds that its clock is ahead.
    init(in directory: String, resource digit: String = "1", offset: Int) throws {
        resource = String(repeating: digit, count: 32)
        let fixture = """
            {"customers":[{"name":"Provider"},{"name":"Buyer","uuid":"\(Self.customer)"}],
            "projects":[{"name":"One","customer":"Buyer"}],
            "users":[{"username":"meter","token":"\(Self.token)",
            "roles":[{"role":"owner","customer":"Provider"}]}],
            "offerings":[{"name":"Agents","customer":"Provider",
            "components":[{"type":"agent_calls","measured_unit":"call"}],
            "plans":[{"name":"Standard","prices":{"agent_calls":"0.02"}}]}],
            "resources":[{"name":"r","uuid":"\(resource)","offering":"Agents","project":"One",
            "plan":"Standard","state":"OK"}]}
            """
        let portFile = directory + "/waldur-\(digit).port"
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
            found = text.flatMap { Int(String(decoding: $0, as: UTF8.self).dropLast()) }
        }
        port = try #require(found)
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
    }

    /// What somebody else sends; false where it was not taken.
    func report(_ amount: String) throws -> Bool {
        let body =
            "{\"resource\":\"\(resource)\",\"usages\":[{\"type\":\"agent_calls\","
            + "\"amount\":\"\(amount)\"}]}"
        let socket = try TestSocket(tcp: "127.0.0.1:\(port)")
        try socket.send(
            Array(
                ("POST /api/marketplace-component-usages/set_usage/ HTTP/1.1\r\n"
                    + "Host: waldur\r\nAuthorization: Token \(Self.token)\r\n"
                    + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
                    + "Connection: close\r\n\r\n\(body)").utf8
            )
        )
        let answer = socket.receive(milliseconds: 10_000) ?? []
        return String(decoding: answer, as: UTF8.self).contains(" 201 ")
    }
}
