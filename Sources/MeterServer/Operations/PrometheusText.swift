/// Writes the Prometheus text format, version 0.0.4.
struct PrometheusText {
    enum Kind: String { case counter, gauge, histogram }

    private(set) var text = ""

    mutating func counter(_ name: String, _ help: String, _ value: UInt64) {
        family(name, .counter, help)
        sample(name, [], "\(value)")
    }

    mutating func gauge(_ name: String, _ help: String, _ value: Int) {
        family(name, .gauge, help)
        sample(name, [], "\(value)")
    }

    /// Seconds are written with three decimals from a whole number of milliseconds.
    mutating func counter(_ name: String, _ help: String, milliseconds: Int64) {
        family(name, .counter, help)
        let part = abs(milliseconds % 1_000)
        let zeros = part < 10 ? "00" : part < 100 ? "0" : ""
        sample(name, [], "\(milliseconds / 1_000).\(zeros)\(part)")
    }

    mutating func family(
        _ name: String,
        _ kind: Kind,
        _ help: String,
        labels: [String],
        _ samples: [(labels: [String], count: UInt64)]
    ) {
        family(name, kind, help)
        for (values, count) in samples {
            sample(name, Array(zip(labels, values)), "\(count)")
        }
    }

    mutating func histogram(_ name: String, _ help: String, _ histogram: DurationHistogram) {
        family(name, .histogram, help)
        let snapshot = histogram.snapshot
        var total: UInt64 = 0
        for (bound, count) in zip(DurationHistogram.bounds, snapshot.counts) {
            total += count
            sample(name + "_bucket", [("le", "\(bound)")], "\(total)")
        }
        total += snapshot.counts.last ?? 0
        sample(name + "_bucket", [("le", "+Inf")], "\(total)")
        sample(name + "_sum", [], "\(snapshot.seconds)")
        sample(name + "_count", [], "\(total)")
    }

    // MARK: - Lines

    private mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    private mutating func sample(
        _ name: String,
        _ labels: [(String, String)],
        _ value: String
    ) {
        text += name
        if !labels.isEmpty {
            text += "{"
            text += labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
            text += "}"
        }
        text += " \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for character in value {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
        return result
    }
}
