internal import Meter
internal import MeterWire

/// `/admin/v1/sources`: what came from whom, what is missing, what contradicts.
struct SourceRoutes {
    let context: ServerContext

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/sources", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                return .json(["sources": .array(context.engine.sources().map(summary))])
            },
            APIRoute(.get, "/admin/v1/sources/gaps", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                return .json(["gaps": .array(gaps())])
            },
            APIRoute(
                .post,
                "/admin/v1/sources/{source}/retire",
                scopes: .admin,
                bodyByteCountMax: 1 << 12
            ) { call throws(Problem) in try retire(call) },
            APIRoute(.get, "/admin/v1/sources/conflicts", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                let conflicts = context.engine.sources().filter {
                    $0.isQuarantined || $0.counts.inConflict > 0
                }
                return .json(["conflicts": .array(conflicts.map(summary))])
            },
        ]
    }

    /// How long a source must have been silent; a living one claims every few seconds.
    private static let silence: Int64 = 5 * 60_000

    /// Decides that a source will not come back.
    private func retire(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow([])
        let fields = try RequestFields(call.body, allowed: ["reason", "principal"])
        guard let id = SourceID(call.parts["source"] ?? "") else {
            throw .badQuery(
                "A source's id has 32 hexadecimal digits; `meterctl sources list` shows them."
            )
        }
        let reason = try fields.text("reason")
        let principal = try fields.natural("principal").map { PrincipalID(rawValue: $0) }
        let found = context.engine.sources().filter {
            $0.key.source == id && (principal == nil || $0.key.principal == principal)
        }
        guard let source = found.first else {
            throw .precondition("There is no such source; `meterctl sources list` shows them.")
        }
        guard found.count == 1 else {
            throw .precondition(
                "Several principals have a source of this id; name the `principal`.")
        }
        guard !source.isEnded, !source.isRetired else {
            throw .precondition("The source has ended already; nothing waits for it.")
        }
        let quiet = context.clock.now().milliseconds - source.lastSeen.milliseconds
        guard quiet >= Self.silence else {
            throw .precondition(
                "It was heard of \(max(0, quiet) / 1_000) s ago. Stop its emitter, and retire the source "
                    + "when it has been silent for \(Self.silence / 60_000) minutes."
            )
        }
        _ = try context.book.decide(
            [.sourceRetired(SourceRetirement(source: source.key, reason: reason))],
            call.caller
        )
        let now = context.engine.sources().first { $0.key == source.key } ?? source
        return .json(summary(now))
    }

    private func summary(_ source: SourceSummary) -> JSONOutput {
        let missing = source.openHoles.reduce(UInt64(0)) { $0 + UInt64($1.count) }
        let givenUp = source.givenUp.reduce(UInt64(0)) { $0 + UInt64($1.count) }
        return .object(
            Self.identity(source) + [
                JSONMember("label", .optional(label(source.key.principal))),
                JSONMember("state", .string(Self.state(source))),
                JSONMember("firstSeen", .string(RFC3339.text(source.firstSeen))),
                JSONMember("lastSeen", .string(RFC3339.text(source.lastSeen))),
                JSONMember("complete", .decimal(source.watermark)),
                JSONMember("missing", .decimal(missing)),
                JSONMember("givenUp", .decimal(givenUp)),
                JSONMember("accepted", .decimal(source.counts.accepted)),
                JSONMember("refused", .decimal(source.counts.refused.values.reduce(0, &+))),
                JSONMember("duplicate", .decimal(source.counts.duplicate)),
                JSONMember("inConflict", .decimal(source.counts.inConflict)),
                JSONMember(
                    "completeThrough",
                    .optional(
                        source.completeThrough.map { RFC3339.text(min($0, context.clock.now())) }
                    )
                ),
            ]
        )
    }

    private func gaps() -> [JSONOutput] {
        let accepted = context.book.state.acceptedGaps
        return context.engine.sources().flatMap { source -> [JSONOutput] in
            let holes = source.openHoles.map { ($0, "open") }
            let named = source.givenUp.map { ($0, "given-up") }
            return (holes + named).map { range, kind in
                let isAccepted = accepted[source.key, default: []].contains {
                    $0.from <= range.lowerBound && range.upperBound <= $0.to
                }
                return .object(
                    Self.identity(source) + [
                        JSONMember("from", .decimal(range.lowerBound)),
                        JSONMember("to", .decimal(range.upperBound)),
                        JSONMember("events", .decimal(range.upperBound - range.lowerBound)),
                        JSONMember("kind", .string(kind)),
                        JSONMember("accepted", .boolean(isAccepted)),
                        JSONMember(
                            "tenants",
                            .array(source.tenants.sorted().map { .string($0.description) })
                        ),
                    ]
                )
            }
        }
    }

    private func label(_ principal: PrincipalID) -> String? {
        context.book.state.principals[principal]?.label
    }

    private static func identity(_ source: SourceSummary) -> [JSONMember] {
        [
            JSONMember("principal", .decimal(source.key.principal.rawValue)),
            JSONMember("source", .string(source.key.source.description)),
        ]
    }

    private static func state(_ source: SourceSummary) -> String {
        if source.isQuarantined { return "quarantined" }
        if source.isEnded { return "ended" }
        if source.isRetired { return "retired" }
        return source.isUnclean ? "open" : "ending"
    }
}
