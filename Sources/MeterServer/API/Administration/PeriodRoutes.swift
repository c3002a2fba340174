internal import Meter
internal import MeterWire

/// `/admin/v1/periods`: billing periods from open through cut to closed.
struct PeriodRoutes {
    /// One for each Waldur.
    let closings: [PeriodClosing]
    let ledgers: TenantLedgers
    let reporting: (any ReportingControl)?
    let gate: QueryGate
    /// That of the Waldur that is asked about.
    private var closing: PeriodClosing

    init(
        closings: [PeriodClosing],
        ledgers: TenantLedgers,
        reporting: (any ReportingControl)?,
        gate: QueryGate
    ) {
        self.closings = closings
        self.ledgers = ledgers
        self.reporting = reporting
        self.gate = gate
        closing = closings[0]
    }

    var routes: [APIRoute] {
        let one = "/admin/v1/periods/{month}"
        return [
            APIRoute(.get, "/admin/v1/periods", scopes: .admin) { call throws(Problem) in
                try call.query.allow(["waldur"])
                return try list(call)
            },
            APIRoute(.get, one, scopes: .admin) { call throws(Problem) in
                try chosen(call).show(call)
            },
            APIRoute(.get, one + "/preview", scopes: .admin) { call async throws(Problem) in
                let chosen = try chosen(call)
                let period = try chosen.period(call)
                return try await gate.pass { () async throws(Problem) -> APIAnswer in
                    let status = reporting?.status().first { $0.waldur == period.waldur }
                    return .json(try await PeriodPreview(period, chosen.closing, status).json)
                }
            },
            APIRoute(.post, one + "/close", scopes: .admin, bodyByteCountMax: 1 << 20) {
                call async throws(Problem) in
                let chosen = try chosen(call)
                return try await gate.pass { () async throws(Problem) in
                    try await chosen.close(call)
                }
            },
            APIRoute(.post, one + "/reopen", scopes: .admin, bodyByteCountMax: 1 << 12) {
                call throws(Problem) in try chosen(call).reopen(call)
            },
        ]
    }

    /// The same for the Waldur that the query names, where there are several.
    private func chosen(_ call: APICall) throws(Problem) -> PeriodRoutes {
        try call.query.allow(["waldur"])
        let waldur = try ledgers.one(call.query).waldur
        var chosen = self
        chosen.closing = closings.first { $0.ledger.waldur == waldur } ?? closing
        return chosen
    }

    private func show(_ call: APICall) throws(Problem) -> APIAnswer {
        let period = try period(call)
        return .json([
            "month": .string(period.month.description), "waldur": .string(period.waldur.name),
            "from": .string(RFC3339.text(period.start)),
            "to": .string(RFC3339.text(period.end)),
            "tenants": .array(closing.standings(in: period).map(\.json)),
        ])
    }

    private func period(_ call: APICall) throws(Problem) -> BillingPeriod {
        try closing.ledger.period(call.parts["month"].flatMap { BillingMonth($0) })
    }

    private func list(_ call: APICall) throws(Problem) -> APIAnswer {
        let wanted =
            try call.query.one("waldur") == nil ? nil : try ledgers.one(call.query).waldur
        var rows: [JSONOutput] = []
        for closing in closings where wanted == nil || closing.ledger.waldur == wanted {
            try list(closing, into: &rows)
        }
        return .json(["periods": .array(rows)])
    }

    private func list(
        _ closing: PeriodClosing,
        into rows: inout [JSONOutput]
    ) throws(Problem) {
        let book = closing.environment.book
        for month in closing.months(book) {
            let period = try closing.ledger.period(month)
            let tenants = closing.tenants(in: period, book)
            let closed = tenants.count { tenant in
                let key = TenantPeriod(waldur: period.waldur, month: month, tenant: tenant)
                return book.billing.periods[key].map { !$0.isReopened } ?? false
            }
            let isCut = book.billing.isCut(month, of: period.waldur)
            let isClosed = isCut && closed == tenants.count && closed > 0
            rows.append([
                "month": .string(month.description), "waldur": .string(period.waldur.name),
                "state": .string(isClosed ? "closed" : isCut ? "cut" : "open"),
                "tenants": .count(tenants.count), "closed": .count(closed),
            ])
        }
    }

    // MARK: - Closing

    private func close(_ call: APICall) async throws(Problem) -> APIAnswer {
        let period = try period(call)
        let fields = try RequestFields(call.body, allowed: ["tenants", "dryRun"])
        let isDryRun = try fields.isDryRun()
        var wanted: Set<Name>?
        if let texts = try fields.texts("tenants") {
            var names: Set<Name> = []
            for text in texts { names.insert(try RequestFields.name(text, "tenants")) }
            wanted = names
        }
        let standings = closing.standings(in: period)
        if let stranger = wanted?.subtracting(standings.map(\.tenant)).sorted().first {
            throw .precondition("\(stranger) has no binding in \(period.month).")
        }
        var rows: [JSONOutput] = []
        for standing in standings where wanted?.contains(standing.tenant) ?? true {
            let after =
                isDryRun
                ? standing
                : try await closing.close(standing.tenant, in: period, for: call.caller)
            rows.append(after.json)
        }
        return .json([
            "month": .string(period.month.description), "dryRun": .boolean(isDryRun),
            "tenants": .array(rows),
        ])
    }

    private func reopen(_ call: APICall) throws(Problem) -> APIAnswer {
        let period = try period(call)
        let fields = try RequestFields(call.body, allowed: ["tenant", "reason", "dryRun"])
        let reason = try fields.text("reason")
        guard !reason.isEmpty else { throw .badBody("`reason` says why; it is not empty.") }
        return .json(
            try closing.reopen(
                fields.name("tenant"),
                in: period,
                reason: reason,
                isDryRun: fields.isDryRun(),
                for: call.caller
            ).json
        )
    }
}
