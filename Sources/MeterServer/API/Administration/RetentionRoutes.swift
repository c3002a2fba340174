internal import Meter
internal import MeterWire

/// `/admin/v1/retention`: how long what is kept, how far it reaches back, and what goes next.
struct RetentionRoutes {
    let context: ServerContext
    /// nil where nobody keeps files.
    let keeper: RetentionKeeper?

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/retention", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                return .json(.object(members(try standing())))
            },
            APIRoute(
                .post, "/admin/v1/retention/apply", scopes: .admin, bodyByteCountMax: 1 << 10
            ) { call async throws(Problem) in
                let fields = try RequestFields(call.body, allowed: ["dryRun"])
                let isDryRun = try fields.isDryRun()
                let standing = try standing()
                let items = items(standing)
                if !isDryRun { await apply() }
                return .json(["dryRun": .boolean(isDryRun), "items": .array(items)])
            },
        ]
    }

    private func standing() throws(Problem) -> RetentionStanding {
        guard let keeper else { throw .unavailable("Nobody keeps files here.") }
        return keeper.renew()
    }

    /// Rewriting files takes time: not on the threads that serve connections.
    @concurrent
    private func apply() async { keeper?.pass() }

    private func members(_ standing: RetentionStanding) -> [JSONMember] {
        let items = items(standing)
        return [
            JSONMember("kinds", .array(kinds(standing))),
            JSONMember("growthBytesPerDay", .optional(standing.journal.bytesPerDay)),
            JSONMember("daysUntilLimit", .optional(standing.daysUntilLimit)),
            JSONMember("short", .boolean(standing.isShort)),
            JSONMember("items", .array(items)),
        ]
    }

    private func kinds(_ standing: RetentionStanding) -> [JSONOutput] {
        let engine = context.engine
        let settings = context.configuration.retention
        let journal = standing.journal
        let segments = engine.segments
        let details = engine.detailsFiles
        let isBound = context.book.state.bindings.values.contains { !$0.isEmpty }
        return [
            [
                "kind": "journal",
                "rule": .string(
                    isBound
                        ? "\(settings.journalDays) days after its periods are closed"
                        : "\(settings.journalAgeDays) days"),
                "files": .count(journal.fileCount), "bytes": .decimal(journal.byteCount),
                "limitBytes": .decimal(standing.rule.journalByteCountMax),
                "since": .optional(journal.keptSince.flatMap { TimeText.text($0) }),
                "releasedBefore": .optional(
                    TimeText.text(standing.rule.journalReleasedBefore)),
            ],
            [
                "kind": "segments",
                "rule": .string("\(settings.segmentsMonths) months, closed periods only"),
                "files": .count(segments.count),
                "bytes": .decimal(segments.reduce(0) { $0 + $1.byteCount }),
                "limitBytes": .null,
                "since": .optional(since(engine.usageRetainedFrom)),
                "releasedBefore": .string(RFC3339.text(standing.rule.segmentsReleasedBefore)),
            ],
            [
                "kind": "details",
                "rule": .string("\(context.configuration.detailsRetentionDays) days"),
                "files": .count(details.count),
                "bytes": .decimal(details.reduce(0) { $0 + $1.byteCount }),
                "limitBytes": .null,
                "since": .optional(
                    since(details.map(\.retainedFrom.start).max().flatMap { Minute($0) })),
                "releasedBefore": .string(
                    RFC3339.text(engine.options.detailsReleasedBefore(context.clock.now()))),
            ],
            [
                "kind": "statements",
                "rule": .string("\(settings.statementsMonths) months; hashes for ever"),
                "files": .count(keeper?.statementCount ?? 0),
                "bytes": .null, "limitBytes": .null, "since": .null,
                "releasedBefore": .optional(
                    TimeText.text(standing.statementsReleasedBefore)),
            ],
        ]
    }

    private func since(_ minute: Minute?) -> String? {
        minute.flatMap { $0.rawValue == 0 ? nil : RFC3339.text($0) }
    }

    private func items(_ standing: RetentionStanding) -> [JSONOutput] {
        let plan = context.engine.retentionPlan(at: context.clock.now())
        var items = plan.items.map { item -> JSONOutput in
            [
                "kind": .string(item.kind.rawValue), "name": .string(item.name),
                "bytes": .decimal(item.byteCount), "reason": .string(item.reason.rawValue),
                "through": .optional(item.through.flatMap { TimeText.text($0) }),
            ]
        }
        let moment = standing.statementsReleasedBefore
        for name in keeper?.expiredStatements(before: moment) ?? [] {
            items.append([
                "kind": "statement", "name": .string(name), "bytes": .null,
                "reason": "released", "through": .null,
            ])
        }
        return items
    }
}
