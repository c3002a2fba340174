internal import Meter
internal import MeterWire

/// `/admin/v1/explain`: one figure walked down to sources, files, submissions and decisions.
struct ExplainRoutes {
    let context: ServerContext
    let ledgers: TenantLedgers
    let gate: QueryGate

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/explain", scopes: .admin) { call async throws(Problem) in
                try await gate.pass { () async throws(Problem) in try await explain(call) }
            }
        ]
    }

    private func explain(_ call: APICall) async throws(Problem) -> APIAnswer {
        try call.query.allow(["tenant", "agent", "component", "period", "waldur", "sources"])
        func name(_ field: String) throws(Problem) -> Name {
            guard let text = try call.query.one(field) else {
                throw .badQuery("`\(field)` is missing.")
            }
            return try RequestFields.name(text, field)
        }
        let tenant = try name("tenant")
        let ledger = try ledgers.one(call.query, of: tenant)
        let subject = Explanation.Subject(
            tenant: tenant,
            agent: try name("agent"),
            component: try name("component"),
            period: try ledger.period(
                try call.query.one("period").map { BillingMonth($0) } ?? ledger.present
            )
        )
        let isUnsaid = try call.query.one("sources") == nil
        let withSources = isUnsaid ? true : try call.query.flag("sources")
        let found = try await ExplanationReading(context: context, ledger: ledger)
            .explain(subject, withSources: withSources)
        return .json(found.json)
    }
}
