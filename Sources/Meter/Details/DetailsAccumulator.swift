internal import MeterWire

/// Adds up rows of details for one query: names become groups once for each dictionary, then rows are only
/// numbers.
struct DetailsAccumulator {
    static let unwanted: Int32 = -1

    let query: DetailsQuery
    private let counting: CountingRule
    /// The query's, cut wherever another way of some agent begins to count.
    private let windows: [UInt32]
    /// Which of the query's windows each of them is in.
    private let queryWindows: [UInt32]
    private let wantsOutcome: [Bool]
    private var series = Interner<SeriesGroup>()
    /// Groups of series that count at the same times, of which a file's or a shard's series have the numbers.
    private var places = Interner<SeriesPlace>()
    private var models = Interner<Name?>()
    private var users = Interner<Name?>()
    private var components = Interner<Name>()
    private var groups = GroupTable()
    private var sums: [Sum] = []
    /// By group and component.
    private var amounts = TotalTable()
    /// By group; empty unless asked for.
    private var durations: [Histogram] = []
    private var tokens: [Histogram] = []

    private struct SeriesGroup: Hashable {
        var tenant: Name?
        var agent: Name?
        var access: AccessID?
    }

    private struct SeriesPlace: Hashable {
        var group: Int32
        var wanted: CountingRule.Wanted
    }

    private struct Sum {
        var calls: UInt64 = 0
        var outcomes = InlineArray<4, UInt64>(repeating: 0)
        /// Milliseconds since 1970.
        var latest: Int64 = .min
    }

    /// Begins with nothing added. A query with fewer than two window boundaries matches nothing.
    ///
    /// - Parameter counting: Which way of whom counts when.
    init(_ query: DetailsQuery, counting: CountingRule = CountingRule()) {
        self.query = query
        self.counting = query.classes == .all ? CountingRule() : counting
        let asked = query.windows.count >= 2 ? query.windows.map(\.rawValue) : [0, 0]
        let cuts = self.counting.boundaries(of: query.tenants)
            .map { QuarterHour(of: $0).rawValue }
        (windows, queryWindows) = asked.cut(at: cuts)
        wantsOutcome = (0..<4).map { number in
            query.outcomes?.contains { $0.rawValue == number } ?? true
        }
        precondition(
            zip(asked, asked.dropFirst()).allSatisfy { $0 <= $1 },
            "a query's window boundaries ascend")
    }

    /// There are more groups than the query allows; nothing more is added.
    private(set) var isOverfull = false

    // MARK: - Names

    /// Whether a series' name says anything about its group, or whether it is wanted.
    var needsSeriesNames: Bool {
        query.classes != .all || !query.grouping.isDisjoint(with: [.tenant, .agent, .access])
            || query.agents != nil
            || query.accesses != nil
    }
    var needsModelNames: Bool { query.grouping.contains(.model) || query.models != nil }
    var needsUserNames: Bool { query.grouping.contains(.user) || query.users != nil }

    /// The group of a series; `unwanted` if the query does not want it.
    mutating func register(series name: SeriesName) -> Int32 {
        guard query.tenants?.contains(name.tenant) ?? true,
            query.agents?.contains(name.agent) ?? true,
            query.accesses?.contains(name.access) ?? true
        else { return Self.unwanted }
        let starts = windows.dropLast().lazy.map { QuarterHour(rawValue: $0).firstMinute }
        let wanted = counting.wanted(query.classes, of: name, in: starts)
        guard wanted != .none else { return Self.unwanted }
        let group = SeriesGroup(
            tenant: query.grouping.contains(.tenant) ? name.tenant : nil,
            agent: query.grouping.contains(.agent) ? name.agent : nil,
            access: query.grouping.contains(.access) ? name.access : nil)
        return places.number(of: SeriesPlace(group: series.number(of: group), wanted: wanted))
    }

    /// The group of all series, where their names say nothing.
    mutating func registerAnySeries() -> Int32 {
        places.number(of: SeriesPlace(group: series.number(of: SeriesGroup()), wanted: .all))
    }

    mutating func register(model: Name?) -> Int32 {
        guard query.models?.contains(model) ?? true else { return Self.unwanted }
        return models.number(of: query.grouping.contains(.model) ? model : nil)
    }

