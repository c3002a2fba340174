internal import Meter
internal import MeterWaldur
internal import MeterWire

/// `/admin/v1/adjustments`: corrections of usage, looked at before they are applied.
struct AdjustmentRoutes {
    let context: ServerContext
    let ledgers: TenantLedgers
    let gate: QueryGate
    let identifiers: IdentifierHash
    /// That of the Waldur whose usage is corrected.
    private var ledger: TenantLedger

    init(
        context: ServerContext,
        ledgers: TenantLedgers,
        gate: QueryGate,
        identifiers: IdentifierHash
    ) {
        self.context = context
        self.ledgers = ledgers
        self.gate = gate
        self.identifiers = identifiers
        ledger = ledgers.all[0]
    }

    private static let path = "/admin/v1/adjustments"
    private static let bodyByteCountMax = 4 << 20
    private static let members: Set<String> = [
        "kind", "lines", "reverts", "source", "firstSequence", "lastSequence", "principal",
        "eventSource", "eventID", "tenant", "agent", "from", "to",
    ]

    private var planning: AdjustmentPlanning {
        AdjustmentPlanning(ledger, among: ledgers, context, identifiers)
    }

    var routes: [APIRoute] {
        [
            APIRoute(.get, Self.path, scopes: .admin) { call throws(Problem) in try list(call) },
            APIRoute(.get, Self.path + "/{number}", scopes: .admin) { call throws(Problem) in
                try show(call)
            },
            APIRoute(
                .post,
                Self.path + "/plan",
                scopes: .admin,
                bodyByteCountMax: Self.bodyByteCountMax
            ) { call async throws(Problem) in
                let chosen = try chosen(call)
                return try await gate.pass { () async throws(Problem) in
                    try await chosen.preview(call)
                }
            },
            APIRoute(
                .post,
                Self.path,
                scopes: .admin,
                bodyByteCountMax: Self.bodyByteCountMax
            ) { call async throws(Problem) in
                let chosen = try chosen(call)
                return try await gate.pass { () async throws(Problem) in
                    try await chosen.apply(call)
                }
            },
        ]
    }

    /// The same for the Waldur that the query names, where there are several.
    private func chosen(_ call: APICall) throws(Problem) -> AdjustmentRoutes {
        try call.query.allow(["waldur"])
        var chosen = self
        chosen.ledger = try ledgers.one(call.query)
        return chosen
    }

    // MARK: - Plan and apply

    private func preview(_ call: APICall) async throws(Problem) -> APIAnswer {
        let fields = try RequestFields(call.body, allowed: Self.members)
        let draft = try await draft(fields)
        return .json(.object(json(draft, context.book.state)))
    }

    private func apply(_ call: APICall) async throws(Problem) -> APIAnswer {
        let fields = try RequestFields(
            call.body,
            allowed: Self.members.union(["reason", "digest"])
        )
        let reason = try fields.text("reason")
        guard !reason.isEmpty else { throw .badBody("`reason` says why; it is not empty.") }
        let digest = try fields.text("digest")
        let draft = try await draft(fields)
        try AdjustmentPlanning.compare(digest, with: draft.digest)
        let book = context.book.state
        let decisions: [Decision]
        do throws(LedgerError) {
            decisions = try draft.decisions(
                reason: reason,
                position: context.engine.durable,
                calendar: planning.calendar,
                book: book
            )
        } catch {
            throw .badBody("The correction cannot be added up: \(error).")
        }
        _ = try context.book.decide(decisions, call.caller)
        let number = book.billing.lastAdjustmentNumber &+ 1
        return .json(
            .object([JSONMember("number", .decimal(number))] + json(draft, context.book.state))
        )
    }

    private func draft(_ fields: RequestFields) async throws(Problem) -> AdjustmentDraft {
        switch try fields.text("kind") {
        case "amend":
            return try await planning.amend(
                fields.objects(
                    "lines",
                    allowed: ["tenant", "agent", "access", "component", "at", "amount"]
                )
            )
        case "revert":
            guard let number = try fields.natural("reverts") else {
                throw .badBody("`reverts` is the number of an adjustment.")
            }
            return try await planning.revert(number)
        case "void": return try await planning.void(fields)
        default: throw .badBody("`kind` is amend, void or revert.")
        }
    }

    private func json(_ draft: AdjustmentDraft, _ book: BookState) -> [JSONMember] {
        var members = [JSONMember("digest", .string(draft.digest))]
        if case .usage(_, let voided?) = draft {
            members.append(JSONMember("events", .decimal(voided.eventCount)))
            members.append(JSONMember("voidedBefore", .decimal(voided.voidedCount)))
        }
        return members
            + [JSONMember("effects", .array(draft.effects(planning.calendar, book)))]
    }

