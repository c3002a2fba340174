internal import Meter
internal import MeterWire

/// `/admin/v1/backfills`: files of events that came by no emitter, looked at before they are taken in.
struct BackfillRoutes {
    let context: ServerContext
    let ledgers: TenantLedgers
    let identifiers: IdentifierHash
    /// One at a time: what one file adds stands in the preview of the next.
    private let gate = QueryGate(limit: 1)

    var routes: [APIRoute] {
        [
            APIRoute(
                .post,
                "/admin/v1/backfills/plan",
                scopes: .admin,
                bodyByteCountMax: BackfillFile.byteCountMax
            ) { call async throws(Problem) in
                try await gate.pass { () async throws(Problem) in try await preview(call) }
            },
            APIRoute(
                .post,
                "/admin/v1/backfills",
                scopes: .admin,
                bodyByteCountMax: BackfillFile.byteCountMax
            ) { call async throws(Problem) in
                try await gate.pass { () async throws(Problem) in try await apply(call) }
            },
        ]
    }

    private func preview(_ call: APICall) async throws(Problem) -> APIAnswer {
        try call.query.allow(["format", "waldur"])
        let planning = try planning(call)
        return .json(.object(json(try await plan(call, planning), planning)))
    }

    private func apply(_ call: APICall) async throws(Problem) -> APIAnswer {
        try call.query.allow(["format", "digest", "reason", "name", "waldur"])
        guard let reason = try call.query.one("reason"), !reason.isEmpty else {
            throw .badQuery("`reason` says why; it is not empty.")
        }
        let planning = try planning(call)
        let plan = try await plan(call, planning)
        let book = context.book.state
        let runner = BackfillRunner(context: context)
        if let known = book.billing.backfill(of: plan.file) {
            if known.isReverted {
                throw .precondition(
                    "This file is backfill \(known.begun.number), which was taken back; the same file is "
                        + "never counted again."
                )
            }
            // The same file twice changes nothing; what a failure has interrupted goes on.
            if known.done == nil { try await runner.finish(known.begun) }
            return .json(.object(json(plan, planning)))
        }
        guard try call.query.one("digest") == plan.digest else {
            throw .precondition(
                "The effect is not the one that the digest was made of: more was metered since, or a "
                    + "month was cut. Look again with `--dry-run`."
            )
        }
        let begun = BackfillBegun(
            number: book.billing.lastAdjustmentNumber &+ 1,
            file: plan.file,
            name: try call.query.one("name"),
            eventCount: plan.frames.eventCount,
            earliest: plan.earliest,
            latest: plan.latest,
            totals: plan.totals,
            reason: reason
        )
        try await runner.begin(begun, plan.frames, for: call.caller)
        return .json(.object(json(plan, planning)))
    }

    private func planning(_ call: APICall) throws(Problem) -> AdjustmentPlanning {
        let ledger = try ledgers.one(call.query)
        return AdjustmentPlanning(
            ledger: ledger,
            calendar: BillingCalendar(ledger, among: ledgers),
            events: context.engine,
            identifiers: identifiers
        )
    }

    private func plan(
        _ call: APICall,
        _ planning: AdjustmentPlanning
    ) async throws(Problem) -> BackfillPlan {
        let text = try call.query.one("format") ?? "csv"
        guard let format = BackfillFile.Format(rawValue: text) else {
            throw .badQuery("`format` is csv or cloudevents.")
        }
        return try await planning.backfill(call.body, format)
    }

    private func json(_ plan: BackfillPlan, _ planning: AdjustmentPlanning) -> [JSONMember] {
        let book = context.book.state
        let known = book.billing.backfill(of: plan.file)
        let effects = AdjustmentDraft.usage(plan.effects).effects(planning.calendar, book)
        return plan.json + [
            JSONMember("number", .optional(known?.begun.number)),
            JSONMember("state", .string(known?.state ?? "new")),
            JSONMember("digest", .string(plan.digest)),
            JSONMember("effects", .array(effects)),
        ]
    }
}
