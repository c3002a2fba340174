internal import Meter
internal import MeterWire
internal import Synchronization

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
        let sources = engine.sourceStandings()
        let now = context.clock.now()
        let counts = engine.admissionCounts()
        let head = context.book.state.head
        let folded = engine.foldedCalls
        return [
            "version": .string(Build.version),
            "time": .string(RFC3339.text(now)),
            "ready": .boolean(context.readiness.isReady),
            "reasons": .array(context.readiness.entries.map { HealthCondition($0).json }),
            "journal": [
                "appended": .decimal(engine.appended), "durable": .decimal(engine.durable),
            ],
            "kept": Self.json(context.retention.withLock { $0 }),
            "events": Self.json(counts),
            "sources": [
                "total": .count(sources.total), "unclean": .count(sources.unclean),
                "retired": .count(sources.retired), "incomplete": .count(sources.incomplete),
                "quarantined": .count(sources.quarantined),
            ],
            "details": [
                "folded": .decimal(folded.values.reduce(0) { $0 &+ $1.sum }),
                "foldedTenants": .count(folded.count),
                "missing": .count(engine.missingDetails.count),
            ],
            "completeThrough": .optional(
                sources.completeThrough(at: now).map(RFC3339.text)
            ),
            "reconciledThrough": .optional(reporting?.reconciledThrough().map(RFC3339.text)),
            "book": ["entries": .decimal(head.number), "head": .string("\(head.hash)")],
            "reporting": .array(reporting?.status().map(\.json) ?? []),
        ]
    }

    private static func json(_ standing: RetentionStanding?) -> JSONOutput {
        guard let standing else { return .null }
        return [
            "bytes": .decimal(standing.journal.byteCount),
            "limitBytes": .decimal(standing.rule.journalByteCountMax),
            "since": .optional(standing.journal.keptSince.flatMap { TimeText.text($0) }),
            "growthBytesPerDay": .optional(standing.journal.bytesPerDay),
            "daysUntilLimit": .optional(standing.daysUntilLimit),
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