    // MARK: - What was made

    private func list(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow([])
        let billing = context.book.state.billing
        let rows =
            billing.corrections.values.map { ($0.number, Self.json($0)) }
            + billing.adjustments.values.map { ($0.adjustment.number, Self.json($0)) }
            + billing.backfills.values.map { ($0.begun.number, Self.json($0)) }
        return .json([
            "adjustments": .array(rows.sorted { $0.0 < $1.0 }.map { .object($0.1) })
        ])
    }

    private func show(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow([])
        let billing = context.book.state.billing
        let number = call.parts["number"].flatMap { UInt64($0) }
        if let standing = number.flatMap({ billing.corrections[$0] }) {
            let lines = standing.lines.map { line in
                JSONOutput.object([
                    JSONMember("tenant", .string(line.tenant.description)),
                    JSONMember("agent", .string(line.agent.description)),
                    JSONMember("access", .optional(line.access)),
                    JSONMember("component", .string(line.component.description)),
                    JSONMember("at", .string(RFC3339.text(line.minute))),
                    JSONMember("outcome", .string(line.cell.outcome.text)),
                    JSONMember("way", .optional(line.way?.rawValue)),
                    JSONMember("amount", .string(line.amount.description)),
                ])
            }
            return .json(.object(Self.json(standing) + [JSONMember("lines", .array(lines))]))
        }
        if let standing = number.flatMap({ billing.backfills[$0] }) {
            let lines = standing.begun.totals.map { total in
                JSONOutput.object([
                    JSONMember("tenant", .string(total.tenant.description)),
                    JSONMember("component", .string(total.component.description)),
                    JSONMember("amount", .string(total.amount.description)),
                ])
            }
            return .json(
                .object(
                    Self.json(standing) + [
                        JSONMember("file", .string(standing.begun.file)),
                        JSONMember("name", .optional(standing.begun.name)),
                        JSONMember("events", .decimal(standing.begun.eventCount)),
                        JSONMember("lines", .array(lines)),
                    ]
                )
            )
        }
        guard let standing = number.flatMap({ billing.adjustments[$0] }) else {
            throw .precondition(
                "There is no adjustment of this number; see `meterctl adjust list`."
            )
        }
        let key = standing.adjustment.key
        let line = JSONOutput.object([
            JSONMember("resource", .string(key.resource.description)),
            JSONMember("planPeriod", .string(key.planPeriod.description)),
            JSONMember("month", .string(key.month.description)),
            JSONMember("component", .string(key.component.description)),
            JSONMember("amount", .string(standing.adjustment.amount.description)),
        ])
        return .json(.object(Self.json(standing) + [JSONMember("lines", .array([line]))]))
    }

    private static func json(_ standing: CorrectionStanding) -> [JSONMember] {
        members(
            standing.number,
            kind: standing.kind.rawValue,
            state: standing.isReverted ? "reverted" : "in-force",
            tenants: Set(standing.lines.map(\.tenant)),
            lineCount: standing.lines.count,
            reverts: standing.reverts,
            reason: standing.reason,
            author: standing.author,
            made: standing.made
        )
    }

    private static func json(_ standing: BackfillStanding) -> [JSONMember] {
        members(
            standing.begun.number,
            kind: "backfill",
            state: standing.state,
            tenants: Set(standing.begun.totals.map(\.tenant)),
            lineCount: standing.begun.totals.count,
            reverts: nil,
            reason: standing.begun.reason,
            author: standing.author,
            made: standing.made
        )
    }

    private static func json(_ standing: AdjustmentStanding) -> [JSONMember] {
        members(
            standing.adjustment.number,
            kind: standing.adjustment.kind.rawValue,
            state: standing.isReverted ? "reverted" : "in-force",
            tenants: [],
            lineCount: 1,
            reverts: standing.adjustment.reverts,
            reason: standing.adjustment.reason,
            author: standing.author,
            made: standing.made
        )
    }

    private static func members(
        _ number: UInt64,
        kind: String,
        state: String,
        tenants: Set<Name>,
        lineCount: Int,
        reverts: UInt64?,
        reason: String,
        author: String,
        made: Timestamp
    ) -> [JSONMember] {
        [
            JSONMember("number", .decimal(number)),
            JSONMember("kind", .string(kind)),
            JSONMember("state", .string(state)),
            JSONMember("tenants", .array(tenants.sorted().map { .string($0.description) })),
            JSONMember("lineCount", .count(lineCount)),
            JSONMember("reverts", .optional(reverts)),
            JSONMember("reason", .string(reason)),
            JSONMember("author", .string(author)),
            JSONMember("made", .string(RFC3339.text(made))),
        ]
    }
}
