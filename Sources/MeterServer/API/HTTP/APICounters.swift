internal import Synchronization

/// What the HTTP layer counts about itself, in Prometheus' text format. No label names a tenant, an
/// agent or anything else that a caller can choose.
package final class APICounters: Sendable {
    private struct Key: Hashable, Comparable {
        let name: String
        let labels: String

        static func < (left: Key, right: Key) -> Bool {
            (left.name, left.labels) < (right.name, right.labels)
        }
    }

    private let counts = Mutex<[Key: UInt64]>([:])

    package init() {}

    func keyRefused(_ reason: String) {
        add("meter_http_keys_refused_total", "reason=\"\(reason)\"", 1)
    }

    /// Events whose outcome an answer told, by outcome and, where refused, by reason.
    func events(_ outcome: String, reason: String, count: UInt64) {
        add(
            "meter_http_events_total", "result=\"\(outcome)\",reason=\"\(reason)\"", count)
    }

    private func add(_ name: String, _ labels: String, _ count: UInt64) {
        counts.withLock { $0[Key(name: name, labels: labels), default: 0] &+= count }
    }

    /// The counters as `/metrics` shows them.
    package var text: String {
        let counts = counts.withLock { $0 }
        var text = ""
        var previous = ""
        for (key, count) in counts.sorted(by: { $0.key < $1.key }) {
            if key.name != previous {
                text += "# HELP \(key.name) \(Self.help[key.name] ?? "")\n"
                text += "# TYPE \(key.name) counter\n"
                previous = key.name
            }
            text += "\(key.name){\(key.labels)} \(count)\n"
        }
        return text
    }

    private static let help = [
        "meter_http_keys_refused_total": "Keys that were shown and not accepted, by reason.",
        "meter_http_events_total": "Events in answered requests, by what became of them.",
    ]
}
