internal import Meter
internal import MeterWire

/// `GET /api/v1/tenants/{tenant}/agents`: a page of a tenant's agents, each with its totals, its calls and how
/// they ended, and with where it is ordered and billed.
struct AgentListRoute {
    let source: any UsageSource
    let homePorts: [WaldurID: String]

    private static let limitMax = 1_000
    private static let limitDefault = 100

    func answer(_ call: APICall) async throws(Problem) -> APIAnswer {
        try call.query.allow([
            "from", "to", "windowTimeZone", "project", "state", "sort", "cursor", "limit",
            "component", UsageClass.parameter, AnswerFormat.parameter,
        ])
        let format = try AnswerFormat(call)
        let reach = UsageReach(call.caller)
        let tenant = try reach.tenant(call.parts["tenant"])
        let period = try UsagePeriod(call.query, now: source.now())
        let components = try reach.components(call.query.all("component"))
        let usageClass = try UsageClass(call.query)
        let order = try AgentOrder(try call.query.one("sort"), reach)
        let limit = try Self.limit(call.query)
        let cursor = try order.place(of: try call.query.one("cursor"))
        let book = source.book
        let now = Minute(source.now()) ?? period.to
        var agents = Self.agents(of: tenant, source, book, reach)
        if let isWanted = try Self.filter(call.query) {
            agents = agents.filter {
                isWanted(AgentPlacement($0, of: tenant, in: book, at: now))
            }
        }
        let places = try await places(of: agents, tenant, period, order, usageClass)
        // One more than is shown says whether there is a next page.
        var page = order.first(limit + 1, of: places, after: cursor)
        let hasNext = page.count > limit
        if hasNext { page.removeLast() }
        let shown = Set(page.map(\.agent))
        let (from, to) = (QuarterHour(of: period.from), QuarterHour(from: period.to))
        let both = try await source.usage(
            UsageQuery(
                tenants: [tenant],
                agents: shown,
                components: components,
                windows: period.boundaries,
                grouping: [.agent, .component],
                classes: usageClass.classes
            ),
            with: [
                DetailsQuery(
                    tenants: [tenant],
                    agents: shown,
                    components: [],
                    windows: [from, to],
                    grouping: .agent,
                    wantsHistograms: false,
                    classes: usageClass.classes
                )
            ]
        )
        let answer = both.usage
        let rows = AgentRows(both, components: components ?? [])
        let entries = page.map { place in
            AgentRows.Entry(
                agent: place.agent,
                placement: AgentPlacement(place.agent, of: tenant, in: book, at: now)
            )
        }
        let freshness = source.freshness(answer)
        switch format {
        case .csv: return .usage(rows.csv(entries, homePorts), freshness)
        case .json:
            let next = hasNext ? page.last.map { order.cursor(after: $0) } : nil
            return .usage(
                [
                    JSONMember("tenant", .string(tenant.description)),
                    JSONMember("from", .string(RFC3339.text(period.from))),
                    JSONMember("to", .string(RFC3339.text(period.to))),
                    usageClass.member,
                    JSONMember("agents", .array(entries.map { rows.json($0, homePorts) })),
                    JSONMember(
                        "details",
                        .object(DetailsBasis(from: from, to: to, both.details).members)
                    ),
                    JSONMember("next", .optional(next)),
                ],
                freshness
            )
        }
    }

    /// Every agent that has used something or that has an access.
    private static func agents(
        of tenant: Name,
        _ source: any UsageSource,
        _ book: BookState,
        _ reach: UsageReach
    ) -> Set<Name> {
        var agents = source.agents(of: tenant)
        for key in book.accessesByAgent.keys where key.tenant == tenant {
            agents.insert(key.agent)
        }
        return reach.agents.map { agents.intersection($0) } ?? agents
    }

    private static func limit(_ query: QueryItems) throws(Problem) -> Int {
        guard let text = try query.one("limit") else { return limitDefault }
        guard let limit = Int(text), (1...limitMax).contains(limit) else {
            throw .badQuery("`limit` is 1 to \(limitMax).")
        }
        return limit
    }

