package import Meter
package import MeterWire

/// Where usage is read, as the routes see it.
package protocol UsageSource: Sendable {
    /// The answer at a durable position.
    func usage(_ query: UsageQuery) async throws(Problem) -> UsageAnswer
    /// Usage and details of one moment; details are answered in the order of their queries.
    func usage(
        _ query: UsageQuery,
        with details: [DetailsQuery]
    ) async throws(Problem) -> UsageWithDetails
    func details(_ query: DetailsQuery) async throws(Problem) -> DetailsAnswer
    /// Up to when Waldur was found to say the same; nil where nothing was reconciled.
    func reconciledThrough() -> Timestamp?
    func now() -> Timestamp
    /// The names of a tenant's agents that have used something at any time.
    func agents(of tenant: Name) -> Set<Name>
    /// Every decision that is durable.
    var book: BookState { get }
    /// Up to where the journal is durable: while it stays, so do all answers.
    var durablePosition: UInt64 { get }
}

/// The routes that read usage: with a key of scope `usage`, or a portal token.
struct UsageRoutes {
    let source: any UsageSource
    let gate: QueryGate
    let live: LiveTotalsRoute
    /// Waldur's pages for people.
    let homePorts: [WaldurID: String]

    var routes: [APIRoute] {
        [
            route("/api/v1/meters/{component}/query", MeterQueryRoute(source: source).answer),
            route(
                "/api/v1/tenants/{tenant}/agents",
                AgentListRoute(source: source, homePorts: homePorts).answer
            ),
            route(
                "/api/v1/tenants/{tenant}/agents/{agent}/usage",
                AgentUsageRoute(source: source).answer
            ),
            APIRoute(
                .get,
                "/api/v1/tenants/{tenant}/live",
                scopes: .usage,
                isForPortals: true
            ) { call async throws(Problem) in try live.answer(call) },
        ]
    }

    private func route(
        _ path: String,
        _ answer: @escaping @Sendable (APICall) async throws(Problem) -> APIAnswer
    ) -> APIRoute {
        APIRoute(.get, path, scopes: .usage, isForPortals: true) { call async throws(Problem) in
            try await gate.pass { () async throws(Problem) in try await answer(call) }
        }
    }
}

extension UsageSource {
    func freshness(_ answer: UsageAnswer) -> Freshness {
        Freshness(
            position: answer.position,
            asOf: answer.asOf,
            completeThrough: answer.completeThrough,
            reconciledThrough: reconciledThrough()
        )
    }

    func freshness(_ answer: DetailsAnswer) -> Freshness {
        Freshness(
            position: answer.position,
            asOf: answer.asOf,
            completeThrough: answer.completeThrough,
            reconciledThrough: reconciledThrough()
        )
    }
}

extension UsagePeriod {
    /// The period, as every answer repeats it.
    var members: [JSONMember] {
        [
            JSONMember("from", .string(RFC3339.text(from))),
            JSONMember("to", .string(RFC3339.text(to))),
            JSONMember("windowSize", .optional(size?.rawValue)),
            JSONMember("windowTimeZone", .string(zone)),
        ]
    }

    /// One window's beginning and end.
    func windowMembers(_ window: Int) -> [JSONMember] {
        [
            JSONMember("windowStart", .string(RFC3339.text(boundaries[window]))),
            JSONMember("windowEnd", .string(RFC3339.text(boundaries[window + 1]))),
        ]
    }

    /// The same as cells of a table.
    func windowCells(_ window: Int) -> [CSVText.Cell] {
        [
            .plain(RFC3339.text(boundaries[window])), .plain(RFC3339.text(boundaries[window + 1])),
        ]
    }
}

extension Set {
    /// The elements that are in both; nil stands for all there are.
    static func intersection(_ left: Set?, _ right: Set?) -> Set? {
        guard let left, let right else { return left ?? right }
        return left.intersection(right)
    }
}
