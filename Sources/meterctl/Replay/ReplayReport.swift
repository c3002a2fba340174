internal import MeterClient
internal import MeterWire

/// What became of a replayed trace, by way and together.
struct ReplayReport {
    let lanes: [(endpoint: Endpoint, statistics: EmitterStatistics)]
    let again: ResentFrames?
    let milliseconds: Int64

    private func sum(_ value: (EmitterStatistics) -> UInt64) -> UInt64 {
        lanes.reduce(0) { $0 + value($1.statistics) }
    }

    var outstanding: UInt64 { sum { $0.outstanding } }

    /// Events that the server will never count.
    var uncounted: UInt64 { sum { $0.refused + $0.inConflict + $0.dropped + $0.invalid } }

    var lastDefect: EventDefect? { lanes.compactMap { $0.statistics.lastDefect }.first }

    private var figures: [(name: String, value: (EmitterStatistics) -> UInt64)] {
        [
            ("recorded", { $0.recorded }), ("sealed", { $0.sealed }), ("durable", { $0.durable }),
            ("framesSent", { $0.framesSent }), ("framesResent", { $0.framesResent }),
            ("claimsSent", { $0.claimsSent }), ("bytesSent", { $0.bytesSent }),
            ("connections", { $0.connections }), ("accepted", { $0.accepted }),
            ("behind", { $0.behind }), ("duplicate", { $0.duplicate }),
            ("inConflict", { $0.inConflict }), ("refused", { $0.refused }),
            ("dropped", { $0.dropped }), ("invalid", { $0.invalid }),
        ]
    }

    var table: Table {
        let ways = lanes.map { Column.number("\($0.endpoint)") }
        var table = Table(
            "figures",
            [.text("what")] + ways + (lanes.count > 1 ? [.number("all")] : [])
        )
        for (name, value) in figures {
            table.add([name] + lanes.map { String(value($0.statistics)) } + [String(sum(value))])
        }
        /// A figure that belongs to no way.
        func add(_ what: String, _ value: some BinaryInteger) {
            table.add([what] + (lanes.count > 1 ? lanes.map { _ in "" } : []) + [String(value)])
        }
        add("milliseconds", milliseconds)
        if let again {
            add("resent frames", again.frameCount)
            add("resent events", again.eventCount)
            add("resent duplicates", again.duplicateCount)
        }
        return table
    }

    /// Amounts as strings, as everywhere.
    var json: String {
        var members = figures.map { name, value in "\"\(name)\":\"\(sum(value))\"" }
        members.append("\"milliseconds\":\"\(milliseconds)\"")
        let sources = lanes.map { lane in
            "{\"endpoint\":\"\(lane.endpoint)\",\"source\":\"\(lane.statistics.source)\"}"
        }
        members.append("\"sources\":[" + sources.joined(separator: ",") + "]")
        if let again {
            members.append(
                "\"resent\":{\"frames\":\"\(again.frameCount)\",\"events\":\"\(again.eventCount)\","
                    + "\"duplicates\":\"\(again.duplicateCount)\"}"
            )
        }
        return "{" + members.joined(separator: ",") + "}"
    }
}
