internal import MeterWire

/// The counters of all shards as one canonical table: names sorted, rows in order, equal keys added.
///
/// A series' rows lie together in each shard, so the table is made series by series: what is sorted is
/// never more than one series has.
enum CounterMerge {
    static func table(of shards: [FlushingCounters]) -> UsageTable {
        let series = Ranking(shards.map { $0.counters.names.seriesNames })
        let components = Ranking(shards.map { $0.counters.names.componentNames })
        var rows: [UsageRow] = []
        rows.reserveCapacity(shards.reduce(0) { $0 + $1.counters.rows.cellCount })
        var group: [UsageRow] = []
        for member in members(series) {
            if let last = group.last, last.series != member.rank { add(&group, to: &rows) }
            let counters = shards[member.shard]
            let ranks = components.ranks[member.shard]
            counters.counters.forEachSum(ofSeries: member.number) { minute, component, sum, count in
                group.append(
                    UsageRow(
                        series: member.rank, component: ranks[Int(component)], minute: minute,
                        count: count, sum: sum))
            }
        }
        add(&group, to: &rows)
        return UsageTable(series: series.names, components: components.names, rows: rows)
    }

    /// Where some of a series' rows are.
    private struct Member {
        var rank: UInt32
        var shard: Int
        var number: UInt32
    }

    /// Every series of every shard, in canonical order.
    private static func members(_ series: Ranking<SeriesName>) -> [Member] {
        let members = series.ranks.enumerated().flatMap { shard, ranks in
            ranks.enumerated().map { number, rank in
                Member(rank: rank, shard: shard, number: UInt32(truncatingIfNeeded: number))
            }
        }
        return members.sorted { ($0.rank, $0.shard) < ($1.rank, $1.shard) }
    }

    /// Moves one series' rows over in order, equal keys added unless the sum would leave 64 bits.
    private static func add(_ group: inout [UsageRow], to rows: inout [UsageRow]) {
        group.sort { order($0) < order($1) }
        let first = rows.count
        for row in group {
            if rows.count > first, order(rows[rows.count - 1]) == order(row) {
                let (sum, overflow) = rows[rows.count - 1].sum.addingReportingOverflow(row.sum)
                if !overflow {
                    rows[rows.count - 1].sum = sum
                    rows[rows.count - 1].count &+= row.count
                    continue
                }
            }
            rows.append(row)
        }
        group.removeAll(keepingCapacity: true)
    }

    /// The order within a series.
    private static func order(_ row: UsageRow) -> UInt64 {
        UInt64(row.component) << 32 | UInt64(row.minute.rawValue)
    }
}
