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
    let source: any BillingSource
    let gate: QueryGate
    let waldur: WaldurID
    let zone: ZoneOffset

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
        try call.query.allow(["period", AnswerFormat.parameter])
        let format = try AnswerFormat(call)
        let reach = UsageReach(call.caller)
        let tenant = try reach.tenant(call.parts["tenant"])
        let agent = call.parts["agent"] == nil ? nil : try reach.agent(call.parts["agent"])
        let period = try period(call.query)
        let (month, book, answer) = try await ledger(of: tenant, in: period)
        let statement: BillingStatement
        do throws(LedgerError) {
            statement = try BillingStatement(month, book, tenant: tenant, agent: agent)
        } catch {
            throw .unavailable("The ledger of \(period.month) cannot be added up: \(error).")
        }
        let freshness = source.freshness(answer)
        if format == .csv { return .usage(statement.csv, freshness) }
        let holes = source.openHoles(of: tenant)
        var members = [JSONMember("tenant", .string(tenant.description))]
        if let agent { members.append(JSONMember("agent", .string(agent.description))) }
        members += [
            JSONMember("period", .string(period.month.description)),
            JSONMember("from", .string(RFC3339.text(period.start))),
            JSONMember("to", .string(RFC3339.text(period.end))),
            JSONMember("waldur", .string(waldur.name)),
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
    private func period(_ query: QueryItems) throws(Problem) -> BillingPeriod {
        let month: BillingMonth?
        if let text = try query.one("period") {
            month = BillingMonth(text)
        } else {
            month = BillingMonth(of: source.now(), in: zone)
        }
        guard let month, let start = Minute(month.start(in: zone)),
            let end = Minute(month.end(in: zone)),
            let period = BillingPeriod(waldur: waldur, month: month, start: start, end: end)
        else { throw .badQuery("`period` is a month since 1970, such as 2026-11.") }
        return period
    }

    /// The ledger over one tenant's usage. Its figures are whole for resources that only this tenant uses.
    private func ledger(
        of tenant: Name,
        in period: BillingPeriod
    ) async throws(Problem) -> (LedgerMonth, BookState, UsageAnswer) {
        // A decision may come between the question and its answer; then the windows may not fit.
        for _ in 0..<3 {
            var query = Ledger.query(source.book, period)
            query.tenants = [tenant]
            let answer = try await source.usage(query)
            let book = source.book
            do throws(LedgerError) {
                let month = try Ledger.attribute(answer, to: query, book: book, period: period)
                return (month, book, answer)
            } catch {
                guard case .windowsStale = error else {
                    throw .unavailable("The ledger of \(period.month): \(error).")
                }
            }
        }
        throw .unavailable("Bindings change faster than the ledger can be asked.", retryAfter: 1)
    }
}
