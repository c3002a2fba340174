internal import Meter
internal import MeterWire

/// What a query keeps apart, in the order of the answer's members.
struct UsageGrouping {
    private(set) var names: [String] = []
    private(set) var dimensions: UsageQuery.Grouping = []

    private static let known: [(name: String, dimension: UsageQuery.Grouping)] = [
        ("tenant", .tenant), ("agent", .agent), ("access", .access), ("component", .component),
    ]

    /// Reads `groupBy`, repeated or with commas; `subject` is OpenMeter's word for the agent.
    init(_ values: [String]) throws(Problem) {
        for value in values.flatMap({ $0.split(separator: ",") }) {
            let name = value == "subject" ? "agent" : String(value)
            guard let known = Self.known.first(where: { $0.name == name }) else {
                throw .badQuery("`groupBy` is tenant, agent (or subject), access or component.")
            }
            insert(known.dimension)
        }
    }

    mutating func insert(_ dimension: UsageQuery.Grouping) {
        dimensions.insert(dimension)
        names = Self.known.filter { dimensions.contains($0.dimension) }.map(\.name)
    }

    /// The group's name in each dimension that is kept apart; null where it has none.
    func members(_ group: UsageGroup) -> [JSONMember] {
        zip(names, values(group)).map { JSONMember($0, .optional($1)) }
    }

    /// The same, in the order of `names`.
    func values(_ group: UsageGroup) -> [String?] {
        names.map { name in
            switch name {
            case "tenant": group.tenant?.description
            case "agent": group.agent?.description
            case "access": group.access?.description
            default: group.component?.description
            }
        }
    }
}

/// An answer as rows: every group in every window, zeros included.
struct UsageRows {
    private let groups: [UsageGroup]
    private let totals: [UsageGroup: UsageTotal]

    /// - Throws: ``Problem`` when there would be more than ``UsagePeriod/rowCountMax`` rows.
    init(
        _ answer: UsageAnswer,
        period: UsagePeriod,
        groups grouping: UsageGrouping,
        subjects: Set<Name>
    ) throws(Problem) {
        var groups: Set<UsageGroup> = []
        for var group in answer.totals.keys {
            group.window = nil
            groups.insert(group)
        }
        // A subject that was asked for by name is shown even where it used nothing, if its name alone
        // makes a group.
        if grouping.dimensions == .agent {
            for subject in subjects { groups.insert(UsageGroup(agent: subject)) }
        }
        if grouping.dimensions.isEmpty { groups.insert(UsageGroup()) }
        try period.checkCost(groupCount: groups.count)
        self.groups = groups.sorted(by: Self.precedes)
        totals = answer.totals
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

    private static func precedes(_ left: UsageGroup, _ right: UsageGroup) -> Bool {
        if left.tenant != right.tenant { return precedes(left.tenant, right.tenant) }
        if left.agent != right.agent { return precedes(left.agent, right.agent) }
        if left.access != right.access { return precedes(left.access, right.access) }
        return precedes(left.component, right.component)
    }

    /// nil comes first.
    private static func precedes<Value: Comparable>(_ left: Value?, _ right: Value?) -> Bool {
        switch (left, right) {
        case (_, nil): false
        case (nil, _): true
        case (let left?, let right?): left < right
        }
    }
}
