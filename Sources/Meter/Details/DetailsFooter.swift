internal import MeterWire

/// The last piece of a details file: its sums and where to find what.
///
///     u32 retained from | varint erasures applied | varint rows | u32 first quarter hour | u32 last
///     varint calls | varint durations | varint tokens
///     varint components; for each: varint bytes | name | sum u128 | count u64
///     series, models, users; for each: varint names | varint bytes | the first name of each page
///     varint blocks; for each: varint rows | varint first series - last series of the block before
///         | varint last series - first | varint first quarter hour - the file's | varint last - first
///
/// The pieces of the file are, for each block, its rows and its histograms; the pages of series, models and
/// users; and this.
struct DetailsFooter: Sendable {
    /// Rows of earlier quarter hours may have been left out when their retention had passed.
    var retainedFrom = QuarterHour(rawValue: 0)
    /// The number of the book's entry up to which erasures were applied to the file's span.
    var erasedThrough: UInt64 = 0
    var rowCount: UInt64 = 0
    var firstQuarter: UInt32 = 0
    var lastQuarter: UInt32 = 0
    var calls: UInt64 = 0
    /// Values in all histograms.
    var durationCount: UInt64 = 0
    var tokenCount: UInt64 = 0
    var components: [ComponentTotal] = []
    var blocks: [DetailBlock.Zone] = []

    /// Notes a row that goes into the file.
    mutating func note(_ row: DetailRow) {
        let quarter = row.key.quarter
        firstQuarter = rowCount == 0 ? quarter : min(firstQuarter, quarter)
        lastQuarter = max(lastQuarter, quarter)
        rowCount += 1
        calls = calls.addingClamped(row.calls)
        for amount in row.amounts { components[Int(amount.component)].total.add(amount.total) }
        for entry in row.durations { durationCount = durationCount.addingClamped(entry.count) }
        for entry in row.tokens { tokenCount = tokenCount.addingClamped(entry.count) }
    }

    func encode(_ dictionaries: DetailsDictionaries) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: retainedFrom.rawValue)
        bytes.append(varint: erasedThrough)
        bytes.append(varint: rowCount)
        bytes.append(littleEndian: firstQuarter)
        bytes.append(littleEndian: lastQuarter)
        for count in [calls, durationCount, tokenCount] { bytes.append(varint: count) }
        bytes.append(componentTotals: components)
        dictionaries.series.encode(to: &bytes)
        dictionaries.models.encode(to: &bytes)
        dictionaries.users.encode(to: &bytes)
        bytes.append(varint: UInt64(blocks.count))
        var series: UInt32 = 0
        for block in blocks {
            bytes.append(varint: UInt64(block.rowCount))
            bytes.append(varint: UInt64(block.firstSeries - series))
            bytes.append(varint: UInt64(block.lastSeries - block.firstSeries))
            bytes.append(varint: UInt64(block.firstQuarter - firstQuarter))
            bytes.append(varint: UInt64(block.lastQuarter - block.firstQuarter))
            series = block.lastSeries
        }
        return bytes
    }

    init() {}

    /// - Parameter pieceCount: Of the file; the dictionaries' pages end at its last.
    static func decode(
        _ bytes: [UInt8], pieceCount: Int
    ) throws(ByteReader.Malformed) -> (DetailsFooter, DetailsDictionaries) {
        var reader = ByteReader(bytes)
        var footer = DetailsFooter()
        footer.retainedFrom = QuarterHour(rawValue: try reader.integer())
        footer.erasedThrough = try reader.varint()
        footer.rowCount = try reader.varint()
        footer.firstQuarter = try reader.integer()
        footer.lastQuarter = try reader.integer()
        footer.calls = try reader.varint()
        footer.durationCount = try reader.varint()
        footer.tokenCount = try reader.varint()
        footer.components = try reader.componentTotals()
        let dictionaries = try DetailsDictionaries(&reader, endingAt: pieceCount - 1)
        let blockCount = try reader.count(eachAtLeast: 5)
        footer.blocks.reserveCapacity(blockCount)
        for _ in 0..<blockCount {
            try footer.readBlock(&reader, seriesCount: dictionaries.series.count)
        }
        guard reader.isAtEnd, 2 * blockCount == dictionaries.series.firstPiece,
            footer.firstQuarter <= footer.lastQuarter,
            footer.blocks.reduce(0, { $0 + UInt64($1.rowCount) }) == footer.rowCount
        else { throw ByteReader.Malformed() }
        return (footer, dictionaries)
    }

    private mutating func readBlock(
        _ reader: inout ByteReader, seriesCount: Int
    ) throws(ByteReader.Malformed) {
        let seriesLimit = UInt64(max(seriesCount, 1) - 1)
        let rows = try reader.varint(upTo: UInt64(DetailBlock.rowCount))
        let firstSeries =
            UInt64(blocks.last?.lastSeries ?? 0) + (try reader.varint(upTo: seriesLimit))
        let lastSeries = firstSeries + (try reader.varint(upTo: seriesLimit))
        let quarterLimit = UInt64(UInt32.max)
        let first = UInt64(firstQuarter) + (try reader.varint(upTo: quarterLimit))
        let last = first + (try reader.varint(upTo: quarterLimit))
        guard rows > 0, seriesCount > 0, lastSeries <= seriesLimit, last <= UInt64(lastQuarter)
        else { throw ByteReader.Malformed() }
        blocks.append(
            DetailBlock.Zone(
                rowCount: Int(rows), firstSeries: UInt32(firstSeries),
                lastSeries: UInt32(lastSeries), firstQuarter: UInt32(first),
                lastQuarter: UInt32(last)))
    }
}

/// The three dictionaries of a details file; components are in the footer.
struct DetailsDictionaries: Sendable {
    let series: PagedNames<SeriesName>
    let models: PagedNames<Name>
    let users: PagedNames<Name>

    init(
        series: PagedNames<SeriesName>, models: PagedNames<Name>, users: PagedNames<Name>
    ) {
        self.series = series
        self.models = models
        self.users = users
    }

    /// Their pages follow each other, and the last one ends before the footer.
    fileprivate init(
        _ reader: inout ByteReader, endingAt end: Int
    ) throws(ByteReader.Malformed) {
        var series = try PagedNames<SeriesName>(&reader)
        var models = try PagedNames<Name>(&reader)
        var users = try PagedNames<Name>(&reader)
        users.firstPiece = end - users.firsts.count
        models.firstPiece = users.firstPiece - models.firsts.count
        series.firstPiece = models.firstPiece - series.firsts.count
        guard series.firstPiece >= 0 else { throw ByteReader.Malformed() }
        self.init(series: series, models: models, users: users)
    }
}
