internal import Meter
internal import MeterWire

/// What a query keeps apart, in the order of the answer's members.
struct UsageGrouping {
    enum Dimension: String, CaseIterable {
        case tenant, agent, access, component, model, user, outcome

        /// nil for what only details know.
        fileprivate var usage: UsageQuery.Grouping? {
            switch self {
            case .tenant: .tenant
            case .agent: .agent
            case .access: .access
            case .component: .component
            case .model, .user, .outcome: nil
            }
        }

        /// Nothing for the component: details are asked about one.
        fileprivate var details: DetailsQuery.Grouping {
            switch self {
            case .tenant: .tenant
            case .agent: .agent
            case .access: .access
            case .component: []
            case .model: .model
            case .user: .user
            case .outcome: .outcome
            }
        }
    }

    private(set) var dimensions: [Dimension] = []

    /// Reads `groupBy`, repeated or with commas; `subject` is OpenMeter's word for the agent.
    init(_ values: [String]) throws(Problem) {
        for value in values.flatMap({ $0.split(separator: ",") }) {
            let name = value == "subject" ? "agent" : String(value)
            guard let dimension = Dimension(rawValue: name) else {
                throw .badQuery(
                    "`groupBy` is tenant, agent (or subject), access, component, model, user or "
                        + "outcome."
                )
            }
            insert(dimension)
        }
    }

    mutating func insert(_ dimension: Dimension) {
        dimensions = Dimension.allCases.filter { $0 == dimension || dimensions.contains($0) }
    }

    var names: [String] { dimensions.map(\.rawValue) }

    /// Whether only details can answer.
    var needsDetails: Bool { dimensions.contains { $0.usage == nil } }

    var usage: UsageQuery.Grouping {
        dimensions.reduce(into: []) { $0.formUnion($1.usage ?? []) }
    }

    var details: DetailsQuery.Grouping { dimensions.reduce(into: []) { $0.formUnion($1.details) } }

    /// The group's name in each dimension that is kept apart; null where it has none.
    func members(_ group: MeterGroup) -> [JSONMember] {
        zip(names, values(group)).map { JSONMember($0, .optional($1)) }
    }

    /// The same, in the order of `names`.
    func values(_ group: MeterGroup) -> [String?] {
        dimensions.map { dimension in
            switch dimension {
            case .tenant: group.tenant?.description
            case .agent: group.agent?.description
            case .access: group.access?.description
            case .component: group.component?.description
            case .model: group.model?.description
            case .user: group.user?.description
            case .outcome: group.outcome?.text
            }
        }
    }
}

/// An answer as rows: every group in every window, zeros included.
struct UsageRows {
    private let groups: [MeterGroup]
    private let totals: [MeterGroup: UsageTotal]

    /// - Throws: ``Problem`` when there would be more than ``UsagePeriod/rowCountMax`` rows.
    init(
        _ totals: [MeterGroup: UsageTotal],
        period: UsagePeriod,
        groups grouping: UsageGrouping,
        subjects: Set<Name>
    ) throws(Problem) {
        var groups: Set<MeterGroup> = []
        for var group in totals.keys {
            group.window = nil
            groups.insert(group)
        }
        // A subject that was asked for by name is shown even where it used nothing, if its name alone
        // makes a group.
        if grouping.dimensions == [.agent] {
            for subject in subjects { groups.insert(MeterGroup(agent: subject)) }
        }
        if grouping.dimensions.isEmpty { groups.insert(MeterGroup()) }
        try period.checkCost(groupCount: groups.count)
        self.groups = groups.sorted(by: MeterGroup.precedes)
        self.totals = totals
    }

    func json(_ period: UsagePeriod, _ grouping: UsageGrouping) -> [JSONOutput] {
        var rows: [JSONOutput] = []
        rows.reserveCapacity(groups.count * period.windowCount)
        for group in groups {
            let names = grouping.members(group)
            for window in 0..<period.windowCount {
                var key = group
                key.window = window
                let total = totals[key] ?? UsageTotal()
                rows.append(
                    .object(
                        period.windowMembers(window) + [
                            JSONMember("value", .decimal(total.sum)),
                            JSONMember("count", .decimal(total.count)),
                            JSONMember("subject", .optional(group.agent)),
                            JSONMember("groupBy", .object(names)),
                        ]
                    )
                )
            }
        }
        return rows
    }

    func csv(_ period: UsagePeriod, _ grouping: UsageGrouping) -> CSVText {
        var table = CSVText(["windowStart", "windowEnd"] + grouping.names + ["value", "count"])
        for group in groups {
            let names = grouping.values(group).map { CSVText.Cell.optional($0) }
            for window in 0..<period.windowCount {
                var key = group
                key.window = window
                let total = totals[key] ?? UsageTotal()
                table.add(
                    period.windowCells(window) + names + [
                        .number(total.sum), .number(total.count),
                    ]
                )
            }
        }
        return table
    }
}
