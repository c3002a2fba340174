package import MeterWire

/// Something that the kept journal says otherwise than what was stored.
package struct RecountDifference: Equatable, Sendable {
    /// What was compared with the journal.
    package enum Place: Equatable, Sendable {
        /// Segments and live counters, as every answer of usage has them.
        case usage
        /// What a segment states in its footer, by the segment's name.
        case footer(String)
        /// What the catalog says of a segment.
        case catalog(String)
        /// The figure of an account, in its base units.
        case ledger(String)
    }

    package let place: Place
    /// Whose usage; nil for sums over everybody.
    package let series: SeriesName?
    package let component: Name
    /// When; nil for sums over all time.
    package let minutes: Range<Minute>?
    /// What the journal adds up to.
    package let journal: UsageTotal
    /// What was stored.
    package let stored: UsageTotal

    package init(
        place: Place, series: SeriesName?, component: Name, minutes: Range<Minute>?,
        journal: UsageTotal, stored: UsageTotal
    ) {
        self.place = place
        self.series = series
        self.component = component
        self.minutes = minutes
        self.journal = journal
        self.stored = stored
    }
}

/// A billing period derived again from kept journal records alone, in parts that memory holds.
package struct Recount: Sendable {
    /// Totals that one part compares.
    static let groupCountMax = 1_000_000

    /// The minutes that are recounted.
    package let start: Minute
    package let end: Minute
    /// Boundaries of the days of the period, and wherever usage may begin to be somebody else's.
    package let windows: [Minute]
    package let tenants: Set<Name>?

    /// - Parameters:
    ///   - boundaries: Where the ledger cuts; days are added, counted from `start`.
    ///   - tenants: nil for all.
    package init(start: Minute, end: Minute, boundaries: [Minute] = [], tenants: Set<Name>? = nil) {
        self.start = start
        self.end = end
        self.tenants = tenants
        var cuts = Set(boundaries.filter { start < $0 && $0 < end })
        for minute in stride(from: start.rawValue, to: end.rawValue, by: 1_440) {
            cuts.insert(Minute(rawValue: minute))
        }
        cuts.insert(end)
        windows = cuts.sorted()
    }

    /// Everything that is compared, kept apart.
    package func query(of tenants: Set<Name>?) -> UsageQuery {
        UsageQuery(
            tenants: tenants, windows: windows,
            grouping: [.tenant, .agent, .access, .component, .window, .way], classes: .all,
            withVariants: true)
    }

    /// What has to be asked first, so that parts can be made.
    package var overview: UsageQuery {
        UsageQuery(
            tenants: tenants, windows: [start, end],
            grouping: [.tenant, .agent, .access, .component, .way], classes: .all,
            withVariants: true)
    }

    /// Tenants whose totals fit into memory together; a part nil is everybody.
    ///
    /// With more than one part, one more compares the sums of all tenants, so that what only the journal knows
    /// of a tenant nobody has stored is found, too.
    package func parts(_ overview: [UsageGroup: UsageTotal]) -> [Set<Name>?] {
        let windowCount = windows.count - 1
        if overview.count * windowCount <= Self.groupCountMax { return [tenants] }
        var counts: [Name: Int] = [:]
        for group in overview.keys {
            if let tenant = group.tenant { counts[tenant, default: 0] += windowCount }
        }
        var parts: [Set<Name>?] = []
        var part: Set<Name> = []
        var size = 0
        for (tenant, count) in counts.sorted(by: { $0.key < $1.key }) {
            if size > 0, size + count > Self.groupCountMax {
                parts.append(part)
                part = []
                size = 0
            }
            part.insert(tenant)
            size += count
        }
        if !part.isEmpty { parts.append(part) }
        return parts
    }

    /// What differs, by series, component and time.
    package static func differences(
        _ journal: [UsageGroup: UsageTotal], _ stored: [UsageGroup: UsageTotal],
        windows: [Minute]
    ) -> [RecountDifference] {
        var groups: [UsageGroup] = []
        for (group, total) in journal where stored[group] != total { groups.append(group) }
        for group in stored.keys where journal[group] == nil { groups.append(group) }
        let found = groups.map { group in
            RecountDifference(
                place: .usage,
                series: group.tenant.map {
                    SeriesName(
                        tenant: $0, agent: group.agent ?? "", access: group.access,
                        way: group.way ?? .native)
                },
                component: group.component ?? "",
                minutes: group.window.map { windows[$0]..<windows[$0 + 1] },
                journal: journal[group] ?? UsageTotal(), stored: stored[group] ?? UsageTotal())
        }
        return found.sorted { $0.order(before: $1) }
    }

    /// What segments state of themselves and the journal does not.
    package static func differences(
        _ recounted: [String: [Name: UsageTotal]], _ segments: [Segment]
    ) -> [RecountDifference] {
        var found: [RecountDifference] = []
        for segment in segments {
            guard let journal = recounted[segment.name] else { continue }
            var stored: [Name: UsageTotal] = [:]
            for entry in segment.totals { stored[entry.component] = entry.total }
            found += differences(journal, stored, in: .footer(segment.name))
        }
        return found
    }

    /// What two lists of sums by component do not have in common.
    package static func differences(
        _ journal: [Name: UsageTotal], _ stored: [Name: UsageTotal],
        in place: RecountDifference.Place
    ) -> [RecountDifference] {
        Set(journal.keys).union(stored.keys).sorted().compactMap { component in
            let own = journal[component] ?? UsageTotal()
            let other = stored[component] ?? UsageTotal()
            if own == other { return nil }
            return RecountDifference(
                place: place, series: nil, component: component, minutes: nil, journal: own,
                stored: other)
        }
    }

    /// The same usage by the windows of the ledger, which are among those of the recount.
    package func regrouped(
        _ totals: [UsageGroup: UsageTotal], into boundaries: [Minute]
    ) -> [UsageGroup: UsageTotal] {
        var places: [Int] = []
        for window in windows.dropLast() {
            places.append(max(0, boundaries.partitioningIndex { $0 > window } - 1))
        }
        var regrouped: [UsageGroup: UsageTotal] = [:]
        for (group, total) in totals {
            var wider = group
            wider.window = group.window.map { places[$0] }
            regrouped[wider, default: UsageTotal()].add(total)
        }
        return regrouped
    }
}

extension RecountDifference {
    fileprivate func order(before other: RecountDifference) -> Bool {
        if series != other.series {
            guard let series else { return true }
            return other.series.map { series < $0 } ?? false
        }
        if component != other.component { return component < other.component }
        return (minutes?.lowerBound.rawValue ?? 0) < (other.minutes?.lowerBound.rawValue ?? 0)
    }
}

extension RecountDifference {
    /// For people and files: `input_tokens`, or `input_tokens (error)` for what calls that ended so used.
    package var componentText: String { ComponentVariant.label(component) }

    /// Stored less what the journal says, with its sign.
    package var difference: String {
        stored.sum < journal.sum
            ? "-\(journal.sum - stored.sum)" : "\(stored.sum - journal.sum)"
    }
}

extension RecountDifference.Place {
    /// Of one Waldur; everything else is of usage, whichever Waldur it is told to.
    package var isOfWaldur: Bool {
        if case .ledger = self { return true }
        return false
    }

    /// `usage`, `footer`, `catalog` or `ledger`.
    package var word: String {
        switch self {
        case .usage: "usage"
        case .footer: "footer"
        case .catalog: "catalog"
        case .ledger: "ledger"
        }
    }

    /// The file or account.
    package var subject: String? {
        switch self {
        case .usage: nil
        case .footer(let name), .catalog(let name), .ledger(let name): name
        }
    }
}
