package import MeterWire

/// An open segment: names, sums and block index in memory, rows on disk.
package final class Segment: Sendable {
    let file: SealedFile
    let footer: SegmentFooter
    /// The names that the rows refer to, ascending.
    package let series: [SeriesName]
    /// The names that the rows refer to, ascending.
    package let components: [Name]

    package var name: String { file.name }
    package var span: JournalSpan { file.span }
    package var byteCount: Int { file.byteCount }
    package var rowCount: UInt64 { footer.rowCount }
    package var blockCount: Int { footer.blocks.count }
    /// What each component adds up to over all rows, ascending by component.
    package var totals: [ComponentTotal] { footer.components }
    /// The earliest and the latest minute of any row; nil without rows.
    package var minutes: ClosedRange<Minute>? {
        footer.rowCount == 0 ? nil : footer.firstMinute...footer.lastMinute
    }
    /// Rows of earlier minutes were left out when their retention had passed; 0 where none were.
    package var retainedFrom: Minute { footer.retainedFrom }

    /// Opens a segment under its own name; reads and checks everything but the rows.
    ///
    /// - Throws: ``SegmentError``, where the file is not there, damaged, or not a segment.
    package static func open(
        _ name: String,
        on disk: any Disk
    ) throws(SegmentError) -> Segment {
        let file: SealedFile
        do throws(SealedFileError) { file = try SealedFile.open(name, on: disk) } catch {
            throw .file(error)
        }
        return try Segment(file)
    }

    /// Opens the segment that a sealed file holds.
    package init(_ file: SealedFile) throws(SegmentError) {
        guard file.kind == .segment else { throw .file(.notSealed(file: file.name)) }
        self.file = file
        guard file.pieceCount > 0 else { throw .malformedFooter(file: file.name) }
        let footerBytes = try Self.piece(file.pieceCount - 1, of: file)
        var series: [SeriesName] = []
        do throws(ByteReader.Malformed) {
            footer = try SegmentFooter(decoding: footerBytes)
        } catch { throw .malformedFooter(file: file.name) }
        guard footer.blocks.count + footer.seriesPageCount + 1 == file.pieceCount else {
            throw .malformedFooter(file: file.name)
        }
        for page in 0..<footer.seriesPageCount {
            let bytes = try Self.piece(footer.blocks.count + page, of: file)
            do throws(ByteReader.Malformed) {
                try SeriesPage.decode(bytes, into: &series)
            } catch { throw .malformedFooter(file: file.name) }
        }
        guard series.count == footer.seriesCount else {
            throw .malformedFooter(file: file.name)
        }
        self.series = series
        components = footer.components.map(\.component)
    }

    private static func piece(
        _ index: Int,
        of file: SealedFile
    ) throws(SegmentError) -> [UInt8] {
        do throws(SealedFileError) { return try file.piece(index) } catch { throw .file(error) }
    }

    /// Reads one block's bytes into `buffer`.
    func read(block: Int, into buffer: inout PieceBuffer) throws(SegmentError) {
        do throws(SealedFileError) {
            try file.read(block, into: &buffer)
        } catch {
            switch error {
            case .damaged(let name, _, let expected, let found):
                throw .damaged(file: name, block: block, expected: expected, found: found)
            case .malformed(let name, _):
                throw .malformedBlock(file: name, block: block)
            default:
                throw .file(error)
            }
        }
    }

    /// A reader with room for the largest block of this segment.
    func makeReader() -> RowBlockReader {
        RowBlockReader(rowCountMax: footer.blocks.map(\.rowCount).max() ?? 0)
    }
}
