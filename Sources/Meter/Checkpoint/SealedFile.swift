internal import MeterWire

/// A complete, immutable file of the data directory, opened for reading.
///
///     header   "M" kind | version | 0 | from u64 | to u64 | CRC-32C of those 20          24 bytes
///     pieces   one after another, each an LZ4 block or, where that saves nothing, plain bytes
///     table    for each piece: stored bytes, plain bytes, CRC-32C stored, CRC-32C plain    16 bytes each
///     trailer  pieces u32 | CRC-32C of the table | bytes of the file u64 | CRC-32C of the
///              16 bytes before | "SEAL"                                                    24 bytes
///
/// Integers are little-endian. Every bit of the file is under a checksum or compared with a constant, and
/// a piece is checked each time it is read. A piece whose stored and plain sizes are equal is plain.
package final class SealedFile: Sendable {
    struct Piece: Sendable {
        let offset: Int
        let storedByteCount: Int
        let plainByteCount: Int
        let storedChecksum: UInt32
        let plainChecksum: UInt32
    }

    package static let version: UInt8 = 1
    /// Of segments that have components' variants: who does not know of those would count them as
    /// components.
    static let variantsVersion: UInt8 = 2
    static let headerByteCount = 24
    static let tableEntryByteCount = 16
    static let trailerByteCount = 24
    static let endMark: [UInt8] = Array("SEAL".utf8)
    /// The largest piece, compressed or not, that is written and that a reader makes room for.
    package static let pieceByteCountMax = 64 << 20

    package let name: String
    package let kind: DataFileKind
    package let span: JournalSpan
    /// Bytes of the whole file.
    package let byteCount: Int
    /// Of the table, and so of every piece's checksum: two files with equal content have it in common.
    let tableChecksum: UInt32
    let pieces: [Piece]
    private let file: any DiskFile

    package var pieceCount: Int { pieces.count }

    /// Opens a file whose name says what it must hold.
    ///
    /// Header, table and trailer are read and checked; pieces are when they are asked for.
    ///
    /// - Throws: ``SealedFileError``; also `.misnamed` where name and header differ.
    package static func open(
        _ name: String,
        on disk: any Disk
    ) throws(SealedFileError) -> SealedFile {
        let file = try opened(name, on: disk)
        let sealed = try SealedFile(file)
        guard case .sealed(sealed.kind, sealed.span) = DataFileName(name) else {
            throw .misnamed(file: name, holds: .sealed(sealed.kind, sealed.span))
        }
        return sealed
    }

    /// Opens a file under any name, as `meterctl verify` is given them.
    package convenience init(anyName name: String, on disk: any Disk) throws(SealedFileError) {
        try self.init(Self.opened(name, on: disk))
    }

    private static func opened(
        _ name: String,
        on disk: any Disk
    ) throws(SealedFileError) -> any DiskFile {
        do throws(DiskError) { return try disk.open(name) } catch { throw .disk(error) }
    }

    private init(_ file: any DiskFile) throws(SealedFileError) {
        self.file = file
        name = file.name
        do throws(DiskError) { byteCount = try file.byteCount() } catch { throw .disk(error) }
        (kind, span) = try Self.header(of: file, byteCount: byteCount)
        (pieces, tableChecksum) = try Self.pieces(of: file, byteCount: byteCount)
    }

    private static func header(
        of file: any DiskFile,
        byteCount: Int
    ) throws(SealedFileError) -> (DataFileKind, JournalSpan) {
        let bytes = try read(min(byteCount, headerByteCount), at: 0, of: file)
        guard let kind = DataFileKind(firstBytes: bytes) else { throw .notSealed(file: file.name) }
        guard byteCount >= headerByteCount + trailerByteCount else {
            throw .cut(
                file: file.name,
                expected: UInt64(headerByteCount + trailerByteCount),
                found: UInt64(byteCount)
            )
        }
        let expected: UInt32 = bytes.littleEndian(at: 20)
        let found = Checksum.crc32c(Array(bytes[..<20]))
        guard expected == found else {
            // A later version may keep its checksum elsewhere, so a foreign version number is believed.
            guard (version...variantsVersion).contains(bytes[2]) else {
                throw .otherVersion(file: file.name, version: bytes[2])
            }
            throw .damaged(file: file.name, part: .header, expected: expected, found: found)
        }
        guard bytes[2] == version || kind == .segment && bytes[2] == variantsVersion else {
            throw .otherVersion(file: file.name, version: bytes[2])
        }
        let span = JournalSpan(from: bytes.littleEndian(at: 4), to: bytes.littleEndian(at: 12))
        guard bytes[3] == 0, span.from < span.to else {
            throw .malformed(file: file.name, part: .header)
        }
        return (kind, span)
    }

    private static func pieces(
        of file: any DiskFile,
        byteCount: Int
    ) throws(SealedFileError) -> ([Piece], tableChecksum: UInt32) {
        let trailer = try read(trailerByteCount, at: byteCount - trailerByteCount, of: file)
        let expected: UInt32 = trailer.littleEndian(at: 16)
        let found = Checksum.crc32c(Array(trailer[..<16]))
        guard expected == found, Array(trailer[20...]) == endMark else {
            throw .damaged(file: file.name, part: .trailer, expected: expected, found: found)
        }
        let announced: UInt64 = trailer.littleEndian(at: 8)
        guard announced == UInt64(byteCount) else {
            throw .cut(file: file.name, expected: announced, found: UInt64(byteCount))
        }
        let count = Int(trailer.littleEndian(at: 0, as: UInt32.self))
        let room = byteCount - headerByteCount - trailerByteCount
        guard count <= room / tableEntryByteCount else {
            throw .malformed(file: file.name, part: .trailer)
        }
        let tableByteCount = count * tableEntryByteCount
        let tableOffset = byteCount - trailerByteCount - tableByteCount
        let table = try read(tableByteCount, at: tableOffset, of: file)
        let tableChecksum: UInt32 = trailer.littleEndian(at: 4)
        let tableFound = Checksum.crc32c(table)
        guard tableChecksum == tableFound else {
            throw .damaged(
                file: file.name,
                part: .table,
                expected: tableChecksum,
                found: tableFound
            )
        }
        guard let pieces = pieces(table: table, endingAt: tableOffset) else {
            throw .malformed(file: file.name, part: .table)
        }
        return (pieces, tableChecksum)
    }

    /// Nil where the sizes do not add up to the room between header and table, or one of them is beyond
    /// what a writer writes.
    private static func pieces(table: [UInt8], endingAt end: Int) -> [Piece]? {
        var pieces: [Piece] = []
        pieces.reserveCapacity(table.count / tableEntryByteCount)
        var offset = headerByteCount
        for entry in stride(from: 0, to: table.count, by: tableEntryByteCount) {
            let piece = Piece(
                offset: offset,
                storedByteCount: Int(table.littleEndian(at: entry, as: UInt32.self)),
                plainByteCount: Int(table.littleEndian(at: entry + 4, as: UInt32.self)),
                storedChecksum: table.littleEndian(at: entry + 8),
                plainChecksum: table.littleEndian(at: entry + 12)
            )
            guard piece.plainByteCount <= pieceByteCountMax,
                piece.storedByteCount <= piece.plainByteCount,
                piece.plainByteCount / LZ4.ratioMax <= piece.storedByteCount,
                piece.storedByteCount <= end - offset
            else { return nil }
            pieces.append(piece)
            offset += piece.storedByteCount
        }
        return offset == end ? pieces : nil
    }

    /// One piece, checked and decompressed.
    ///
    /// - Throws: `.damaged` where a checksum does not fit; other pieces can still be read.
    package func piece(_ index: Int) throws(SealedFileError) -> [UInt8] {
        var buffer = PieceBuffer()
        try read(index, into: &buffer)
        return unsafe Array(buffer.plain)
    }

    /// Reads one piece into a buffer that is used again and again.
    func read(_ index: Int, into buffer: inout PieceBuffer) throws(SealedFileError) {
        guard pieces.indices.contains(index) else {
            throw .noSuchPiece(file: name, piece: index, count: pieces.count)
        }
        let piece = pieces[index]
        buffer.reserve(stored: piece.storedByteCount, plain: piece.plainByteCount)
        try unsafe Self.read(buffer.stored, at: piece.offset, of: file)
        let storedChecksum = unsafe Checksum.crc32c(UnsafeRawBufferPointer(buffer.stored))
        guard storedChecksum == piece.storedChecksum else {
            throw .damaged(
                file: name,
                part: .piece(index),
                expected: piece.storedChecksum,
                found: storedChecksum
            )
        }
        guard buffer.decompress() else { throw .malformed(file: name, part: .piece(index)) }
        let plainChecksum =
            buffer.isPlain ? storedChecksum : unsafe Checksum.crc32c(buffer.plain)
        guard plainChecksum == piece.plainChecksum else {
            throw .damaged(
                file: name,
                part: .plainPiece(index),
                expected: piece.plainChecksum,
                found: plainChecksum
            )
        }
    }

    private static func read(
        _ count: Int,
        at offset: Int,
        of file: any DiskFile
    ) throws(SealedFileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var failure: SealedFileError?
        unsafe bytes.withUnsafeMutableBytes { target in
            do throws(SealedFileError) {
                try unsafe read(target, at: offset, of: file)
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    private static func read(
        _ target: UnsafeMutableRawBufferPointer,
        at offset: Int,
        of file: any DiskFile
    ) throws(SealedFileError) {
        let count: Int
        do throws(DiskError) { count = try unsafe file.read(at: offset, into: target) } catch {
            throw .disk(error)
        }
        let end = offset + target.count
        guard count == target.count else {
            throw .cut(
                file: file.name,
                expected: UInt64(end),
                found: UInt64(offset + count)
            )
        }
    }
}
