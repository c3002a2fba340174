internal import Foundation
internal import MeterTesting
internal import Testing

@testable internal import MeterServer

/// Holds Documentation/Operations.md and `deploy/` to what a running server says and takes.
@Suite struct DeploymentTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// Names in backquotes at the beginning of a table's rows.
    private static func rows(_ page: String) -> Set<String> {
        Set(
            page.split(separator: "\n").filter { $0.hasPrefix("| `") }
                .compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) }
        )
    }

    /// Every metric in a query or a page, without the endings of a histogram's samples.
    private static func metrics(_ text: String) -> Set<String> {
        let names = text.split { !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_")) }
            .map(String.init)
            .filter { $0.hasPrefix("meter_") || $0.hasPrefix("process_") }
        return Set(
            names.map { name in
                for ending in ["_bucket", "_sum", "_count"] where name.hasSuffix(ending) {
                    return String(name.dropLast(ending.count))
                }
                return name
            }
        )
    }

    /// The metrics of a running server by name, with their types.
    private static func exposed() throws -> [String: String] {
        let site = try TestSite(seed: 310)
        let server = try site.start()
        let exposition = try server.get("/metrics").body
        #expect(server.stop() == 0)
        var types: [String: String] = [:]
        for line in exposition.split(separator: "\n") where line.hasPrefix("# TYPE ") {
            let words = line.split(separator: " ")
            types[String(words[2])] = String(words[3])
        }
        return types
    }

    @Test func `the page explains every metric, and none that is not there`() throws {
        let exposed = try Self.exposed()
        #expect(exposed.count > 50)
        let explained = Self.rows(try Self.text("Documentation/Operations.md"))
            .filter { $0.hasPrefix("meter_") || $0.hasPrefix("process_") }
        let missing = Set(exposed.keys).subtracting(explained).sorted()
        #expect(missing.isEmpty, "Operations.md does not explain \(missing)")
        let gone = explained.subtracting(exposed.keys).sorted()
        #expect(gone.isEmpty, "Operations.md explains what is not there: \(gone)")
        for (name, type) in exposed {
            #expect(name.hasSuffix("_total") == (type == "counter"), "\(name) is a \(type)")
        }
    }

    @Test func `alerts and dashboard ask for metrics that there are`() throws {
        let exposed = Set(try Self.exposed().keys)
        for path in ["deploy/prometheus/alerts.yaml", "deploy/grafana/meter.json"] {
            let asked = Self.metrics(try Self.text(path))
            #expect(asked.count > 10)
            let unknown = asked.subtracting(exposed).sorted()
            #expect(unknown.isEmpty, "\(path) asks for \(unknown)")
        }
    }

    @Test func `every alert leads to a heading that says what to do`() throws {
        let page = try Self.text("Documentation/Operations.md")
        let headings = Set(
            page.split(separator: "\n").filter { $0.hasPrefix("### ") }
                .map { String($0.dropFirst(4)) }
        )
        var alerts: Set<String> = []
        var current = ""
        for line in try Self.text("deploy/prometheus/alerts.yaml").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.starts(with: ["-", "alert:"]), words.count > 2 {
                current = String(words[2])
                alerts.insert(current)
                #expect(headings.contains(current), "Operations.md has no heading \(current)")
            } else if words.first == "runbook_url:" {
                let anchor = "Documentation/Operations.md#\(current.lowercased())"
                #expect(words.last == Substring(anchor), "\(current)")
            }
        }
        #expect(alerts.count > 10)
        let stale = headings.filter { $0.hasPrefix("Meter") }.subtracting(alerts)
        #expect(stale.isEmpty, "Operations.md explains alerts that are not there: \(stale)")
    }

    @Test func `the page explains every setting and every condition`() throws {
        let explained = Self.rows(try Self.text("Documentation/Operations.md"))
        for setting in Settings.all where !setting.isHidden {
            #expect(explained.contains(setting.path), "\(setting.path)")
        }
        for reason in Readiness.Reason.allCases {
            #expect(explained.contains(reason.rawValue), "\(reason.rawValue)")
        }
    }

    /// What is deployed must be taken: unknown settings end the server with 78.
    @Test func `the settings of unit, image and manifests are settings`() throws {
        let variables = Set(Settings.all.map(\.variable))
            .union(["WALDUR_API_URL", "WALDUR_API_TOKEN_FILE"])
        for path in [
            "deploy/systemd/meter.service", "deploy/docker/Dockerfile",
            "deploy/kubernetes/meter.yaml",
        ] {
            let words = try Self.text(path).split {
                !($0.isASCII && ($0.isUppercase || $0.isNumber || $0 == "_"))
            }
            let named = Set(words.map(String.init)).filter {
                $0.hasPrefix("METER_") || $0.hasPrefix("WALDUR_API_")
            }
            #expect(!named.isEmpty)
            let unknown = named.subtracting(variables).sorted()
            #expect(unknown.isEmpty, "\(path) sets \(unknown)")
        }
    }
}
