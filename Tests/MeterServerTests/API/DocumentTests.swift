import Foundation
import Testing

@testable import MeterServer

struct DocumentTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static let document = String(decoding: PackageResources.openapi_yaml, as: UTF8.self)

    /// It is built in through a link; a file of its own in that place would drift.
    @Test func `the server hands out the document of the repository`() throws {
        let file = try String(
            contentsOf: Self.root.appending(path: "Documentation/openapi.yaml"),
            encoding: .utf8
        )
        #expect(Self.document == file)
    }

    /// Reads paths and methods by their indentation: that is how the document is written.
    @Test func `the document has the routes of the server, and no others`() async throws {
        var documented: Set<String> = []
        var path: String?
        for line in Self.document.split(separator: "\n") {
            if line.hasPrefix("  /"), line.hasSuffix(":") {
                path = String(line.dropFirst(2).dropLast())
            } else if line.hasPrefix("    "), !line.hasPrefix("     "), let path {
                let word = line.dropFirst(4).dropLast()
                if ["get", "post", "put", "delete"].contains(word) {
                    documented.insert("\(word.uppercased()) \(path)")
                }
            } else if line == "components:" {
                break
            }
        }
        let server = try await TestServer()
        let routes = server.api.routes.map { "\($0.method.rawValue) \($0.path)" }
        #expect(documented == Set(routes))
        #expect(Set(routes).count == routes.count)
    }

    @Test func `every refusal of an event is explained`() throws {
        let page = try String(
            contentsOf: Self.root.appending(path: "Documentation/UsageAPI.md"),
            encoding: .utf8
        )
        for reason in ItemRefusal.Reason.allCases {
            #expect(page.contains("`\(reason.rawValue)`"), "\(reason.rawValue)")
        }
    }
}