    mutating func register(user: Name?) -> Int32 {
        guard query.users?.contains(user) ?? true else { return Self.unwanted }
        return users.number(of: query.grouping.contains(.user) ? user : nil)
    }

    /// The groups of a dictionary's components.
    mutating func register(components names: [Name]) -> [Int32] {
        names.map { name in
            query.components?.contains(name) ?? true
                ? components.number(of: name) : Self.unwanted
        }
    }

    // MARK: - Rows

    /// True if no quarter hour from `first` through `last` can lie in a window.
    func isOutside(first: UInt32, last: UInt32) -> Bool {
        last < windows[0] || first >= windows[windows.count - 1]
    }

    /// Adds a row's calls, and answers with its group; nil if the query does not want it.
    mutating func add(
        series: Int32, model: Int32, user: Int32, outcome: UInt8, quarter: UInt32,
        calls: UInt64, latest: UInt32
    ) -> Int? {
        guard !isOverfull, series != Self.unwanted, model != Self.unwanted, user != Self.unwanted,
            wantsOutcome[Int(outcome)]
        else { return nil }
        let after = windows.partitioningIndex { $0 > quarter }
        guard after > 0, after < windows.count else { return nil }
        if !counting.isEmpty, case .some(let wanted) = places.elements[Int(series)].wanted,
            !wanted[after - 1]
        {
            return nil
        }
        let window = Int32(bitPattern: queryWindows[after - 1])
        let group = groups.number(
            of: GroupTable.Key(
                series: places.elements[Int(series)].group,
                window: query.grouping.contains(.window) ? window : 0, model: model,
                user: user, outcome: query.grouping.contains(.outcome) ? outcome : 0))
        if group == sums.count {
            isOverfull = group == query.groupCountMax
            sums.append(Sum())
            if query.wantsHistograms {
                durations.append(Histogram())
                tokens.append(Histogram())
            }
        }
        sums[group].calls = sums[group].calls.addingClamped(calls)
        sums[group].outcomes[Int(outcome)] =
            sums[group].outcomes[Int(outcome)].addingClamped(calls)
        let start = QuarterHour(rawValue: quarter).start.milliseconds
        sums[group].latest = max(sums[group].latest, start + Int64(latest))
        return group
    }

    /// Adds an amount to a group that `add` answered with.
    mutating func add(_ total: UsageTotal, component: Int32, to group: Int) {
        guard component != Self.unwanted else { return }
        amounts.add(
            TotalTable.Key(
                series: UInt32(truncatingIfNeeded: group),
                component: UInt32(bitPattern: component), window: 0), total)
    }

    mutating func add(duration bucket: Int, count: UInt64, to group: Int) {
        durations[group].add(bucket, count: count)
    }

    mutating func add(tokens bucket: Int, count: UInt64, to group: Int) {
        tokens[group].add(bucket, count: count)
    }

    // MARK: - Answer

    /// The totals of the groups that any call fell into.
    func finish() -> [DetailsGroup: DetailsTotal] {
        var totals = sums.indices.map { total($0) }
        amounts.forEach { key, total in
            totals[Int(key.series)].amounts[components.elements[Int(key.component)]] = total
        }
        var answer: [DetailsGroup: DetailsTotal] = [:]
        answer.reserveCapacity(totals.count)
        for (index, total) in totals.enumerated() { answer[group(groups.keys[index])] = total }
        return answer
    }

    private func total(_ group: Int) -> DetailsTotal {
        var total = DetailsTotal()
        total.calls = sums[group].calls
        total.outcomes = (0..<4).map { sums[group].outcomes[$0] }
        total.lastEvent = Timestamp(milliseconds: sums[group].latest)
        if query.wantsHistograms {
            total.durations = durations[group]
            total.tokens = tokens[group]
        }
        return total
    }

    private func group(_ key: GroupTable.Key) -> DetailsGroup {
        let series = series.elements[Int(key.series)]
        return DetailsGroup(
            tenant: series.tenant, agent: series.agent, access: series.access,
            model: models.elements[Int(key.model)], user: users.elements[Int(key.user)],
            outcome: query.grouping.contains(.outcome) ? Outcome(rawValue: key.outcome) : nil,
            window: query.grouping.contains(.window) ? Int(key.window) : nil)
    }
}
