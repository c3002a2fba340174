internal import Meter
internal import MeterWire

/// `GET /api/v1/meters/{component}/query`: one component in windows and groups, by OpenMeter's names.
struct MeterQueryRoute {
    let source: any UsageSource

    func answer(_ call: APICall) async throws(Problem) -> APIAnswer {
        try call.query.allow(
            UsagePeriod.parameters.union(UsageFilters.parameters)
                .union([
                    "subject", "groupBy", "tenant", UsageClass.parameter, AnswerFormat.parameter,
                ])
        )
        let format = try AnswerFormat(call)
        let reach = UsageReach(call.caller)
        let component = try reach.component(call.parts["component"])
        let usageClass = try UsageClass(call.query)
        let filters = try UsageFilters(call.query)
        let groups = try Self.groups(call.query)
        if filters.users != nil || groups.dimensions.contains(.user) { try reach.users() }
        let needsDetails = filters.needDetails || groups.needsDetails
        let period = try UsagePeriod(
            call.query,
            now: source.now(),
            grain: needsDetails ? Int(QuarterHour.minuteCount) : 1
        )
        let tenants = Set<Name>.intersection(
            try reach.tenants(call.query.all("tenant")),
            try reach.tenants(filters.tenants)
        )
        let asked = call.query.all("subject")
        let subjects = Set<Name>.intersection(
            try reach.agents(asked, "subject"),
            try reach.agents(filters.agents)
        )
        let figures: Figures
        if needsDetails {
            figures = try await details(
                DetailsQuery(
                    tenants: tenants,
                    agents: subjects,
                    accesses: filters.accesses,
                    models: filters.models,
                    users: filters.users,
                    outcomes: filters.outcomes,
                    components: [component],
                    windows: try Self.quarterHours(period),
                    grouping: groups.details.union(.window),
                    wantsHistograms: false,
                    classes: usageClass.classes
                ),
                component: groups.dimensions.contains(.component) ? component : nil,
                of: component
            )
        } else {
            let answer = try await source.usage(
                UsageQuery(
                    tenants: tenants,
                    agents: subjects,
                    accesses: filters.accesses,
                    components: [component],
                    windows: period.boundaries,
                    grouping: groups.usage.union(.window),
                    classes: usageClass.classes
                )
            )
            figures = Figures(
                totals: Dictionary(
                    uniqueKeysWithValues: answer.totals.map { (MeterGroup($0), $1) }
                ),
                freshness: source.freshness(answer),
                basis: nil
            )
        }
        let rows = try UsageRows(
            figures.totals,
            period: period,
            groups: groups,
            subjects: asked.isEmpty ? [] : subjects ?? []
        )
        switch format {
        case .csv: return .usage(rows.csv(period, groups), figures.freshness)
        case .json:
            var members = [JSONMember("meter", .string(component.description))]
            members += period.members
            members.append(usageClass.member)
            members.append(JSONMember("data", .array(rows.json(period, groups))))
            if let basis = figures.basis {
                members.append(JSONMember("details", .object(basis.members)))
            }
            return .usage(members, figures.freshness)
        }
    }

    private struct Figures {
        let totals: [MeterGroup: UsageTotal]
        let freshness: Freshness
        /// Of figures that come from details.
        let basis: DetailsBasis?
    }

    /// As in OpenMeter: who names subjects wants to see them apart.
    private static func groups(_ query: QueryItems) throws(Problem) -> UsageGrouping {
        var groups = try UsageGrouping(query.all("groupBy"))
        if !query.all("subject").isEmpty { groups.insert(.agent) }
        return groups
    }

    private static func quarterHours(_ period: UsagePeriod) throws(Problem) -> [QuarterHour] {
        let boundaries = period.boundaries.compactMap { QuarterHour(startingAt: $0) }
        guard boundaries.count == period.boundaries.count else {
            throw .badQuery(
                "Usage by model, user and outcome is kept by the quarter hour: `from`, `to` and all "
                    + "windows begin and end with one."
            )
        }
        return boundaries
    }

    /// - Parameters:
    ///   - component: What is shown as each group's component.
    ///   - meter: What is added up.
    private func details(
        _ query: DetailsQuery,
        component: Name?,
        of meter: Name
    ) async throws(Problem) -> Figures {
        let answer = try await source.details(query)
        var totals: [MeterGroup: UsageTotal] = [:]
        for (group, total) in answer.totals {
            guard let amount = total.amounts[meter] else { continue }
            totals[MeterGroup(group, component: component)] = amount
        }
        return Figures(
            totals: totals,
            freshness: source.freshness(answer),
            basis: query.windows.first.flatMap { first in
                query.windows.last.map { DetailsBasis(from: first, to: $0, [answer]) }
            }
        )
    }
}
