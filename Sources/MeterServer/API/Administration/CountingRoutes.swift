internal import Meter
internal import MeterWire

/// `/admin/v1/counting`: whose spans count, and since when.
struct CountingRoutes {
    let context: ServerContext

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/counting", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                return .json(list())
            },
            APIRoute(.post, "/admin/v1/counting", scopes: .admin, bodyByteCountMax: 1 << 12) {
                call throws(Problem) in try declare(call)
            },
        ]
    }

    private func list() -> JSONOutput {
        let standings = context.book.state.countingDeclarations
        let now = Minute(context.clock.now()) ?? Minute(rawValue: 0)
        return [
            "declarations": .array(
                standings.map { standing in
                    Self.json(standing, state: standing.state(among: standings, at: now))
                }
            )
        ]
    }

    /// What was counted and shown stays so: no event can have come yet that the decision is about.
    private func declare(_ call: APICall) throws(Problem) -> APIAnswer {
        let fields = try RequestFields(
            call.body,
            allowed: ["tenant", "agent", "counts", "from", "reason", "dryRun"]
        )
        guard let way = UsageWay(rawValue: try fields.text("counts")) else {
            throw .badBody(
                "`counts` is otlp (the tenant's spans) or native (frames and CloudEvents).")
        }
        let latest = context.clock.now()
            .advanced(byMilliseconds: context.engine.options.futureMilliseconds)
        guard let latestMinute = Minute(latest) else { throw .internalError }
        let earliest = QuarterHour(rawValue: QuarterHour(of: latestMinute).rawValue + 1).firstMinute
        let from = try fields.minute("from") ?? earliest
        guard from >= earliest else {
            throw .precondition(
                "What counts changes from \(RFC3339.text(earliest)) on at the earliest: usage before "
                    + "that may have been counted, and what was counted stays so."
            )
        }
        var agent: Name?
        if let text = try fields.optional("agent") { agent = try RequestFields.name(text, "agent") }
        let declaration = CountingDeclaration(
            tenant: try fields.name("tenant"),
            agent: agent,
            way: way,
            from: from,
            reason: try fields.text("reason")
        )
        let isDryRun = try fields.isDryRun()
        let entries = try context.book.decide(
            [.countingDeclared(declaration)],
            call.caller,
            isDryRun: isDryRun
        )
        guard let entry = entries.first else { throw .internalError }
        return .json(
            Self.json(
                CountingStanding(declaration: declaration, author: entry.author, made: entry.time),
                state: .planned
            ),
            status: isDryRun ? 200 : 201
        )
    }

    private static func json(
        _ standing: CountingStanding,
        state: CountingStanding.State
    ) -> JSONOutput {
        let declaration = standing.declaration
        return [
            "tenant": .string(declaration.tenant.description),
            "agent": .optional(declaration.agent),
            "counts": .string(declaration.way.rawValue),
            "from": .string(RFC3339.text(declaration.from)), "state": .string(state.rawValue),
            "reason": .string(declaration.reason), "author": .string(standing.author),
            "decided": .string(RFC3339.text(standing.made)),
        ]
    }
}
