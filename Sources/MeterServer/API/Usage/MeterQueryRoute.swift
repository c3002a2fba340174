internal import Meter
internal import MeterWire

/// `GET /api/v1/meters/{component}/query`: one component in windows and groups, by OpenMeter's names.
struct MeterQueryRoute {
    let source: any UsageSource

    func answer(_ call: APICall) async throws(Problem) -> APIAnswer {
        try call.query.allow(
            UsagePeriod.parameters.union(UsageFilters.parameters)
                .union(["subject", "groupBy", "tenant", AnswerFormat.parameter])
        )
        let format = try AnswerFormat(call)
        let reach = UsageReach(call.caller)
        let component = try reach.component(call.parts["component"])
        let period = try UsagePeriod(call.query, now: source.now())
        let filters = try UsageFilters(call.query)
        let tenants = Set<Name>.intersection(
            try reach.tenants(call.query.all("tenant")),
            try reach.tenants(filters.tenants)
        )
        let asked = call.query.all("subject")
        let subjects = Set<Name>.intersection(
            try reach.agents(asked, "subject"),
            try reach.agents(filters.agents)
        )
        var groups = try UsageGrouping(call.query.all("groupBy"))
        // As in OpenMeter: who names subjects wants to see them apart.
        if !asked.isEmpty { groups.insert(.agent) }
        let answer = try await source.usage(
            UsageQuery(
                tenants: tenants,
                agents: subjects,
                accesses: filters.accesses,
                components: [component],
                windows: period.boundaries,
                grouping: groups.dimensions.union(.window)
            )
        )
        let rows = try UsageRows(
            answer,
            period: period,
            groups: groups,
            subjects: asked.isEmpty ? [] : subjects ?? []
        )
        let freshness = source.freshness(answer)
        switch format {
        case .csv: return .usage(rows.csv(period, groups), freshness)
        case .json:
            var members = [JSONMember("meter", .string(component.description))]
            members += period.members
            members.append(JSONMember("data", .array(rows.json(period, groups))))
            return .usage(members, freshness)
        }
    }
}
