import Meter
import MeterTesting
import MeterWire

/// Seeded tables, and what they add up to when a dictionary does it.
enum Workload {
    struct Key: Hashable, Comparable {
        var series: SeriesName
        var component: Name
        var minute: Minute

        static func < (left: Key, right: Key) -> Bool {
            if left.series != right.series { return left.series < right.series }
            if left.component != right.component { return left.component < right.component }
            return left.minute < right.minute
        }
    }

    typealias Usage = [Key: UsageTotal]

    /// A table in canonical order with rows of every shape: long runs, lone rows, holes in the
    /// minutes, equal keys, zeros and the largest numbers there are.
    static func table(_ random: inout Seed, rowCountMax: Int = 3000) -> UsageTable {
        let series = self.series(&random)
        let components = self.components(&random)
        guard !series.isEmpty, !components.isEmpty else {
            return UsageTable(series: series, components: components, rows: [])
        }
        let base = random.oneIn(5) ? 0 : UInt32(28_400_000 + random.below(100_000))
        let rowCount = random.oneIn(10) ? 0 : random.below(rowCountMax)
        let isDense = random.oneIn(2)
        var rows: [UsageRow] = []
        for _ in 0..<rowCount {
            let count = amount(&random)
            rows.append(
                UsageRow(
                    series: UInt32(random.below(series.count)),
                    component: UInt32(random.below(components.count)),
                    minute: Minute(
                        rawValue: base + UInt32(random.below(isDense ? 60 : 5_000_000))
                    ),
                    count: count,
                    sum: random.oneIn(3) ? count : amount(&random)
                )
            )
        }
        rows.sort { key($0) < key($1) }
        return UsageTable(series: series, components: components, rows: rows)
    }

    private static func key(_ row: UsageRow) -> (UInt32, UInt32, UInt32) {
        (row.series, row.component, row.minute.rawValue)
    }

    private static func amount(_ random: inout Seed) -> UInt64 {
        switch random.below(20) {
        case 0: 0
        case 1: .max
        case 2: random.next()
        case 3: random.next() >> UInt64(random.below(64))
        default: UInt64(random.below(2000))
        }
    }

    static func series(_ random: inout Seed) -> [SeriesName] {
        var names: Set<SeriesName> = []
        let tenantCount = 1 + random.below(6)
        for _ in 0..<(random.oneIn(20) ? 0 : 1 + random.below(60)) {
            let tenant = Name(
                bytes: (0..<random.below(5)).map { _ in UInt8(random.below(3)) }
                    + [UInt8(random.below(tenantCount))]
            )
            names.insert(
                SeriesName(
                    tenant: tenant,
                    agent: Name("agent-\(random.below(20))"),
                    access: random.oneIn(2)
                        ? nil : AccessID(high: UInt64(random.below(3)), low: random.next()),
                    way: random.oneIn(4) ? .otlp : .native
                )
            )
        }
        return names.sorted()
    }

    static func components(_ random: inout Seed) -> [Name] {
        let all: [Name] = [
            "agent_calls", "cached_input_tokens", "input_tokens", "output_tokens", "tool_seconds",
        ]
        return Set(all.filter { _ in !random.oneIn(3) } + [all[0]]).sorted()
    }

    /// The table's usage by name.
    static func usage(_ table: UsageTable) -> Usage {
        var usage: Usage = [:]
        add(table, to: &usage)
        return usage
    }

    static func add(_ table: UsageTable, to usage: inout Usage) {
        for row in table.rows {
            let key = Key(
                series: table.series[Int(row.series)],
                component: table.components[Int(row.component)],
                minute: row.minute
            )
            usage[key, default: UsageTotal()].sum += UInt128(row.sum)
            usage[key, default: UsageTotal()].count = addClamped(usage[key]?.count ?? 0, row.count)
        }
    }

    static func addClamped(_ left: UInt64, _ right: UInt64) -> UInt64 {
        left > .max - right ? .max : left + right
    }
}

/// Answers a query one row at a time, from names.
struct NaiveAccumulator {
    let query: UsageQuery
    var totals: [UsageGroup: UsageTotal] = [:]

    init(_ query: UsageQuery) { self.query = query }

    mutating func add(_ table: UsageTable) {
        for row in table.rows {
            let series = table.series[Int(row.series)]
            let component = table.components[Int(row.component)]
            if let tenants = query.tenants, !tenants.contains(series.tenant) { continue }
            if let agents = query.agents, !agents.contains(series.agent) { continue }
            if let components = query.components, !components.contains(component) { continue }
            let windows = query.windows.indices.dropLast().filter {
                query.windows[$0] <= row.minute && row.minute < query.windows[$0 + 1]
            }
            let own: UsageClasses = series.way == .native ? .counted : .advisory
            guard let window = windows.first, query.classes.contains(own) else { continue }
            let group = UsageGroup(
                tenant: query.grouping.contains(.tenant) ? series.tenant : nil,
                agent: query.grouping.contains(.agent) ? series.agent : nil,
                access: query.grouping.contains(.access) ? series.access : nil,
                component: query.grouping.contains(.component) ? component : nil,
                window: query.grouping.contains(.window) ? window : nil,
                way: query.grouping.contains(.way) ? series.way : nil
            )
            totals[group, default: UsageTotal()].sum += UInt128(row.sum)
            totals[group, default: UsageTotal()].count = Workload.addClamped(
                totals[group]?.count ?? 0,
                row.count
            )
        }
    }

    /// A query about what is in a table, and about some things that are not.
    static func query(_ random: inout Seed, about table: UsageTable) -> UsageQuery {
        func some<Element: Hashable>(_ elements: [Element]) -> Set<Element>? {
            random.oneIn(2) ? nil : Set(elements.filter { _ in random.oneIn(2) })
        }
        var boundaries: Set<Minute> = [Minute(rawValue: 0)]
        for _ in 0..<1 + random.below(6) {
            let minute = table.rows.isEmpty ? 5 : random.pick(table.rows).minute.rawValue
            boundaries.insert(Minute(rawValue: minute + UInt32(random.below(3))))
        }
        if random.oneIn(2) { boundaries.insert(Minute(rawValue: .max)) }
        if random.oneIn(2) { boundaries.remove(Minute(rawValue: 0)) }
        return UsageQuery(
            tenants: some(table.series.map(\.tenant) + ["nobody"]),
            agents: some(table.series.map(\.agent)),
            components: some(table.components),
            windows: boundaries.sorted(),
            grouping: UsageQuery.Grouping(rawValue: UInt8(random.below(64))),
            classes: random.pick([.counted, .advisory, .all])
        )
    }
}
