internal import MeterWire

/// The rows of a block, column by column, without their histograms.
///
/// Nothing here trusts the bytes: every index is compared with its limit, and a contradiction is refused.
struct DetailColumns {
    struct Malformed: Error {}

    private(set) var series: [UInt64]
    private(set) var quarters: [UInt64]
    let outcomes: [UInt64]
    /// + 1; 0 for none.
    let models: [UInt64]
    /// + 1; 0 for none.
    let users: [UInt64]
    let calls: [UInt64]
    let latest: [UInt64]
    /// Where each row's amounts begin, and where the last row's end.
    private(set) var amountStarts: [Int] = [0]
    let components: [UInt64]
    private let sumsLow: [UInt64]
    private let sumsHigh: [UInt64]
    private(set) var counts: [UInt64]

    var rowCount: Int { calls.count }

    func sum(_ amount: Int) -> UInt128 {
        UInt128(sumsHigh[amount]) << 64 | UInt128(sumsLow[amount])
    }

    func key(_ row: Int) -> DetailRow.Key {
        DetailRow.Key(
            series: UInt32(truncatingIfNeeded: series[row]),
            quarter: UInt32(truncatingIfNeeded: quarters[row]),
            model: UInt32(truncatingIfNeeded: models[row]),
            user: UInt32(truncatingIfNeeded: users[row]),
            outcome: UInt8(truncatingIfNeeded: outcomes[row]))
    }

    init(
        decoding bytes: [UInt8], _ zone: DetailBlock.Zone, _ limits: DetailBlock.Limits
    ) throws(Malformed) {
        var reader = ColumnReader(bytes)
        let rowCount = zone.rowCount
        series = try reader.column(rowCount)
        quarters = try reader.column(rowCount)
        outcomes = try reader.column(rowCount, below: 4)
        models = try reader.column(rowCount, below: UInt64(limits.modelCount) + 1)
        users = try reader.column(rowCount, below: UInt64(limits.userCount) + 1)
        calls = try reader.column(rowCount)
        latest = try reader.column(rowCount, below: UInt64(QuarterHour.millisecondCount))
        let amountCounts = try reader.column(
            rowCount, below: UInt64(limits.componentCount) + 1)
        for count in amountCounts {
            amountStarts.append(amountStarts[amountStarts.count - 1] + Int(count))
        }
        let amountCount = amountStarts[rowCount]
        guard amountCount <= DetailBlock.amountCountMax else { throw Malformed() }
        components = try reader.column(amountCount, below: UInt64(limits.componentCount))
        sumsLow = try reader.column(amountCount)
        sumsHigh = try reader.column(amountCount)
        counts = try reader.column(amountCount)
        guard reader.isAtEnd else { throw Malformed() }
        try restore(zone)
    }

    /// Turns differences into values.
    private mutating func restore(_ zone: DetailBlock.Zone) throws(Malformed) {
        var before = UInt64(zone.firstSeries)
        for row in 0..<rowCount {
            let isNew = series[row] > 0 || row == 0
            let from = isNew ? UInt64(zone.firstQuarter) : quarters[row - 1]
            guard series[row] <= UInt64(zone.lastSeries) - before,
                quarters[row] <= UInt64(zone.lastQuarter) - from
            else { throw Malformed() }
            series[row] += before
            quarters[row] += from
            before = series[row]
            for amount in amountStarts[row]..<amountStarts[row + 1] {
                counts[amount] = calls[row] &- counts[amount]
            }
        }
    }
}

/// The histograms of a block's rows.
struct DetailHistograms {
    /// Where each row's durations begin in the buckets, then its tokens; and where the last row's end.
    private var starts: [Int] = [0]
    private(set) var buckets: [UInt64]
    let counts: [UInt64]

    init(decoding bytes: [UInt8], _ zone: DetailBlock.Zone) throws(DetailColumns.Malformed) {
        var reader = ColumnReader(bytes)
        let sizeMax = UInt64(Histogram.bucketCount)
        let durations = try reader.column(zone.rowCount, below: sizeMax + 1)
        let tokens = try reader.column(zone.rowCount, below: sizeMax + 1)
        for row in 0..<zone.rowCount {
            starts.append(starts[2 * row] + Int(durations[row]))
            starts.append(starts[2 * row + 1] + Int(tokens[row]))
        }
        let bucketCount = starts[2 * zone.rowCount]
        guard bucketCount <= DetailBlock.bucketCountMax else { throw DetailColumns.Malformed() }
        buckets = try reader.column(bucketCount, below: sizeMax)
        counts = try reader.column(bucketCount)
        guard reader.isAtEnd else { throw DetailColumns.Malformed() }
        try restore()
    }

    private mutating func restore() throws(DetailColumns.Malformed) {
        for histogram in 1..<starts.count {
            var before: UInt64 = 0
            let first = starts[histogram - 1]
            for index in first..<starts[histogram] {
                guard buckets[index] > 0 || index == first else {
                    throw DetailColumns.Malformed()
                }
                before += buckets[index]
                guard before < UInt64(Histogram.bucketCount) else {
                    throw DetailColumns.Malformed()
                }
                buckets[index] = before
            }
        }
    }

    /// Which of the buckets are of a row's durations.
    func durations(_ row: Int) -> Range<Int> { starts[2 * row]..<starts[2 * row + 1] }

    /// Which of the buckets are of a row's tokens.
    func tokens(_ row: Int) -> Range<Int> { starts[2 * row + 1]..<starts[2 * row + 2] }
}

/// Reads one packed column after the other.
private struct ColumnReader {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.count }

    /// The next column, of so many values below the limit.
    mutating func column(
        _ count: Int, below limit: UInt64? = nil
    ) throws(DetailColumns.Malformed) -> [UInt64] {
        var position = offset
        var isDecoded = false
        let values = unsafe [UInt64](unsafeUninitializedCapacity: count) { target, filled in
            guard count > 0, let base = target.baseAddress else {
                isDecoded = count == 0
                return
            }
            isDecoded = unsafe bytes.withUnsafeBytes {
                unsafe PackedColumn.decode(count, from: $0, at: &position, into: base)
            }
            filled = isDecoded ? count : 0
        }
        guard isDecoded else { throw DetailColumns.Malformed() }
        offset = position
        if let limit {
            guard values.allSatisfy({ $0 < limit }) else { throw DetailColumns.Malformed() }
        }
        return values
    }
}
