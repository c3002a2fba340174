internal import MeterWire

/// The counters of all shards as one canonical table: names sorted, rows in order, equal keys added.
enum CounterMerge {
    static func table(of shards: [FlushingCounters]) -> UsageTable {
        let series = Ranking(shards.map { $0.counters.names.seriesNames })
        let components = Ranking(shards.map { $0.counters.names.componentNames })
        var rows: [UsageRow] = []
        rows.reserveCapacity(shards.reduce(0) { $0 + $1.counters.rows.cellCount })
        for (number, shard) in shards.enumerated() {
            let seriesRanks = series.ranks[number]
            let componentRanks = components.ranks[number]
            shard.counters.rows.forEachRow { place, row in
                let series = seriesRanks[Int(row.key.series)]
                let minute = row.key.minute
                shard.counters.rows.forEachCell(of: place) { component, sum, count in
                    rows.append(
                        UsageRow(
                            series: series, component: componentRanks[Int(component)],
                            minute: minute, count: count, sum: sum))
                }
            }
        }
        rows.sort { CounterMerge.order($0) < CounterMerge.order($1) }
        return UsageTable(
            series: series.names, components: components.names, rows: added(rows))
    }

    /// Series, component and minute in one word: each is below its limit in `CounterKey`.
    private static func order(_ row: UsageRow) -> UInt64 {
        UInt64(row.series) << 38 | UInt64(row.component) << 26 | UInt64(row.minute.rawValue)
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
}
