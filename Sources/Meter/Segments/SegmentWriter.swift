internal import MeterWire

/// What was written, for logs and metrics.
package struct SegmentSummary: Equatable, Sendable {
    package let name: String
    package let span: JournalSpan
    package let rowCount: UInt64
    package let blockCount: Int
    package let seriesCount: Int
    /// Bytes of the whole file.
    package let byteCount: Int
    /// Ascending by component.
    package let components: [ComponentTotal]
}

/// Writes one table as a segment.
package enum SegmentWriter {
    /// Writes the rows of a span, complete, synced, read back and named when this returns.
    ///
    /// - Parameters:
    ///   - table: In canonical order; without rows it still makes a file.
    ///   - span: The part of the journal that the rows were counted from.
    ///   - effort: `.high` makes the file smaller where series have many components in common.
    /// - Throws: ``SegmentError``; what has the segment's name then, if anything, is complete.
    /// - Complexity: O(rows); some 100 ns a row.
    @discardableResult
    package static func write(
        table: UsageTable,
        span: JournalSpan,
        to disk: any Disk,
        effort: LZ4.Effort = .fast
    ) throws(SegmentError) -> SegmentSummary {
        var builder = try SegmentBuilder.begin(
            series: table.series,
            components: table.components,
            span: span,
            on: disk,
            effort: effort
        )
        for row in table.rows { try builder.append(row) }
        return try builder.finish()
    }
}

/// Takes rows in canonical order one by one and keeps no more than one block of them.
struct SegmentBuilder: ~Copyable {
    private let series: [SeriesName]
    private let span: JournalSpan
    private let effort: LZ4.Effort
    private var writer: SealedFileWriter

    /// The name that the segment will have.
    var name: String { writer.name }
    /// What the rows so far add up to.
    var totals: [ComponentTotal] { footer.components }

    private var footer: SegmentFooter
    private var rows: [UsageRow] = []
    private var last: UsageRow?
    private var rowCount = 0

    /// Begins the segment's file; series and components must ascend.
    static func begin(
        series: [SeriesName],
        components: [Name],
        span: JournalSpan,
        on disk: any Disk,
        effort: LZ4.Effort,
        retainedFrom: Minute = Minute(rawValue: 0)
    ) throws(SegmentError) -> SegmentBuilder {
        if let index = series.firstDescent { throw .dictionaryNotSorted(index: index) }
        if let index = components.firstDescent { throw .dictionaryNotSorted(index: index) }
        var footer = SegmentFooter()
        footer.retainedFrom = retainedFrom
        footer.seriesCount = series.count
        footer.components = components.map { ComponentTotal(component: $0, total: UsageTotal()) }
        return SegmentBuilder(
            series: series,
            span: span,
            effort: effort,
            writer: try writer(
                span,
                on: disk,
                hasVariants: components.contains { ComponentVariant($0) != nil }
            ),
            footer: footer
        )
    }

    private init(
        series: [SeriesName],
        span: JournalSpan,
        effort: LZ4.Effort,
        writer: consuming SealedFileWriter,
        footer: SegmentFooter
    ) {
        self.series = series
        self.span = span
        self.effort = effort
        self.writer = writer
        self.footer = footer
        rows.reserveCapacity(RowBlock.rowCount)
    }

    private static func writer(
        _ span: JournalSpan,
        on disk: any Disk,
        hasVariants: Bool
    ) throws(SegmentError) -> SealedFileWriter {
        let version = hasVariants ? SealedFile.variantsVersion : SealedFile.version
        do throws(SealedFileError) {
            return try SealedFileWriter(.segment, span, on: disk, version: version)
        } catch { throw .file(error) }
    }

    /// Adds the next row; its key may equal that of the row before.
    mutating func append(_ row: UsageRow) throws(SegmentError) {
        guard row.series < series.count, row.component < footer.components.count,
            last.map({ $0.canonicalKey <= row.canonicalKey }) ?? true
        else { throw .notCanonical(row: rowCount) }
        last = row
        rowCount += 1
        let component = Int(row.component)
        footer.components[component].total.add(
            UsageTotal(sum: UInt128(row.sum), count: row.count)
        )
        if footer.rowCount == 0 {
            footer.firstMinute = row.minute
            footer.lastMinute = row.minute
        } else {
            footer.firstMinute = min(footer.firstMinute, row.minute)
            footer.lastMinute = max(footer.lastMinute, row.minute)
        }
        footer.rowCount += 1
        rows.append(row)
        if rows.count == RowBlock.rowCount { try writeBlock() }
    }

    /// Writes what is left, the names and the footer, and names the file.
    ///
    /// - Parameter isReplacement: The name is another segment's, whose place this one takes.
    consuming func finish(isReplacement: Bool = false) throws(SegmentError) -> SegmentSummary {
        if !rows.isEmpty { try writeBlock() }
        for start in stride(from: 0, to: series.count, by: SeriesPage.nameCount) {
            let end = min(start + SeriesPage.nameCount, series.count)
            try write(SeriesPage.encode(series[start..<end]))
            footer.seriesPageCount += 1
        }
        try write(footer.encode())
        do throws(SealedFileError) {
            let file = try writer.seal(isReplacement: isReplacement)
            return SegmentSummary(
                name: file.name,
                span: span,
                rowCount: footer.rowCount,
                blockCount: footer.blocks.count,
                seriesCount: series.count,
                byteCount: file.byteCount,
                components: footer.components
            )
        } catch { throw .file(error) }
    }

    private mutating func writeBlock() throws(SegmentError) {
        let (bytes, zone) = RowBlock.encode(rows, componentCount: footer.components.count)
        footer.blocks.append(zone)
        rows.removeAll(keepingCapacity: true)
        try write(bytes)
    }

    private mutating func write(_ piece: [UInt8]) throws(SegmentError) {
        do throws(SealedFileError) { try writer.append(piece, effort: effort) } catch {
            throw .file(error)
        }
    }
}

extension UsageRow {
    /// Rows sort by this.
    var canonicalKey: UInt128 {
        UInt128(series) << 64 | UInt128(component) << 32 | UInt128(minute.rawValue)
    }
}

extension Array where Element: Comparable {
    /// The first index whose element is not greater than the one before it.
    var firstDescent: Int? {
        indices.dropFirst().first { !(self[$0 - 1] < self[$0]) }
    }
}
