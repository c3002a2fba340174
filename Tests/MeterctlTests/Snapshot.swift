internal import Foundation
internal import Testing

/// What meterctl shows, kept in files that a reviewer can read. `RENEW_SNAPSHOTS=1 swift test --filter
/// MeterctlTests` writes them anew; the diff is then the thing to review.
enum Snapshot {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fixtures/meterctl")

    static func expect(
        _ text: String,
        _ name: String,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let file = folder.appending(path: name)
        if ProcessInfo.processInfo.environment["RENEW_SNAPSHOTS"] == "1" {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(text.utf8).write(to: file)
        }
        let known = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        guard text != known else { return }
        Issue.record(
            """
            \(name) is not what is shown now; if it should be, renew it: \
            RENEW_SNAPSHOTS=1 swift test --filter MeterctlTests
            \(difference(known, text))
            """,
            sourceLocation: location
        )
    }

    /// Lines that only one of both has.
    private static func difference(_ old: String, _ new: String) -> String {
        let lines = new.components(separatedBy: "\n")
            .difference(from: old.components(separatedBy: "\n"))
        return lines.prefix(40).map { change in
            switch change {
            case .remove(_, let line, _): "- " + line
            case .insert(_, let line, _): "+ " + line
            }
        }.joined(separator: "\n")
    }

    /// A recorded answer.
    static func answer(_ name: String) throws -> String {
        try String(contentsOf: folder.appending(path: "answers/\(name).json"), encoding: .utf8)
    }
}
