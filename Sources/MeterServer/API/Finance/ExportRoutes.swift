internal import Meter
internal import MeterWaldur
internal import MeterWire

/// `/admin/v1/export`: a month's lines as CSV, JSON or FOCUS 1.2 usage columns.
struct ExportRoutes {
    enum Format: String, CaseIterable { case csv, json, focus }

    let closings: [PeriodClosing]
    let ledgers: TenantLedgers
    let gate: QueryGate

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/export", scopes: .admin) { call async throws(Problem) in
                try await gate.pass { () async throws(Problem) in try await export(call) }
            }
        ]
    }

    private func export(_ call: APICall) async throws(Problem) -> APIAnswer {
        try call.query.allow(["period", "format", "tenant", "waldur"])
        guard let format = Format(rawValue: try call.query.one("format") ?? "csv") else {
            throw .badQuery("`format` is csv, json or focus.")
        }
        var tenant: Name?
        if let text = try call.query.one("tenant") {
            tenant = try RequestFields.name(text, "tenant")
        }
        let ledger = try ledgers.one(call.query, of: tenant)
        guard let closing = closings.first(where: { $0.ledger.waldur == ledger.waldur }) else {
            throw .internalError
        }
        let period = try ledger.period(
            try call.query.one("period").map { BillingMonth($0) } ?? ledger.present
        )
        let reading = try await ledger.read(tenant, in: period)
        let bound = closing.tenants(in: period, reading.book)
        let unassigned = reading.month.unassigned.map(\.key.tenant)
        let tenants = tenant.map { [$0] } ?? Set(bound + unassigned).sorted()
        let export = try UsageExport(reading, tenants: tenants)
        switch format {
        case .json: return .json(export.json)
        case .csv: return Self.table(export.csv)
        case .focus: return Self.table(try FocusColumns(export, zone: ledger.zone).csv())
        }
    }

    private static func table(_ table: CSVText) -> APIAnswer {
        APIAnswer(contentType: "text/csv; charset=utf-8", body: table.bytes)
    }
}
