internal import MeterWire

/// Rows of a segment that are compressed, checked and read together: some thousand neighbours in canonical
/// order, laid out by component and within it by column.
///
///     varint groups; for each component in the block:
///         varint component - the one before | varint runs | varint rows | varint bytes of its columns
///     then the columns of each of them:
///         series    of each run, first - the block's first series, then differences
///         lengths   of each run, - 1
///         varint bytes of the next two, for who needs no minutes
///         firsts    first minute of each run - the block's first minute
///         steps     minute - the one before it in the run, rows - runs of them
///         counts
///         u8 form of the sums: 0 sums | 1 quotients, remainders | 2 quotients, all remainders are 0
///
/// A run is the rows of one series and component. A sum divided by its count is a mean amount, needs
/// fewer bits than the sum, and is 1 throughout for a component that counts calls. Equal columns of
/// sibling components (one event has all of them) are packed to equal bytes, which LZ4 then finds.
/// Columns are ``PackedColumn``s.
enum RowBlock {
    /// Rows in each block but the last.
    static let rowCount = 8192
    /// A reader refuses blocks with more.
    static let rowCountMax = 65_536

    enum SumForm: UInt8 {
        case sums = 0
        case quotientsAndRemainders = 1
        case quotients = 2
    }

    /// What the block index says of a block, so that most queries need not read most blocks.
    struct Zone: Equatable, Sendable {
        var rowCount: Int
        var firstSeries: UInt32
        var lastSeries: UInt32
        var firstMinute: Minute
        var lastMinute: Minute

        init(
            rowCount: Int,
            firstSeries: UInt32,
            lastSeries: UInt32,
            firstMinute: Minute,
            lastMinute: Minute
        ) {
            self.rowCount = rowCount
            self.firstSeries = firstSeries
            self.lastSeries = lastSeries
            self.firstMinute = firstMinute
            self.lastMinute = lastMinute
        }

        /// Of canonical rows, at least one.
        init(of rows: [UsageRow]) {
            rowCount = rows.count
            firstSeries = rows[0].series
            lastSeries = rows[rows.count - 1].series
            firstMinute = rows[0].minute
            lastMinute = rows[0].minute
            for row in rows {
                firstMinute = min(firstMinute, row.minute)
                lastMinute = max(lastMinute, row.minute)
            }
        }
    }

    private struct Run {
        var rows: Range<Int>
        var component: Int
    }

    /// The plain bytes of a block. `rows` are canonical, not empty and at most `rowCountMax`.
    static func encode(
        _ rows: [UsageRow],
        componentCount: Int
    ) -> (bytes: [UInt8], zone: Zone) {
        let zone = Zone(of: rows)
        var header: [UInt8] = []
        var bodies: [UInt8] = []
        var previous = 0
        let groups = runsByComponent(rows, componentCount: componentCount)
        header.append(varint: UInt64(groups.count))
        for runs in groups {
            let start = bodies.count
            encodeColumns(of: runs, rows, zone, into: &bodies)
            header.append(varint: UInt64(runs[0].component - previous))
            previous = runs[0].component
            header.append(varint: UInt64(runs.count))
            header.append(varint: UInt64(runs.reduce(0) { $0 + $1.rows.count }))
            header.append(varint: UInt64(bodies.count - start))
        }
        return (header + bodies, zone)
    }

    /// The runs of each component that occurs, by ascending component, in canonical order within.
    private static func runsByComponent(
        _ rows: [UsageRow],
        componentCount: Int
    ) -> [[Run]] {
        var groups = [[Run]](repeating: [], count: componentCount)
        var start = 0
        while start < rows.count {
            let head = rows[start]
            var end = start + 1
            while end < rows.count, rows[end].series == head.series,
                rows[end].component == head.component
            { end += 1 }
            let component = Int(head.component)
            groups[component].append(Run(rows: start..<end, component: component))
            start = end
        }
        return groups.filter { !$0.isEmpty }
    }

    private static func encodeColumns(
        of runs: [Run],
        _ rows: [UsageRow],
        _ zone: Zone,
        into bytes: inout [UInt8]
    ) {
        var series: [UInt64] = []
        var firsts: [UInt64] = []
        var steps: [UInt64] = []
        var counts: [UInt64] = []
        var sums: [UInt64] = []
        var previous = zone.firstSeries
        for run in runs {
            let head = rows[run.rows.lowerBound]
            series.append(UInt64(head.series - previous))
            previous = head.series
            firsts.append(UInt64(head.minute.rawValue - zone.firstMinute.rawValue))
            var minute = head.minute.rawValue
            for index in run.rows {
                let row = rows[index]
                if index > run.rows.lowerBound {
                    steps.append(UInt64(row.minute.rawValue - minute))
                }
                minute = row.minute.rawValue
                counts.append(row.count)
                sums.append(row.sum)
            }
        }
        PackedColumn.encode(series, into: &bytes)
        PackedColumn.encode(runs.map { UInt64($0.rows.count - 1) }, into: &bytes)
        var minutes: [UInt8] = []
        PackedColumn.encode(firsts, into: &minutes)
        PackedColumn.encode(steps, into: &minutes)
        bytes.append(varint: UInt64(minutes.count))
        bytes += minutes
        PackedColumn.encode(counts, into: &bytes)
        encode(sums: sums, counts: counts, into: &bytes)
    }

    private static func encode(sums: [UInt64], counts: [UInt64], into bytes: inout [UInt8]) {
        var quotients = sums
        var remainders = [UInt64](repeating: 0, count: sums.count)
        var allExact = true
        for (index, count) in counts.enumerated() {
            if count == 0 {
                quotients[index] = 0
                remainders[index] = sums[index]
            } else {
                (quotients[index], remainders[index]) =
                    sums[index].quotientAndRemainder(dividingBy: count)
            }
            allExact = allExact && remainders[index] == 0
        }
        var divided: [UInt8] = []
        PackedColumn.encode(quotients, into: &divided)
        if !allExact { PackedColumn.encode(remainders, into: &divided) }
        var plain: [UInt8] = []
        PackedColumn.encode(sums, into: &plain)
        if plain.count <= divided.count {
            bytes.append(SumForm.sums.rawValue)
            bytes += plain
        } else {
            let form: SumForm = allExact ? .quotients : .quotientsAndRemainders
            bytes.append(form.rawValue)
            bytes += divided
        }
    }
}
