package import MeterWire

/// Adds up rows for one query: names are compared once for each dictionary, then rows are only numbers.
///
/// ```swift
/// var accumulator = UsageAccumulator(query)
/// let groups = accumulator.register(series: table.series, components: table.components)
/// accumulator.add(rows, of: groups)
/// let totals = accumulator.finish()
/// ```
///
/// Rows may come in any order, from any number of dictionaries; those that follow each other in one
/// series, component and window are the cheapest.
package struct UsageAccumulator: Sendable {
    /// What a dictionary's indexes mean to this query.
    package struct Groups: Sendable {
        static let unwanted: Int32 = -1
        /// The groups of the series from `seriesFirst` on; all others are unwanted.
        var seriesFirst = 0
        var series: [Int32] = []
        var components: [Int32]

        @inline(__always)
        func group(ofSeries index: UInt64) -> Int32 {
            let place = Int(truncatingIfNeeded: index) &- seriesFirst
            return place >= 0 && place < series.count ? series[place] : Self.unwanted
        }

        /// True if any series in the range, both ends included, is wanted.
        func wantsSeries(_ first: UInt32, through last: UInt32) -> Bool {
            let from = max(Int(first) - seriesFirst, 0)
            let to = min(Int(last) - seriesFirst, series.count - 1)
            return from <= to && series[from...to].contains { $0 != Self.unwanted }
        }
    }

    let query: UsageQuery
    private let counting: CountingRule
    /// The query's, cut wherever another way of some agent begins to count.
    private let windows: [UInt32]
    /// Which of the query's windows each of them is in.
    private let queryWindows: [UInt32]
    /// The window of the row before, which is the next row's more often than not.
    private var window = 0
    private var windowStart: UInt32 = 0
    private var windowEnd: UInt32 = 0

    private var seriesGroups: [SeriesGroup: Int32] = [:]
    private var seriesGroupNames: [SeriesGroup] = []
    private var componentGroups: [Name?: Int32] = [:]
    private var componentGroupNames: [Name?] = []
    private var totals = TotalTable()

    private struct SeriesGroup: Hashable {
        var tenant: Name?
        var agent: Name?
        var access: AccessID?
        var way: UsageWay?
        var wanted: CountingRule.Wanted
    }

    /// Begins with nothing added. A query with fewer than two window boundaries matches nothing.
    ///
    /// - Parameter counting: Which way of whom counts when.
    package init(_ query: UsageQuery, counting: CountingRule = CountingRule()) {
        self.query = query
        self.counting = query.classes == .all ? CountingRule() : counting
        let asked = query.windows.count >= 2 ? query.windows.map(\.rawValue) : [0, 0]
        precondition(
            zip(asked, asked.dropFirst()).allSatisfy { $0 <= $1 },
            "a query's window boundaries ascend"
        )
        let cuts = self.counting.boundaries(of: query.tenants).map(\.rawValue)
        (windows, queryWindows) = asked.cut(at: cuts)
    }

    // MARK: Names

    /// Relates a dictionary's indexes to the query's groups.
    ///
    /// - Parameter areSorted: The series ascend, as in a segment: then a query that names its tenants
    ///   looks at those tenants' series only, and one that names agents too at theirs.
    /// - Complexity: O(series + components), one hash for each change of group; where tenants and agents
    ///   are named and the series sorted, O(agents × log series).
    package mutating func register(
        series: [SeriesName],
        components: [Name],
        areSorted: Bool = false
    ) -> Groups {
        var groups = Groups(components: register(components: components))
        let ranges =
            areSorted
            ? SeriesName.ranges(in: series, tenants: query.tenants, agents: query.agents)
            : [0..<series.count]
        guard let first = ranges.first?.lowerBound, let end = ranges.last?.upperBound else {
            return groups
        }
        groups.seriesFirst = first
        groups.series = [Int32](repeating: Groups.unwanted, count: end - first)
        var previous: SeriesGroup?
        var previousGroup = Groups.unwanted
        for range in ranges {
            for index in range {
                guard let key = group(of: series[index]) else { continue }
                if key != previous {
                    previousGroup = groupNumber(of: key)
                    previous = key
                }
                groups.series[index - first] = previousGroup
            }
        }
        return groups
    }

    /// Relates a dictionary's components to the query's groups.
    mutating func register(components: [Name]) -> [Int32] {
        components.map { componentGroup(of: $0) }
    }

    /// The group of a series; `Groups.unwanted` if the query does not want it.
    mutating func register(series: SeriesName) -> Int32 {
        group(of: series).map { groupNumber(of: $0) } ?? Groups.unwanted
    }

    private func wants(_ series: SeriesName) -> Bool {
        (query.tenants?.contains(series.tenant) ?? true)
            && (query.agents?.contains(series.agent) ?? true)
            && (query.accesses?.contains(series.access) ?? true)
    }

    /// nil if nothing of the series is wanted.
    private func group(of series: SeriesName) -> SeriesGroup? {
        guard wants(series) else { return nil }
        let starts = windows.dropLast().lazy.map { Minute(rawValue: $0) }
        let wanted = counting.wanted(query.classes, of: series, in: starts)
        guard wanted != .none else { return nil }
        return SeriesGroup(
            tenant: query.grouping.contains(.tenant) ? series.tenant : nil,
            agent: query.grouping.contains(.agent) ? series.agent : nil,
            access: query.grouping.contains(.access) ? series.access : nil,
            way: query.grouping.contains(.way) ? series.way : nil,
            wanted: wanted
        )
    }

    private mutating func groupNumber(of key: SeriesGroup) -> Int32 {
        if let number = seriesGroups[key] { return number }
        let number = Int32(seriesGroupNames.count)
        seriesGroups[key] = number
        seriesGroupNames.append(key)
        return number
    }

    private mutating func componentGroup(of component: Name) -> Int32 {
        let variant = ComponentVariant(component)
        guard variant == nil || query.withVariants,
            query.components?.contains(variant?.component ?? component) ?? true
        else { return Groups.unwanted }
        let key = query.grouping.contains(.component) ? component : nil
        if let number = componentGroups[key] { return number }
        let number = Int32(componentGroupNames.count)
        componentGroups[key] = number
        componentGroupNames.append(key)
        return number
    }

    // MARK: Rows

    /// Adds rows of a registered dictionary.
    ///
    /// - Complexity: O(rows); no names, no allocation but for groups that are new.
    package mutating func add(_ rows: UnsafeBufferPointer<UsageRow>, of groups: Groups) {
        for index in rows.indices { unsafe add(rows[index], of: groups) }
    }

    /// Adds one row of a registered dictionary.
    @inline(__always)
    private mutating func add(_ row: UsageRow, of groups: Groups) {
        add(
            series: groups.group(ofSeries: UInt64(row.series)),
            component: groups.components[Int(row.component)], minute: row.minute,
            UsageTotal(sum: UInt128(row.sum), count: row.count))
    }

    /// Adds one total of a series' and a component's group.
    @inline(__always)
    mutating func add(series: Int32, component: Int32, minute: Minute, _ total: UsageTotal) {
        guard series != Groups.unwanted, component != Groups.unwanted,
            findWindow(of: minute.rawValue), wantsWindow(of: series)
        else { return }
        totals.add(key(series, component), total)
    }

    /// Adds a run: rows of one series and component by ascending minute.
    mutating func add(
        series: Int32,
        component: Int32,
        minutes: UnsafePointer<UInt64>,
        counts: UnsafePointer<UInt64>,
        sums: UnsafePointer<UInt64>,
        rowCount: Int
    ) {
        var row = 0
        while row < rowCount {
            guard unsafe findWindow(of: UInt32(truncatingIfNeeded: minutes[row])) else {
                row &+= 1
                continue
            }
            let end = UInt64(windowEnd)
            let start = row
            while unsafe row < rowCount && minutes[row] < end { row &+= 1 }
            unsafe add(
                series: series,
                component: component,
                counts: counts + start,
                sums: sums + start,
                rowCount: row &- start
            )
        }
    }

    /// Adds rows of one series and component that all lie in the window found last.
    mutating func add(
        series: Int32,
        component: Int32,
        counts: UnsafePointer<UInt64>,
        sums: UnsafePointer<UInt64>,
        rowCount: Int
    ) {
        guard wantsWindow(of: series) else { return }
        var sum = WideSum()
        var count = WideSum()
        for row in 0..<rowCount {
            unsafe sum.add(sums[row])
            unsafe count.add(counts[row])
        }
        totals.add(key(series, component), UsageTotal(sum: sum.value, count: count.clamped))
    }

    /// Whether usage of a group in the window found last is wanted.
    @inline(__always)
    private func wantsWindow(of series: Int32) -> Bool {
        if counting.isEmpty { return true }
        guard case .some(let wanted) = seriesGroupNames[Int(series)].wanted else { return true }
        return wanted[window]
    }

    /// True if all minutes from `first` through `last` lie in one window, which is then the one found last.
    mutating func findWindow(first: Minute, last: Minute) -> Bool {
        findWindow(of: first.rawValue) && last.rawValue < windowEnd
    }

    /// True if no minute from `first` through `last` can lie in a window.
    func isOutside(first: Minute, last: Minute) -> Bool {
        last.rawValue < windows[0] || first.rawValue >= windows[windows.count - 1]
    }

    @inline(__always)
    private mutating func findWindow(of minute: UInt32) -> Bool {
        if minute >= windowStart && minute < windowEnd { return true }
        return searchWindow(of: minute)
    }

    private mutating func searchWindow(of minute: UInt32) -> Bool {
        let after = windows.partitioningIndex { $0 > minute }
        guard after > 0, after < windows.count else { return false }
        window = after - 1
        windowStart = windows[window]
        windowEnd = windows[after]
        return true
    }

    @inline(__always)
    private func key(_ series: Int32, _ component: Int32) -> TotalTable.Key {
        TotalTable.Key(
            series: UInt32(bitPattern: series),
            component: UInt32(bitPattern: component),
            window: query.grouping.contains(.window) ? queryWindows[window] : 0
        )
    }

    // MARK: Answer

    /// The totals of the groups that any amount fell into.
    package func finish() -> [UsageGroup: UsageTotal] {
        var answer: [UsageGroup: UsageTotal] = [:]
        answer.reserveCapacity(totals.count)
        totals.forEach { key, total in
            let series = seriesGroupNames[Int(key.series)]
            let group = UsageGroup(
                tenant: series.tenant,
                agent: series.agent,
                access: series.access,
                component: componentGroupNames[Int(key.component)],
                window: query.grouping.contains(.window) ? Int(key.window) : nil,
                way: series.way
            )
            // Series that do not count at the same times are in one group of the query.
            answer[group, default: UsageTotal()].add(total)
        }
        return answer
    }
}
