package import MeterWire

/// What one component adds up to over a whole segment.
package struct ComponentTotal: Equatable, Sendable {
    package var component: Name
    package var total: UsageTotal
}

/// The last piece of a segment: its sums and where to find what.
///
///     u32 retained from | varint rows | u32 first minute | u32 last minute
///     varint series | varint pages of them
///     varint components; for each: varint bytes | name | sum u128 | count u64
///     varint blocks; for each: varint rows | varint first series - last series of the block before
///         | varint last series - first | varint first minute - the segment's | varint last minute - first
///
/// The pieces of the file are the blocks, the series pages, and this.
struct SegmentFooter: Equatable, Sendable {
    /// Rows of earlier minutes were left out when their retention had passed.
    var retainedFrom = Minute(rawValue: 0)
    var rowCount: UInt64 = 0
    var firstMinute = Minute(rawValue: 0)
    var lastMinute = Minute(rawValue: 0)
    var seriesCount = 0
    var seriesPageCount = 0
    var components: [ComponentTotal] = []
    var blocks: [RowBlock.Zone] = []

    func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: retainedFrom.rawValue)
        bytes.append(varint: rowCount)
        bytes.append(littleEndian: firstMinute.rawValue)
        bytes.append(littleEndian: lastMinute.rawValue)
        bytes.append(varint: UInt64(seriesCount))
        bytes.append(varint: UInt64(seriesPageCount))
        bytes.append(componentTotals: components)
        bytes.append(varint: UInt64(blocks.count))
        var series: UInt32 = 0
        for block in blocks {
            bytes.append(varint: UInt64(block.rowCount))
            bytes.append(varint: UInt64(block.firstSeries - series))
            bytes.append(varint: UInt64(block.lastSeries - block.firstSeries))
            bytes.append(varint: UInt64(block.firstMinute.rawValue - firstMinute.rawValue))
            bytes.append(
                varint: UInt64(block.lastMinute.rawValue - block.firstMinute.rawValue)
            )
            series = block.lastSeries
        }
        return bytes
    }

    init() {}

    init(decoding bytes: [UInt8]) throws(ByteReader.Malformed) {
        var reader = ByteReader(bytes)
        retainedFrom = Minute(rawValue: try reader.integer())
        rowCount = try reader.varint()
        firstMinute = Minute(rawValue: try reader.integer())
        lastMinute = Minute(rawValue: try reader.integer())
        seriesCount = Int(try reader.varint(upTo: UInt64(UInt32.max)))
        seriesPageCount = Int(try reader.varint(upTo: UInt64(UInt32.max)))
        components = try reader.componentTotals()
        let blockCount = try reader.count(eachAtLeast: 5)
        blocks.reserveCapacity(blockCount)
        for _ in 0..<blockCount { try readBlock(&reader) }
        guard reader.isAtEnd,
            blocks.reduce(0, { $0 + UInt64($1.rowCount) }) == rowCount
        else { throw ByteReader.Malformed() }
    }

    private mutating func readBlock(_ reader: inout ByteReader) throws(ByteReader.Malformed) {
        let seriesLimit = UInt64(max(seriesCount, 1) - 1)
        let before = UInt64(blocks.last?.lastSeries ?? 0)
        let rows = try reader.varint(upTo: UInt64(RowBlock.rowCountMax))
        let firstSeries = before + (try reader.varint(upTo: seriesLimit))
        let lastSeries = firstSeries + (try reader.varint(upTo: seriesLimit))
        let minuteLimit = UInt64(UInt32.max)
        let first = UInt64(firstMinute.rawValue) + (try reader.varint(upTo: minuteLimit))
        let last = first + (try reader.varint(upTo: minuteLimit))
        guard rows > 0, seriesCount > 0, lastSeries <= seriesLimit,
            last <= UInt64(lastMinute.rawValue)
        else { throw ByteReader.Malformed() }
        blocks.append(
            RowBlock.Zone(
                rowCount: Int(rows),
                firstSeries: UInt32(firstSeries),
                lastSeries: UInt32(lastSeries),
                firstMinute: Minute(rawValue: UInt32(first)),
                lastMinute: Minute(rawValue: UInt32(last))
            )
        )
    }
}

extension [UInt8] {
    /// Varint components; for each: varint bytes | name | sum u128 | count u64.
    mutating func append(componentTotals: [ComponentTotal]) {
        append(varint: UInt64(componentTotals.count))
        for entry in componentTotals {
            append(varint: UInt64(entry.component.bytes.count))
            self += entry.component.bytes
            append(littleEndian: entry.total.sum)
            append(littleEndian: entry.total.count)
        }
    }
}

extension ByteReader {
    /// Components in strictly ascending order with what they add up to.
    mutating func componentTotals() throws(Malformed) -> [ComponentTotal] {
        var totals: [ComponentTotal] = []
        for _ in 0..<(try count(eachAtLeast: 25)) {
            let byteCount = try count(eachAtLeast: 1)
            let name = Name(bytes: Array(try slice(byteCount)))
            if let last = totals.last, !(last.component < name) { throw Malformed() }
            let sum: UInt128 = try integer()
            let count: UInt64 = try integer()
            totals.append(
                ComponentTotal(component: name, total: UsageTotal(sum: sum, count: count)))
        }
        return totals
    }
}
