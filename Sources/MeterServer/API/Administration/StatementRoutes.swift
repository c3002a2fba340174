internal import Meter
internal import MeterWire

/// `/admin/v1/statements` and `/admin/v1/statement-keys`: closed periods as they were signed, and what
/// verifies them.
struct StatementRoutes {
    let context: ServerContext
    let files: StatementFiles
    let ledgers: TenantLedgers

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/statements/{month}/{tenant}", scopes: .admin) {
                call throws(Problem) in try render(call)
            },
            APIRoute(.get, "/admin/v1/statement-keys", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                _ = try files.signingKey.signer(context.book, for: call.caller)
                return keys()
            },
            APIRoute(
                .post,
                "/admin/v1/statement-keys/rotate",
                scopes: .admin,
                bodyByteCountMax: 1 << 12
            ) { call throws(Problem) in
                let fields = try RequestFields(call.body, allowed: ["label", "dryRun"])
                let label = try fields.optional("label")
                if try !fields.isDryRun() {
                    try files.signingKey.rotate(context.book, label: label, for: call.caller)
                }
                return keys()
            },
        ]
    }

    private func keys() -> APIAnswer {
        let keys = context.book.state.billing.statementKeys
        return .json([
            "keys": .array(
                keys.reversed().enumerated().map { age, key in
                    [
                        "publicKey": .string(key.publicKey),
                        "signs": .boolean(age == 0),
                        "label": .optional(key.label),
                    ]
                }
            )
        ])
    }

    private func render(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow(["revision", "format", "waldur"])
        guard let month = call.parts["month"].flatMap({ BillingMonth($0) }) else {
            throw .badQuery("The month is one since 1970, such as 2026-11.")
        }
        let tenant = try RequestFields.name(call.parts["tenant"] ?? "", "tenant")
        let key = TenantPeriod(
            waldur: try ledgers.one(call.query, of: tenant).waldur,
            month: month,
            tenant: tenant
        )
        guard let standing = context.book.state.billing.periods[key] else {
            throw .precondition("\(key) was never closed; `meterctl period close \(month)`.")
        }
        var closed: PeriodClosed? = standing.closed
        if let text = try call.query.one("revision") {
            closed = UInt32(text).flatMap { standing.revision($0) }
        }
        guard let closed else {
            throw .precondition("\(key) has revisions 1 to \(standing.closed.revision).")
        }
        let text = try call.query.one("format") ?? "json"
        guard let form = SignedDocument.Form(rawValue: text), form != .bookHead else {
            throw .badQuery("`format` is json or csv.")
        }
        guard let bytes = files.bytes(closed.statement, form) else {
            throw .precondition(
                "The file of this statement is gone from the data directory; restore "
                    + "statement-\(closed.statement).\(text) from a copy."
            )
        }
        return APIAnswer(
            contentType: form == .json ? "application/json" : "text/csv; charset=utf-8",
            body: bytes
        )
    }
}
