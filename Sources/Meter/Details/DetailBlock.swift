internal import MeterWire

/// About a thousand neighbouring rows of details, laid out by column in two pieces, so that a question that
/// wants no histograms reads none.
///
///     rows         series - the one before | quarter - the one before, or, in a new series, - the first
///                  of the block | outcome | model | user | calls | latest | amounts of the row
///                  then of each amount: component | sum, low 64 bits | sum, high 64 bits | calls - count
///     histograms   durations of the row | tokens of the row, in buckets
///                  then of each bucket: bucket - the one before in its histogram | count
///
/// Columns are ``PackedColumn``s; differences wrap around at 64 bits.
enum DetailBlock {
    /// A block is full with so many rows, or amounts, or buckets.
    static let rowCount = 1_024
    static let amountCount = 1 << 14
    static let bucketCount = 1 << 16
    /// A reader refuses blocks with more: what is full, and one row of the largest kind.
    static let amountCountMax = amountCount + CounterKey.componentCountMax
    static let bucketCountMax = bucketCount + 2 * Histogram.bucketCount

    /// What the block index says of a block.
    struct Zone: Equatable, Sendable {
        var rowCount: Int
        var firstSeries: UInt32
        var lastSeries: UInt32
        var firstQuarter: UInt32
        var lastQuarter: UInt32
    }

    /// What indexes in a block must be below.
    struct Limits {
        var modelCount: Int
        var userCount: Int
        var componentCount: Int
    }
}

/// Gathers rows in canonical order until a block is full.
struct DetailBlockBuilder {
    private var rows: [DetailRow.Key] = []
    private var columns = [[UInt64]](repeating: [], count: 6)
    private var amounts = [[UInt64]](repeating: [], count: 4)
    private var histogramSizes = [[UInt64]](repeating: [], count: 2)
    private var buckets = [[UInt64]](repeating: [], count: 2)

    var isEmpty: Bool { rows.isEmpty }
    var isFull: Bool {
        rows.count >= DetailBlock.rowCount || amounts[0].count >= DetailBlock.amountCount
            || buckets[0].count >= DetailBlock.bucketCount
    }

    mutating func append(_ row: DetailRow) {
        let key = row.key
        rows.append(key)
        for (index, value) in [
            UInt64(key.outcome), UInt64(key.model), UInt64(key.user), row.calls,
            UInt64(row.latest), UInt64(row.amounts.count),
        ].enumerated() {
            columns[index].append(value)
        }
        for amount in row.amounts {
            amounts[0].append(UInt64(amount.component))
            amounts[1].append(UInt64(truncatingIfNeeded: amount.total.sum))
            amounts[2].append(UInt64(truncatingIfNeeded: amount.total.sum >> 64))
            amounts[3].append(row.calls &- amount.total.count)
        }
        for (index, histogram) in [row.durations, row.tokens].enumerated() {
            histogramSizes[index].append(UInt64(histogram.count))
            var before: UInt64 = 0
            for entry in histogram {
                buckets[0].append(UInt64(entry.bucket) - before)
                buckets[1].append(entry.count)
                before = UInt64(entry.bucket)
            }
        }
    }

    /// The plain bytes of the two pieces of what was gathered, at least one row; begins the next block.
    mutating func finish() -> (rows: [UInt8], histograms: [UInt8], zone: DetailBlock.Zone) {
        let quarters = rows.map(\.quarter)
        let zone = DetailBlock.Zone(
            rowCount: rows.count, firstSeries: rows[0].series,
            lastSeries: rows[rows.count - 1].series, firstQuarter: quarters.min() ?? 0,
            lastQuarter: quarters.max() ?? 0)
        var series: [UInt64] = []
        var steps: [UInt64] = []
        var before = DetailRow.Key(
            series: zone.firstSeries, quarter: zone.firstQuarter, model: 0, user: 0, outcome: 0)
        for key in rows {
            series.append(UInt64(key.series - before.series))
            let from = key.series == before.series ? before.quarter : zone.firstQuarter
            steps.append(UInt64(key.quarter - from))
            before = key
        }
        var rowBytes: [UInt8] = []
        for column in [series, steps] + columns + amounts {
            PackedColumn.encode(column, into: &rowBytes)
        }
        var histogramBytes: [UInt8] = []
        for column in histogramSizes + buckets {
            PackedColumn.encode(column, into: &histogramBytes)
        }
        self = DetailBlockBuilder()
        return (rowBytes, histogramBytes, zone)
    }
}
