internal import Meter
internal import MeterWire

/// `GET /api/v1/tenants/{tenant}/agents/{agent}/usage`: every component of one agent, as totals and series, and
/// what details say of its calls.
struct AgentUsageRoute {
    let source: any UsageSource

    func answer(_ call: APICall) async throws(Problem) -> APIAnswer {
        try call.query.allow(
            UsagePeriod.parameters.union([
                "component", "compare", DetailSplit.parameter, UsageClass.parameter,
                AnswerFormat.parameter,
            ])
        )
        let format = try AnswerFormat(call)
        let reach = UsageReach(call.caller)
        let tenant = try reach.tenant(call.parts["tenant"])
        let agent = try reach.agent(call.parts["agent"])
        let period = try UsagePeriod(call.query, now: source.now())
        let usageClass = try UsageClass(call.query)
        let asked = call.query.all("component")
        let components = try reach.components(asked)
        let comparison = try Comparison(call.query, period)
        let details = AgentDetails(
            splits: try DetailSplit.read(call.query, reach),
            showsTokens: reach.components == nil,
            period: period,
            previous: comparison.previous,
            classes: usageClass.classes
        )
        let both = try await source.usage(
            UsageQuery(
                tenants: [tenant],
                agents: [agent],
                components: components,
                windows: comparison.windows,
                grouping: [.component, .window],
                classes: usageClass.classes
            ),
            with: details.queries(tenant, agent, components)
        )
        let answer = both.usage
        // A component that was asked for is shown even where it has nothing.
        var shown = asked.isEmpty ? [] : components ?? []
        for group in answer.totals.keys {
            if let component = group.component { shown.insert(component) }
        }
        try period.checkCost(groupCount: shown.count)
        let series = shown.sorted().map { Series($0, answer, period, comparison) }
        let freshness = source.freshness(answer)
        switch format {
        case .csv where !details.splits.isEmpty:
            return .usage(details.csv(both.details), freshness)
        case .csv:
            var table = CSVText(["component", "windowStart", "windowEnd", "value", "count"])
            for each in series { each.add(to: &table, period, comparison) }
            return .usage(table, freshness)
        case .json:
            var members = [
                JSONMember("tenant", .string(tenant.description)),
                JSONMember("agent", .string(agent.description)),
            ]
            members += period.members
            members.append(usageClass.member)
            members += comparison.members
            members.append(JSONMember("components", .array(series.map { $0.json(period) })))
            members.append(JSONMember("details", details.json(both.details)))
            return .usage(members, freshness)
        }
    }
}

/// The period that is shown, and the one before it where that was asked for: both in one query, so that
/// they are of one moment.
private struct Comparison {
    let windows: [Minute]
    /// The number of the period's first window.
    let firstWindow: Int
    let previous: (from: Minute, to: Minute)?

    init(_ query: QueryItems, _ period: UsagePeriod) throws(Problem) {
        guard let text = try query.one("compare") else {
            (windows, firstWindow, previous) = (period.boundaries, 0, nil)
            return
        }
        guard text == "previous" else { throw .badQuery("`compare` is previous.") }
        let before = try period.previous()
        previous = before
        let isAdjacent = before.to == period.from
        windows = (isAdjacent ? [before.from] : [before.from, before.to]) + period.boundaries
        firstWindow = isAdjacent ? 1 : 2
    }

    var members: [JSONMember] {
        guard let previous else { return [] }
        return [
            JSONMember(
                "previous",
                [
                    "from": .string(RFC3339.text(previous.from)),
                    "to": .string(RFC3339.text(previous.to)),
                ]
            )
        ]
    }

    /// What the period before has; nil where nobody asked.
    func total(_ component: Name, _ answer: UsageAnswer) -> UsageTotal? {
        guard previous != nil else { return nil }
        return answer.totals[UsageGroup(component: component, window: 0)] ?? UsageTotal()
    }
}

/// One component's total and what of it lies in each window.
private struct Series {
    let component: Name
    var total = UsageTotal()
    var windows: [UsageTotal] = []
    let previous: UsageTotal?

    init(
        _ component: Name,
        _ answer: UsageAnswer,
        _ period: UsagePeriod,
        _ comparison: Comparison
    ) {
        self.component = component
        previous = comparison.total(component, answer)
        for window in 0..<period.windowCount {
            let group = UsageGroup(
                component: component,
                window: comparison.firstWindow + window
            )
            let part = answer.totals[group] ?? UsageTotal()
            total.sum += part.sum
            total.count &+= part.count
            windows.append(part)
        }
    }

    func json(_ period: UsagePeriod) -> JSONOutput {
        var members = [
            JSONMember("component", .string(component.description)),
            JSONMember("total", .decimal(total.sum)), JSONMember("count", .decimal(total.count)),
        ]
        if let previous {
            members.append(
                JSONMember(
                    "previous",
                    ["total": .decimal(previous.sum), "count": .decimal(previous.count)]
                )
            )
        }
        if period.size != nil {
            let series = windows.enumerated().map { window, part in
                JSONOutput.object(
                    period.windowMembers(window) + [
                        JSONMember("value", .decimal(part.sum)),
                        JSONMember("count", .decimal(part.count)),
                    ]
                )
            }
            members.append(JSONMember("series", .array(series)))
        }
        return .object(members)
    }

    /// A row for each window; the period before comes first.
    func add(to table: inout CSVText, _ period: UsagePeriod, _ comparison: Comparison) {
        if let previous, let before = comparison.previous {
            table.add([
                .text(component.description), .plain(RFC3339.text(before.from)),
                .plain(RFC3339.text(before.to)), .number(previous.sum), .number(previous.count),
            ])
        }
        for (window, part) in windows.enumerated() {
            table.add(
                [.text(component.description)] + period.windowCells(window)
                    + [.number(part.sum), .number(part.count)]
            )
        }
    }
}
