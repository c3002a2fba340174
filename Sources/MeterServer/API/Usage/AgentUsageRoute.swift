internal import Meter
internal import MeterWire

/// `GET /api/v1/tenants/{tenant}/agents/{agent}/usage`: every component of one agent, as totals and series.
struct AgentUsageRoute {
    let source: any UsageSource

    func answer(_ call: APICall) async throws(Problem) -> APIAnswer {
        try call.query.allow(
            UsagePeriod.parameters.union(["component", AnswerFormat.parameter])
        )
        let format = try AnswerFormat(call)
        let reach = UsageReach(call.caller)
        let tenant = try reach.tenant(call.parts["tenant"])
        let agent = try reach.agent(call.parts["agent"])
        let period = try UsagePeriod(call.query, now: source.now())
        let asked = call.query.all("component")
        let components = try reach.components(asked)
        let answer = try await source.usage(
            UsageQuery(
                tenants: [tenant],
                agents: [agent],
                components: components,
                windows: period.boundaries,
                grouping: [.component, .window]
            )
        )
        // A component that was asked for is shown even where it has nothing.
        var shown = asked.isEmpty ? [] : components ?? []
        for group in answer.totals.keys {
            if let component = group.component { shown.insert(component) }
        }
        try period.checkCost(groupCount: shown.count)
        let series = shown.sorted().map { Series($0, answer, period) }
        let freshness = source.freshness(answer)
        switch format {
        case .csv:
            var table = CSVText(["component", "windowStart", "windowEnd", "value", "count"])
            for each in series { each.add(to: &table, period) }
            return .usage(table, freshness)
        case .json:
            var members = [
                JSONMember("tenant", .string(tenant.description)),
                JSONMember("agent", .string(agent.description)),
            ]
            members += period.members
            members.append(JSONMember("components", .array(series.map { $0.json(period) })))
            return .usage(members, freshness)
        }
    }
}

/// One component's total and what of it lies in each window.
private struct Series {
    let component: Name
    var total = UsageTotal()
    var windows: [UsageTotal] = []

    init(_ component: Name, _ answer: UsageAnswer, _ period: UsagePeriod) {
        self.component = component
        for window in 0..<period.windowCount {
            let group = UsageGroup(component: component, window: window)
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

    func add(to table: inout CSVText, _ period: UsagePeriod) {
        for (window, part) in windows.enumerated() {
            table.add(
                [.text(component.description)] + period.windowCells(window)
                    + [.number(part.sum), .number(part.count)]
            )
        }
    }
}