    private static func filter(
        _ query: QueryItems
    ) throws(Problem) -> ((AgentPlacement) -> Bool)? {
        let project = try query.one("project")
        var state: AgentPlacement.State?
        if let text = try query.one("state") {
            guard let known = AgentPlacement.State(rawValue: text) else {
                throw .badQuery(
                    "`state` is "
                        + AgentPlacement.State.allCases.map(\.rawValue).joined(separator: ", ")
                        + "."
                )
            }
            state = known
        }
        guard project != nil || state != nil else { return nil }
        return { placement in
            (project.map { placement.isIn(project: $0) } ?? true)
                && (state.map { placement.states.contains($0) } ?? true)
        }
    }

    /// What each agent is placed by. By name that is known; by a total all agents must be asked for.
    private func places(
        of agents: Set<Name>,
        _ tenant: Name,
        _ period: UsagePeriod,
        _ order: AgentOrder,
        _ usageClass: UsageClass
    ) async throws(Problem) -> [AgentOrder.Place] {
        guard case .total(let component) = order.key else {
            return agents.map { AgentOrder.Place(value: 0, agent: $0) }
        }
        let answer = try await source.usage(
            UsageQuery(
                tenants: [tenant],
                components: [component],
                windows: period.boundaries,
                grouping: .agent,
                classes: usageClass.classes
            )
        )
        return agents.map { agent in
            AgentOrder.Place(
                value: answer.totals[UsageGroup(agent: agent)]?.sum ?? 0,
                agent: agent
            )
        }
    }
}

/// A page of agents as JSON or CSV.
private struct AgentRows {
    struct Entry {
        let agent: Name
        let placement: AgentPlacement
    }

    private let answer: UsageAnswer
    private let details: DetailsAnswer?
    /// Those asked for, and those that any agent of the page used.
    private let components: [Name]

    init(_ both: UsageWithDetails, components asked: Set<Name>) {
        answer = both.usage
        details = both.details.first
        components = asked.union(answer.totals.keys.compactMap(\.component)).sorted()
    }

    private func total(_ agent: Name, _ component: Name) -> UsageTotal? {
        answer.totals[UsageGroup(agent: agent, component: component)]
    }

    private func calls(_ agent: Name) -> DetailFigures {
        DetailFigures(
            total: details?.totals[DetailsGroup(agent: agent)] ?? DetailsTotal(),
            showsTokens: false
        )
    }

    func json(_ entry: Entry, _ homePorts: [WaldurID: String]) -> JSONOutput {
        let totals = components.compactMap { component in
            total(entry.agent, component).map { total in
                JSONOutput.object([
                    JSONMember("component", .string(component.description)),
                    JSONMember("total", .decimal(total.sum)),
                    JSONMember("count", .decimal(total.count)),
                ])
            }
        }
        return .object(
            [
                JSONMember("agent", .string(entry.agent.description)),
                JSONMember("state", .string(entry.placement.state.rawValue)),
                JSONMember("components", .array(totals)),
            ] + calls(entry.agent).callMembers + [
                JSONMember("accesses", entry.placement.json(linkedAt: homePorts))
            ]
        )
    }

    func csv(_ entries: [Entry], _ homePorts: [WaldurID: String]) -> CSVText {
        var table = CSVText(
            ["agent", "state", "project", "resource", "link"] + DetailFigures.callColumns
                + components.map { "total.\($0)" }
        )
        for entry in entries {
            let place = entry.placement.places.first { $0.binding != nil }
            let project = place?.resource?.project
            var row: [CSVText.Cell] = [.text(entry.agent.description)]
            row.append(.plain(entry.placement.state.rawValue))
            row.append(.optional(project?.name ?? project?.id))
            row.append(.optional(place?.binding?.resource))
            row.append(.optional(place?.link(at: homePorts)))
            row += calls(entry.agent).callCells
            row += components.map { .number(total(entry.agent, $0)?.sum ?? 0) }
            table.add(row)
        }
        return table
    }
}
