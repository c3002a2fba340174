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
                return .json(gaps())
            },
            APIRoute(
                .post,
                "/admin/v1/sources/{source}/retire",
                scopes: .admin,
                bodyByteCountMax: 1 << 12
            ) { call throws(Problem) in try retire(call) },
            APIRoute(
                .post,
                "/admin/v1/sources/gaps/accept",
                scopes: .admin,
                bodyByteCountMax: 1 << 12
            ) { call throws(Problem) in try accept(call) },
            APIRoute(.get, "/admin/v1/sources/conflicts", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                let conflicts = context.engine.sources().filter {
                    $0.isQuarantined || $0.counts.inConflict > 0
                }
                return .json(["conflicts": .array(conflicts.map(summary))])
            },
        ]
    }

    /// Decides that a source will not come back.
    private func retire(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow([])
        let fields = try RequestFields(call.body, allowed: ["reason", "principal", "dryRun"])
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
        guard quiet >= SourceGap.silence else {
            throw .precondition(
                "It was heard of \(max(0, quiet) / 1_000) s ago. Stop its emitter, and retire the source "
                    + "when it has been silent for \(SourceGap.silence / 60_000) minutes."
            )
        }
        try context.book.decide(
            [.sourceRetired(SourceRetirement(source: source.key, reason: reason))],
            call.caller,
            isDryRun: fields.isDryRun()
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
                JSONMember("host", .optional(source.peer)),
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

    /// Every gap, and those that nobody has accepted in groups by principal, host and cause.
    private func gaps() -> JSONOutput {
        let book = context.book.state
        let gaps = context.engine.gaps()
        let open = Dictionary(grouping: gaps.filter { !book.accepts($0) }) { GapSelector($0) }
        let groups = open.sorted { $0.key.description < $1.key.description }.map { selector, gaps in
            JSONOutput.object([
                JSONMember("selector", .string(selector.description)),
                JSONMember("label", .optional(gaps.first.flatMap { label($0.source.principal) })),
                JSONMember("host", .optional(gaps.first?.host)),
                JSONMember("cause", .optional(selector.cause?.rawValue)),
                JSONMember("sources", .count(Set(gaps.map(\.source)).count)),
                JSONMember("atMost", .decimal(Self.bound(of: gaps))),
                JSONMember("tenants", Self.tenants(of: gaps)),
                JSONMember(
                    "earliest",
                    .optional(
                        gaps.flatMap(\.reach).map(\.earliest).min().map { RFC3339.text($0) }
                    )
                ),
            ])
        }
        let each = gaps.map { gap -> JSONOutput in
            guard case .object(let members) = gap.json else { return gap.json }
            return .object(
                members + [
                    JSONMember("accepted", .boolean(book.accepts(gap))),
                    JSONMember("tenants", Self.tenants(of: [gap])),
                ]
            )
        }
        return ["groups": .array(groups), "gaps": .array(each)]
    }

    private static func bound(of gaps: [SourceGap]) -> UInt64 {
        gaps.reduce(0) { sum, gap in
            let (total, overflow) = sum.addingReportingOverflow(gap.bound)
            return overflow ? .max : total
        }
    }

    /// Whose usage it may be; null for everybody that the principals may send for.
    private static func tenants(of gaps: [SourceGap]) -> JSONOutput {
        let tenants = gaps.flatMap(\.reach).map(\.tenant)
        if tenants.contains(nil) { return .null }
        return .array(Set(tenants.compactMap { $0 }).sorted().map { .string($0.description) })
    }

    /// Accepts by name that what a selector means will not come.
    private func accept(_ call: APICall) throws(Problem) -> APIAnswer {
        let fields = try RequestFields(
            call.body,
            allowed: ["selector", "maxEvents", "reason", "dryRun"]
        )
        guard let selector = GapSelector(try fields.text("selector")) else {
            throw .badBody(
                "`selector` is a principal's number, one with a host, or a source's 32 digits, and a "
                    + "cause if only one is meant, such as 3@10.1.4.7/given-up."
            )
        }
        guard let limit = try fields.natural("maxEvents") else {
            throw .badBody("`maxEvents` says how many events are accepted as lost at most.")
        }
        let reason = try fields.text("reason")
        guard !reason.isEmpty else { throw .badBody("`reason` says why; it is not empty.") }
        let book = context.book.state
        let gaps = context.engine.gaps().filter { selector.matches($0) && !book.accepts($0) }
        guard !gaps.isEmpty else {
            throw .precondition("Nothing that \(selector) means is open; nothing was accepted.")
        }
        let bound = Self.bound(of: gaps)
        guard bound <= limit else {
            throw .precondition(
                "\(selector) means up to \(bound) events by now, and not \(limit); nothing was "
                    + "accepted. Look again: `meterctl sources gaps`."
            )
        }
        try context.book.decide(
            gaps.map { $0.acceptance(reason: reason) },
            call.caller,
            isDryRun: fields.isDryRun()
        )
        return .json([
            "selector": .string(selector.description), "gaps": .count(gaps.count),
            "atMost": .decimal(bound), "tenants": Self.tenants(of: gaps),
        ])
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
