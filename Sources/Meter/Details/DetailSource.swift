internal import MeterWire

/// The names of rows that come from several places, sorted.
struct DetailNames {
    var series: [SeriesName]
    var models: [Name]
    /// ``Name/erasedDetails`` is among them.
    var users: [Name]
    var components: [Name]
}

/// Rows of details by ascending series and quarter hour, in the indexes of its own sorted names.
protocol DetailSource {
    var names: DetailNames { get }

    /// Begins anew.
    mutating func rewind() throws(SealedFileError)

    /// Puts the rows of the next series and quarter hour, in any order, in place of what `rows` held.
    ///
    /// - Parameter withHistograms: Whether durations and tokens are wanted too.
    /// - Returns: False behind the last.
    mutating func next(
        into rows: inout [DetailRow], withHistograms: Bool
    ) throws(SealedFileError) -> Bool
}

/// The details that a checkpoint took out of the shards.
struct FlushingDetails: DetailSource {
    /// Where a row is, under the key that it will have.
    private struct Found {
        var key: DetailRow.Key
        let shard: Int
        let place: RowPlace
    }

    let names: DetailNames
    private let shards: [FlushingCounters]
    private let components: [[UInt32]]
    /// By ascending series and quarter hour.
    private let found: [Found]
    private var position = 0

    init(_ shards: [FlushingCounters], _ erasures: [DetailsErasure]) {
        self.shards = shards
        let series = Ranking(shards.map { $0.counters.names.seriesNames })
        let components = Ranking(shards.map { $0.counters.names.componentNames })
        let models = Ranking(shards.map { $0.counters.details.modelNames })
        let users = Ranking(
            shards.map { $0.counters.details.userNames } + [[.erasedDetails]])
        self.components = components.ranks
        let names = DetailNames(
            series: series.names, models: models.names, users: users.names,
            components: components.names)
        let map = ErasureMap(erasures, series: names.series, users: names.users)
        var found: [Found] = []
        for (number, shard) in shards.enumerated() {
            shard.counters.details.rows.forEachRow { place, row in
                let key = row.key
                let rank = series.ranks[number][Int(key.series)]
                let user = Self.rank(key.user, users.ranks[number])
                found.append(
                    Found(
                        key: DetailRow.Key(
                            series: rank, quarter: key.quarter.rawValue,
                            model: Self.rank(key.model, models.ranks[number]),
                            user: map.user(user, ofSeries: rank), outcome: key.outcome),
                        shard: number, place: place))
            }
        }
        found.sort { $0.key.slot < $1.key.slot }
        self.names = names
        self.found = found
    }

    /// Of a code: 0 stays 0, a number's rank + 1 otherwise.
    private static func rank(_ code: UInt32, _ ranks: [UInt32]) -> UInt32 {
        code == DetailKey.none ? 0 : ranks[Int(code) - 1] + 1
    }

    mutating func rewind() { position = 0 }

    mutating func next(into rows: inout [DetailRow], withHistograms: Bool) -> Bool {
        guard position < found.count else { return false }
        let slot = found[position].key.slot
        var count = 0
        while position < found.count, found[position].key.slot == slot {
            if count == rows.count { rows.append(DetailRow()) }
            read(found[position], into: &rows[count], withHistograms: withHistograms)
            count += 1
            position += 1
        }
        rows.removeLast(rows.count - count)
        return true
    }

    private func read(_ found: Found, into row: inout DetailRow, withHistograms: Bool) {
        let state = shards[found.shard].counters.details.rows.state(at: found.place)
        row.key = found.key
        row.calls = state.calls
        row.latest = state.latest
        row.amounts.removeAll(keepingCapacity: true)
        row.durations.removeAll(keepingCapacity: true)
        row.tokens.removeAll(keepingCapacity: true)
        shards[found.shard].counters.details.rows.forEachCell(of: found.place) {
            component, sum, count in
            row.amounts.append(
                DetailRow.Amount(
                    component: components[found.shard][Int(component)],
                    total: UsageTotal(sum: UInt128(sum), count: count)))
        }
        if withHistograms {
            shards[found.shard].counters.details.forEachBucket(
                of: state,
                durations: { bucket, count in
                    row.durations.append(
                        DetailRow.Bucket(bucket: UInt16(bucket), count: count))
                },
                tokens: { bucket, count in
                    row.tokens.append(DetailRow.Bucket(bucket: UInt16(bucket), count: count))
                })
        }
        row.normalize()
    }
}
