internal import Meter
internal import MeterWaldur
internal import MeterWire

/// Where billing is read: usage, and what of it could still change.
protocol BillingSource: UsageSource {
    /// Events that sources have numbered, that have not come, and that may be this tenant's.
    func openHoles(of tenant: Name) -> OpenHoles
}

/// Numbered events that have not come and that nobody has accepted as lost.
struct OpenHoles: Equatable {
    var sourceCount = 0
    var eventCount: UInt128 = 0
}

/// `GET /api/v1/tenants/{tenant}/billing`, and of one agent: a month's usage beside what Waldur was told of it.
///
/// Prices and invoices are Waldur's.
struct BillingRoutes {
    let ledgers: TenantLedgers
    let gate: QueryGate

    var routes: [APIRoute] {
        let paths = [
            "/api/v1/tenants/{tenant}/billing", "/api/v1/tenants/{tenant}/agents/{agent}/billing",
        ]
        return paths.map { path in
            APIRoute(.get, path, scopes: .finance) { call async throws(Problem) in
                try await gate.pass { () async throws(Problem) in try await answer(call) }
            }
        }
    }

    private func answer(_ call: APICall) async throws(Problem) -> APIAnswer {
        try call.query.allow(["period", "waldur", AnswerFormat.parameter])
        let format = try AnswerFormat(call)
        let reach = UsageReach(call.caller)
        let tenant = try reach.tenant(call.parts["tenant"])
        let agent = call.parts["agent"] == nil ? nil : try reach.agent(call.parts["agent"])
        let ledger = try ledgers.one(call.query, of: tenant)
        let period = try period(call.query, ledger)
        let reading = try await ledger.read(tenant, in: period)
        let statement = try BillingStatement(reading, tenant: tenant, agent: agent)
        let freshness = ledger.source.freshness(reading.answer)
        if format == .csv { return .usage(statement.csv, freshness) }
        let holes = ledger.source.openHoles(of: tenant)
        var members = [JSONMember("tenant", .string(tenant.description))]
        if let agent { members.append(JSONMember("agent", .string(agent.description))) }
        members += [
            JSONMember("period", .string(period.month.description)),
            JSONMember("from", .string(RFC3339.text(period.start))),
            JSONMember("to", .string(RFC3339.text(period.end))),
            JSONMember("waldur", .string(ledger.waldur.name)),
            JSONMember("lines", .array(statement.lines.map(\.json))),
            JSONMember("unassigned", .array(statement.unassigned.map(BillingStatement.json))),
            JSONMember(
                "openHoles",
                ["sources": .count(holes.sourceCount), "events": .decimal(holes.eventCount)]
            ),
        ]
        return .usage(members, freshness)
    }

    /// The month that is asked for, or the one that is now, on Waldur's calendar.
    private func period(
        _ query: QueryItems,
        _ ledger: TenantLedger
    ) throws(Problem) -> BillingPeriod {
        guard let text = try query.one("period") else {
            return try ledger.period(ledger.present)
        }
        return try ledger.period(BillingMonth(text))
    }
}
