internal import Meter
internal import MeterWire

/// What the details of one agent add to its usage: calls, how they ended, percentiles; the same by model,
/// user and outcome, and of the period before.
struct AgentDetails {
    /// Values of one split: each has two histograms of up to 8 KiB.
    private static let valueCountMax = 10_000
    /// Windows of the series, for the same reason: six weeks of hours, almost three years of days.
    private static let windowCountMax = 1_000

    let splits: [DetailSplit]
    let showsTokens: Bool
    private let classes: UsageClasses
    private let from: QuarterHour
    private let to: QuarterHour
    private let previous: (from: QuarterHour, to: QuarterHour)?
    /// The number of the period's window; that of the one before is 0.
    private let window: Int
    private let period: UsagePeriod
    /// Boundaries of the series; nil where none was asked for, or windows are not whole quarter hours, or are
    /// too many.
    private let series: [QuarterHour]?

    /// - Parameter previous: The period that is compared with. Both are widened to whole quarter hours, in
    ///   which details are kept.
    init(
        splits: [DetailSplit],
        showsTokens: Bool,
        period: UsagePeriod,
        previous: (from: Minute, to: Minute)?,
        classes: UsageClasses
    ) {
        self.classes = classes
        self.splits = splits
        self.showsTokens = showsTokens
        self.period = period
        let start = QuarterHour(of: period.from)
        self.from = start
        self.to = QuarterHour(from: period.to)
        series = Self.series(of: period)
        self.previous = previous.map { before in
            (QuarterHour(of: before.from), min(QuarterHour(from: before.to), start))
        }
        guard let before = self.previous else {
            window = 0
            return
        }
        window = before.to == start ? 1 : 2
    }

    private static func series(of period: UsagePeriod) -> [QuarterHour]? {
        guard period.size != nil, period.windowCount <= windowCountMax else { return nil }
        let inner = period.boundaries.dropFirst().dropLast()
            .compactMap { QuarterHour(startingAt: $0) }
        guard inner.count == period.windowCount - 1 else { return nil }
        return [QuarterHour(of: period.from)] + inner + [QuarterHour(from: period.to)]
    }

    private var windows: [QuarterHour] {
        guard let previous else { return [from, to] }
        return window == 1 ? [previous.from, from, to] : [previous.from, previous.to, from, to]
    }

    /// What is asked: first of all calls together, then by each split, then the series.
    func queries(_ tenant: Name, _ agent: Name, _ components: Set<Name>?) -> [DetailsQuery] {
        func query(
            _ windows: [QuarterHour],
            _ grouping: DetailsQuery.Grouping
        ) -> DetailsQuery {
            DetailsQuery(
                tenants: [tenant],
                agents: [agent],
                components: components,
                windows: windows,
                grouping: [.window, grouping],
                classes: classes
            )
        }
        let queries = ([[]] + splits.map(\.grouping)).map { grouping in
            var query = query(windows, grouping)
            query.groupCountMax = Self.valueCountMax * (previous == nil ? 1 : 2)
            return query
        }
        return queries + (series.map { [query($0, [])] } ?? [])
    }

    private func figures(
        _ group: DetailsGroup, _ window: Int, _ answer: DetailsAnswer
    )
        -> DetailFigures
    {
        var key = group
        key.window = window
        return DetailFigures(
            total: answer.totals[key] ?? DetailsTotal(),
            showsTokens: showsTokens
        )
    }

    /// The values of a split, those with most calls first, as groups without a window.
    private func values(_ split: DetailSplit, _ answer: DetailsAnswer) -> [DetailsGroup] {
        var calls: [DetailsGroup: UInt64] = [:]
        for (group, total) in answer.totals {
            var value = group
            value.window = nil
            calls[value, default: 0] += group.window == window ? total.calls : 0
        }
        return calls.sorted { left, right in
            if left.value != right.value { return right.value < left.value }
            return (split.value(left.key) ?? "") < (split.value(right.key) ?? "")
        }.map(\.key)
    }

    // MARK: - JSON

    /// - Parameter answers: To `queries`, in their order.
    func json(_ answers: [DetailsAnswer]) -> JSONOutput {
        guard let all = answers.first else { return .null }
        var members = DetailsBasis(from: from, to: to, answers).members
        members.append(JSONMember("relativeError", .string("0.015625")))
        members += self.members(DetailsGroup(), all, withComponents: false)
        if series != nil, let answer = answers.last {
            let windows = (0..<period.windowCount).map { window in
                JSONOutput.object(
                    period.windowMembers(window)
                        + figures(DetailsGroup(), window, answer).members
                )
            }
            members.append(JSONMember("series", .array(windows)))
        }
        let tables = zip(splits, answers.dropFirst()).map { split, answer in
            JSONMember(
                split.rawValue,
                .array(
                    values(split, answer).map { value in
                        .object(
                            [JSONMember("value", .optional(split.value(value)))]
                                + self.members(value, answer, withComponents: true)
                        )
                    }
                )
            )
        }
        members.append(JSONMember("splits", .object(tables)))
        return .object(members)
    }

    private func members(
        _ group: DetailsGroup,
        _ answer: DetailsAnswer,
        withComponents: Bool
    ) -> [JSONMember] {
        func members(_ figures: DetailFigures) -> [JSONMember] {
            figures.members
                + (withComponents ? [JSONMember("components", figures.components)] : [])
        }
        var own = members(figures(group, window, answer))
        if previous != nil {
            own.append(JSONMember("previous", .object(members(figures(group, 0, answer)))))
        }
        return own
    }

    // MARK: - CSV

    /// A row for all calls, and one for each value of each split; then the same of the period before.
    func csv(_ answers: [DetailsAnswer]) -> CSVText {
        let components = Set(answers.flatMap { $0.totals.values.flatMap(\.amounts.keys) }).sorted()
        var table = CSVText(
            ["windowStart", "windowEnd", "split", "value"] + DetailFigures.columns
                + components.map { "total.\($0)" }
        )
        var periods = [(from: from, to: to, window: window)]
        if let previous { periods.append((previous.from, previous.to, 0)) }
        for period in periods {
            func add(_ split: DetailSplit?, _ group: DetailsGroup, _ answer: DetailsAnswer) {
                let figures = figures(group, period.window, answer)
                table.add(
                    [
                        .plain(RFC3339.text(period.from.start)),
                        .plain(RFC3339.text(period.to.start)), .optional(split?.rawValue),
                        .optional(split?.value(group)),
                    ] + figures.cells
                        + components.map { .number(figures.total.amounts[$0]?.sum ?? 0) }
                )
            }
            if let all = answers.first { add(nil, DetailsGroup(), all) }
            for (split, answer) in zip(splits, answers.dropFirst()) {
                for value in values(split, answer) { add(split, value, answer) }
            }
        }
        return table
    }
}
