internal import Meter
internal import MeterWaldur
internal import MeterWire

/// `/admin/v1/foreign`: figures in Waldur that Meter did not write, and what is done about them.
struct ForeignRoutes {
    let context: ServerContext

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/foreign", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                let foreign = context.book.state.billing.foreign
                return .json([
                    "foreign": .array(
                        foreign.keys.sorted().compactMap { foreign[$0] }.map(Self.json)
                    )
                ])
            },
            APIRoute(
                .post,
                "/admin/v1/foreign/decide",
                scopes: .admin,
                bodyByteCountMax: 1 << 12
            ) { call throws(Problem) in try decide(call) },
        ]
    }

    private func decide(_ call: APICall) throws(Problem) -> APIAnswer {
        let fields = try RequestFields(
            call.body,
            allowed: ["resource", "component", "planPeriod", "verdict", "reason", "dryRun"]
        )
        let reason = try fields.text("reason")
        guard !reason.isEmpty else { throw .badBody("`reason` says why; it is not empty.") }
        let verdict = ForeignDecided.Verdict(rawValue: try fields.text("verdict"))
        guard let verdict, verdict != .gone else {
            throw .badBody("`verdict` is accept or reassert.")
        }
        let standing = try standing(fields)
        let decisions: [Decision]
        switch verdict {
        case .reassert, .gone:
            decisions = [
                .foreignDecided(
                    ForeignDecided(key: standing.found.key, verdict: verdict, reason: reason)
                )
            ]
        case .accept:
            let accepted = try? ForeignAcceptance.decisions(
                standing,
                number: context.book.state.billing.lastAdjustmentNumber &+ 1,
                book: context.book.state,
                byDefault: false,
                reason: reason
            )
            guard let accepted else {
                throw .precondition(
                    "Waldur shows \(standing.found.usage ?? "nothing"), which cannot stand."
                )
            }
            decisions = accepted
        }
        let isDryRun = try fields.isDryRun()
        try context.book.decide(decisions, call.caller, isDryRun: isDryRun)
        let adjustment = decisions.compactMap { decision -> LedgerAmount? in
            guard case .adjustmentMade(let adjustment) = decision else { return nil }
            return adjustment.amount
        }.first
        return .json([
            "verdict": .string(verdict.rawValue), "row": .string("\(standing.found.key)"),
            "shown": .optional(standing.found.usage), "adjustment": .optional(adjustment),
            "dryRun": .boolean(isDryRun),
        ])
    }

    /// The one foreign figure that the fields name.
    private func standing(_ fields: RequestFields) throws(Problem) -> ForeignStanding {
        guard let resource = ResourceID(try fields.text("resource")) else {
            throw .badBody("`resource` is a uuid of Waldur's.")
        }
        let component = try fields.name("component")
        let period = try fields.optional("planPeriod")
        let found = context.book.state.billing.foreign.values.filter { standing in
            let key = standing.found.key
            return key.resource == resource && key.component == component
                && (period == nil || key.planPeriod.description == period)
        }
        guard let standing = found.first else {
            throw .precondition(
                "There is no such foreign figure; see `meterctl report foreign list`.")
        }
        guard found.count == 1 else {
            throw .precondition("There are several; name the plan period, too.")
        }
        return standing
    }

    private static func json(_ standing: ForeignStanding) -> JSONOutput {
        let key = standing.found.key
        return .object([
            JSONMember("waldur", .string(key.waldur.name)),
            JSONMember("resource", .string(key.resource.description)),
            JSONMember("month", .string(key.month.description)),
            JSONMember("planPeriod", .string(key.planPeriod.description)),
            JSONMember("component", .string(key.component.description)),
            JSONMember("shown", .optional(standing.found.usage)),
            JSONMember("confirmed", .optional(standing.found.confirmed)),
            JSONMember("writer", .optional(standing.found.writer?.description)),
            JSONMember("since", .string(RFC3339.text(standing.since))),
            JSONMember("state", .string(standing.isToReassert ? "to-reassert" : "undecided")),
        ])
    }
}
