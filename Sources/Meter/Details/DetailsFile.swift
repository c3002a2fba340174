internal import MeterWire

/// An open details file: footer and block index in memory; names and rows on disk.
///
/// Nothing that is billed rests on it: whoever cannot read it goes on without.
package final class DetailsFile: Sendable {
    let file: SealedFile
    let footer: DetailsFooter
    let dictionaries: DetailsDictionaries

    package var name: String { file.name }
    package var span: JournalSpan { file.span }
    package var byteCount: Int { file.byteCount }
    package var rowCount: UInt64 { footer.rowCount }
    package var blockCount: Int { footer.blocks.count }
    package var seriesCount: Int { dictionaries.series.count }
    package var modelCount: Int { dictionaries.models.count }
    package var userCount: Int { dictionaries.users.count }
    /// Calls in all rows.
    package var calls: UInt64 { footer.calls }
    /// What each component adds up to over all rows, ascending by component.
    package var totals: [ComponentTotal] { footer.components }
    /// Rows of earlier quarter hours may have been left out, since their retention had passed.
    package var retainedFrom: QuarterHour { footer.retainedFrom }
    /// The number of the book's entry up to which erasures were applied to the file's span.
    package var erasedThrough: UInt64 { footer.erasedThrough }
    /// The earliest and the latest quarter hour of any row; nil without rows.
    package var quarters: ClosedRange<QuarterHour>? {
        guard footer.rowCount > 0 else { return nil }
        return QuarterHour(
            rawValue: footer.firstQuarter)...QuarterHour(rawValue: footer.lastQuarter)
    }

    /// Opens a file under its own name; reads and checks everything but names and rows.
    ///
    /// - Throws: ``SealedFileError``, where it is not there, damaged, or no details file.
    package static func open(
        _ name: String, on disk: any Disk
    ) throws(SealedFileError) -> DetailsFile {
        try DetailsFile(SealedFile.open(name, on: disk))
    }

    /// Opens the details that a sealed file holds.
    package init(_ file: SealedFile) throws(SealedFileError) {
        guard file.kind == .details, file.pieceCount > 0 else {
            throw .notSealed(file: file.name)
        }
        self.file = file
        let last = file.pieceCount - 1
        let bytes = try file.piece(last)
        do throws(ByteReader.Malformed) {
            (footer, dictionaries) = try DetailsFooter.decode(bytes, pieceCount: file.pieceCount)
        } catch { throw .malformed(file: file.name, part: .piece(last)) }
    }

    private var limits: DetailBlock.Limits {
        DetailBlock.Limits(
            modelCount: modelCount, userCount: userCount,
            componentCount: footer.components.count)
    }

    /// The rows of a block, without histograms.
    func columns(ofBlock block: Int) throws(SealedFileError) -> DetailColumns {
        let bytes = try file.piece(2 * block)
        do throws(DetailColumns.Malformed) {
            return try DetailColumns(decoding: bytes, footer.blocks[block], limits)
        } catch { throw .malformed(file: name, part: .piece(2 * block)) }
    }

    /// The histograms of a block's rows.
    func histograms(ofBlock block: Int) throws(SealedFileError) -> DetailHistograms {
        let bytes = try file.piece(2 * block + 1)
        do throws(DetailColumns.Malformed) {
            return try DetailHistograms(decoding: bytes, footer.blocks[block])
        } catch { throw .malformed(file: name, part: .piece(2 * block + 1)) }
    }

    var seriesReader: PagedNamesReader<SeriesName> {
        PagedNamesReader(dictionaries.series, of: file)
    }
    var modelReader: PagedNamesReader<Name> { PagedNamesReader(dictionaries.models, of: file) }
    var userReader: PagedNamesReader<Name> { PagedNamesReader(dictionaries.users, of: file) }
}

extension DetailRow {
    /// Becomes a row of a block.
    ///
    /// - Parameter histograms: Nil leaves it without.
    mutating func set(_ row: Int, of columns: DetailColumns, _ histograms: DetailHistograms?) {
        key = columns.key(row)
        calls = columns.calls[row]
        latest = UInt32(truncatingIfNeeded: columns.latest[row])
        amounts.removeAll(keepingCapacity: true)
        for amount in columns.amountStarts[row]..<columns.amountStarts[row + 1] {
            amounts.append(
                Amount(
                    component: UInt32(truncatingIfNeeded: columns.components[amount]),
                    total: UsageTotal(sum: columns.sum(amount), count: columns.counts[amount])))
        }
        durations.removeAll(keepingCapacity: true)
        tokens.removeAll(keepingCapacity: true)
        if let histograms {
            Self.append(histograms.durations(row), of: histograms, to: &durations)
            Self.append(histograms.tokens(row), of: histograms, to: &tokens)
        }
    }

    private static func append(
        _ range: Range<Int>, of histograms: DetailHistograms, to list: inout [Bucket]
    ) {
        for index in range {
            list.append(
                Bucket(
                    bucket: UInt16(truncatingIfNeeded: histograms.buckets[index]),
                    count: histograms.counts[index]))
        }
    }
}
