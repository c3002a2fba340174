internal import Meter
internal import MeterWire

/// `/admin/v1/status`: everything an operator looks at first, in one answer.
struct StatusRoutes {
    let context: ServerContext
    let reporting: (any ReportingControl)?

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/status", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                return .json(status())
            }
        ]
    }

    private func status() -> JSONOutput {
        let engine = context.engine
        let sources = engine.sources()
        let counts = engine.admissionCounts()
        let head = context.book.state.head
        return [
            "version": .string(Build.version),
            "time": .string(RFC3339.text(context.clock.now())),
            "ready": .boolean(context.readiness.isReady),
            "reasons": .array(context.readiness.entries.map { HealthCondition($0).json }),
            "journal": [
                "appended": .decimal(engine.appended), "durable": .decimal(engine.durable),
            ],
            "events": Self.json(counts),
            "sources": [
                "total": .count(sources.count),
                "unclean": .count(sources.count { $0.isUnclean && !$0.isRetired }),
                "retired": .count(sources.count { $0.isRetired }),
                "incomplete": .count(sources.count { !$0.openHoles.isEmpty }),
                "quarantined": .count(sources.count { $0.isQuarantined }),
            ],
            "completeThrough": .optional(
                Self.completeThrough(sources, at: context.clock.now()).map(RFC3339.text)
            ),
            "reconciledThrough": .optional(reporting?.reconciledThrough().map(RFC3339.text)),
            "book": ["entries": .decimal(head.number), "head": .string("\(head.hash)")],
            "reporting": .array(reporting?.status().map(\.json) ?? []),
        ]
    }

    private static func json(_ counts: [PrincipalID: AdmissionCounts]) -> JSONOutput {
        let sum = counts.values.reduce(AdmissionCounts(), +)
        let violations = counts.flatMap { Conservation.check($0.value, of: $0.key) }
        return [
            "received": .decimal(sum.events), "accepted": .decimal(sum.accepted),
            "refused": .decimal(sum.refused), "inConflict": .decimal(sum.inConflict),
            "duplicate": .decimal(sum.duplicate), "deferred": .decimal(sum.deferred),
            "conserved": .boolean(violations.isEmpty),
        ]
    }

    /// Of the source that lags most; nil where one is unknown.
    private static func completeThrough(
        _ sources: [SourceSummary],
        at now: Timestamp
    ) -> Timestamp? {
        var least = now
        for source in sources {
            guard let through = source.completeThrough else { return nil }
            least = min(least, through)
        }
        return least
    }
}

extension HealthCondition {
    init(_ entry: Readiness.Entry) {
        self.init(
            reason: entry.reason.rawValue,
            detail: entry.detail,
            isBlocking: entry.reason.isBlocking
        )
    }
}
