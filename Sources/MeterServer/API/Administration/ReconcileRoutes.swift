internal import Meter
internal import MeterWaldur
internal import MeterWire

/// `/admin/v1/reconcile`: a month as emitters claim it, as the ledger has it, as Waldur shows it and as Waldur
/// bills it. Claims are of everything that was used; the rest is one reconciliation for each Waldur.
struct ReconcileRoutes {
    let context: ServerContext
    let reporting: (any ReportingControl)?
    let source: any UsageSource

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/reconcile", scopes: .admin) { call async throws(Problem) in
                try await reconcile(call)
            }
        ]
    }

    private func reconcile(_ call: APICall) async throws(Problem) -> APIAnswer {
        let control = try ReportRoutes.control(reporting, call)
        try call.query.allow(["tenant", "period", "waldur"])
        var request = ReconciliationRequest()
        if let text = try call.query.one("tenant") {
            request.tenant = try RequestFields.name(text, "tenant")
        }
        if let text = try call.query.one("period") {
            guard let month = BillingMonth(text) else {
                throw .badQuery("`period` is a month since 1970, such as 2026-11.")
            }
            request.month = month
        }
        let asked = request
        let found = try await ReportRoutes.ask { () async throws(ReportingFailure) in
            try await control.reconcile(asked)
        }
        let claims = try await claims.compare(found.map(\.period), of: request.tenant)
        let book = context.book.state
        return .json([
            "claims": .array(
                claims.map { ClaimText($0, isOfAll: claims.count == 1, book).json }
            ),
            "reconciliations": .array(found.map { ReconciliationText($0, book).json }),
        ])
    }

    private var claims: ClaimReading {
        ClaimReading(source: source) {
            ClaimReconciliation.Claims(
                sources: context.engine.sources(),
                book: context.book.state,
                horizon: context.engine.options.frameHorizonMilliseconds,
                now: context.clock.now()
            )
        }
    }
}
