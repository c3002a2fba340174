internal import MeterWire

/// The counters of all shards as one canonical table: names sorted, rows in order, equal keys added.
enum CounterMerge {
    static func table(of shards: [FlushingCounters]) -> UsageTable {
        let series = Ranking(shards.map { $0.counters.seriesNames })
        let components = Ranking(shards.map { $0.counters.componentNames })
        var rows: [UsageRow] = []
        rows.reserveCapacity(shards.reduce(0) { $0 + $1.counters.keyCount })
        for (number, shard) in shards.enumerated() {
            let seriesRanks = series.ranks[number]
            let componentRanks = components.ranks[number]
            shard.counters.table.forEachRow { row in
                var ranked = row
                ranked.series = seriesRanks[Int(row.series)]
                ranked.component = componentRanks[Int(row.component)]
                rows.append(ranked)
            }
        }
        rows.sort { CounterMerge.order($0) < CounterMerge.order($1) }
        return UsageTable(
            series: series.names, components: components.names, rows: added(rows))
    }

    /// The packed key of a ranked row: ranks are below the limits of `CounterKey`.
    private static func order(_ row: UsageRow) -> UInt64 {
        CounterKey(series: row.series, component: row.component, minute: row.minute.rawValue)
            .rawValue
    }

    /// Adds neighbours with the same key, unless the sum would leave 64 bits.
    private static func added(_ rows: [UsageRow]) -> [UsageRow] {
        var result: [UsageRow] = []
        result.reserveCapacity(rows.count)
        for row in rows {
            if let last = result.last, order(last) == order(row) {
                let (sum, overflow) = last.sum.addingReportingOverflow(row.sum)
                if !overflow {
                    result[result.count - 1].sum = sum
                    result[result.count - 1].count &+= row.count
                    continue
                }
            }
            result.append(row)
        }
        return result
    }

    /// Several lists of names as one sorted list, and each name's place in it.
    private struct Ranking<Element: Comparable & Hashable> {
        var names: [Element]
        /// For each list, the rank of its names in the order of the list.
        var ranks: [[UInt32]]

        init(_ lists: [[Element]]) {
            names = Set(lists.joined()).sorted()
            var rank: [Element: UInt32] = [:]
            rank.reserveCapacity(names.count)
            for (index, name) in names.enumerated() { rank[name] = UInt32(index) }
            ranks = lists.map { list in list.map { rank[$0] ?? 0 } }
        }
    }
}
