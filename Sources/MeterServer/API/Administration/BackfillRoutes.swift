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
        let plan = try await plan(call, planning)
        return answer(
            plan, planning, isNew: context.book.state.billing.backfill(of: plan.file) == nil)
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
            return answer(plan, planning, isNew: false)
        }
        try AdjustmentPlanning.compare(try call.query.one("digest"), with: plan.digest)
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
        return answer(plan, planning, isNew: true)
    }

    private func planning(_ call: APICall) throws(Problem) -> AdjustmentPlanning {
        AdjustmentPlanning(try ledgers.one(call.query), among: ledgers, context, identifiers)
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

    /// - Parameter isNew: The file adds something; one that is known changes nothing more.
    private func answer(
        _ plan: BackfillPlan,
        _ planning: AdjustmentPlanning,
        isNew: Bool
    ) -> APIAnswer {
        let book = context.book.state
        let known = book.billing.backfill(of: plan.file)
        let effects = AdjustmentEffects(
            isNew ? plan.added.effects : [],
            as: .metered,
            planning.calendar,
            book
        )
        return .json(
            .object(
                plan.json + [
                    JSONMember("number", .optional(known?.begun.number)),
                    JSONMember("state", .string(known?.state ?? "new")),
                    JSONMember("digest", .string(plan.digest)),
                    JSONMember("effects", .array(effects.json)),
                ]
            )
        )
    }
}
