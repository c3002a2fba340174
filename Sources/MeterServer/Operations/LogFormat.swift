internal import FoundationEssentials
internal import Glibc
internal import Logging
internal import Synchronization

/// One log line an event on standard error: for people, or as a JSON object.
///
/// Messages are constant texts; what varies is in the metadata, whose keys are sorted.
struct LineLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel: Logger.Level = .info
    let label: String
    let format: ServerConfiguration.LogFormat

    init(label: String, format: ServerConfiguration.LogFormat, level: Logger.Level) {
        self.label = label
        self.format = format
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() {
            all.merge(provided) { _, new in new }
        }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        let fields = all.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        let time =
            Date().ISO8601Format(.iso8601(timeZone: .gmt, includingFractionalSeconds: true)) + "Z"
        let line =
            switch format {
            case .text: Self.text(time, event.level, "\(event.message)", fields)
            case .json: json(time, event.level, "\(event.message)", fields)
            }
        Self.write(line)
    }

    private static func text(
        _ time: String,
        _ level: Logger.Level,
        _ message: String,
        _ fields: [(String, String)]
    ) -> String {
        var line = "\(time) \(level.rawValue.uppercased()) \(message)"
        for (key, value) in fields {
            let quoted = value.contains { $0 == " " || $0.isNewline || $0 == "\"" }
            line += " \(key)=" + (quoted ? jsonText(value) : value)
        }
        return line + "\n"
    }

    private func json(
        _ time: String,
        _ level: Logger.Level,
        _ message: String,
        _ fields: [(String, String)]
    ) -> String {
        var line = "{\"time\":\"\(time)\",\"level\":\"\(level.rawValue)\",\"logger\":"
        line += Self.jsonText(label) + ",\"message\":" + Self.jsonText(message)
        for (key, value) in fields { line += ",\(Self.jsonText(key)):\(Self.jsonText(value))" }
        return line + "}\n"
    }

    /// A JSON string literal; control characters never reach the terminal.
    static func jsonText(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static let standardError = Mutex(())

    /// One `write` a line, so that lines of several threads are not mixed.
    private static func write(_ line: String) {
        standardError.withLock { _ in
            var bytes = Array(line.utf8)[...]
            while !bytes.isEmpty {
                let count = unsafe bytes.withUnsafeBytes {
                    unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count)
                }
                // A log that nobody takes must not stop the server.
                guard count > 0 else { return }
                bytes = bytes.dropFirst(count)
            }
        }
    }
}
