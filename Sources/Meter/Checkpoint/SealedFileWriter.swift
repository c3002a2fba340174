internal import MeterWire

/// Writes a sealed file piece by piece under a temporary name, and gives it its name when all of it was
/// synced and read back.
///
/// Whatever fails before the last step, nothing has the final name; the temporary file stays until the
/// next attempt for the same span or until recovery removes it. Where the directory sync itself fails,
/// the name may be there or not, and what has it is complete.
package struct SealedFileWriter: ~Copyable {
    /// Bytes gathered before they are handed to the disk.
    private static let bufferByteCount = 1 << 20

    /// The name that the file will have.
    package let name: String
    private let temporaryName: String
    private let kind: DataFileKind
    private let span: JournalSpan
    private let disk: any Disk
    private let file: any DiskFile
    private var buffer: [UInt8] = []
    private var table: [UInt8] = []
    private var byteCount = 0
    private var pieceCount: UInt32 = 0

    /// Begins the file for a span that is not empty; a temporary file of the same name, left behind by
    /// an attempt that failed, is replaced.
    package init(
        _ kind: DataFileKind,
        _ span: JournalSpan,
        on disk: any Disk,
        version: UInt8 = SealedFile.version
    ) throws(SealedFileError) {
        precondition(span.from < span.to, "a sealed file covers at least one position")
        let finalName = DataFileName.sealed(kind, span)
        name = finalName.text
        temporaryName = finalName.temporaryText
        self.kind = kind
        self.span = span
        self.disk = disk
        do throws(DiskError) {
            file = try Self.fresh(temporaryName, on: disk)
        } catch { throw .disk(error) }
        var header = [kind.magic.0, kind.magic.1, version, 0]
        header.append(littleEndian: span.from)
        header.append(littleEndian: span.to)
        header.append(littleEndian: Checksum.crc32c(header))
        buffer.reserveCapacity(Self.bufferByteCount)
        write(header)
    }

    private static func fresh(
        _ name: String,
        on disk: any Disk
    ) throws(DiskError) -> any DiskFile {
        do throws(DiskError) {
            return try disk.create(name)
        } catch {
            guard error.reason == .exists else { throw error }
        }
        try disk.remove(name)
        return try disk.create(name)
    }

    /// Adds a piece, compressed where that saves space and an effort is given; returns its number.
    ///
    /// - Throws: `.pieceTooLarge`, and `.disk` when the gathered bytes could not be written.
    @discardableResult
    package mutating func append(
        _ plain: [UInt8],
        effort: LZ4.Effort?
    ) throws(SealedFileError) -> Int {
        guard plain.count <= SealedFile.pieceByteCountMax else {
            throw .pieceTooLarge(
                file: name,
                byteCount: plain.count,
                limit: SealedFile.pieceByteCountMax
            )
        }
        let compressed = effort.flatMap { LZ4.compress(plain, effort: $0) }
        let plainChecksum = Checksum.crc32c(plain)
        let stored = compressed ?? plain
        table.append(littleEndian: UInt32(stored.count))
        table.append(littleEndian: UInt32(plain.count))
        table.append(
            littleEndian: compressed.map { Checksum.crc32c($0) } ?? plainChecksum
        )
        table.append(littleEndian: plainChecksum)
        write(stored)
        if buffer.count >= Self.bufferByteCount { try flush() }
        defer { pieceCount += 1 }
        return Int(pieceCount)
    }

    /// Completes the file: table and trailer, sync, read back and compare, rename, directory sync.
    ///
    /// - Parameter isReplacement: The name is another file's, whose place this one takes: where the
    ///   directory sync fails the one or the other has it.
    /// - Returns: The file, opened under its name.
    package consuming func seal(
        isReplacement: Bool = false
    ) throws(SealedFileError) -> SealedFile {
        write(table)
        let total = UInt64(byteCount + SealedFile.trailerByteCount)
        var trailer: [UInt8] = []
        trailer.append(littleEndian: pieceCount)
        trailer.append(littleEndian: Checksum.crc32c(table))
        trailer.append(littleEndian: total)
        trailer.append(littleEndian: Checksum.crc32c(trailer))
        write(trailer + SealedFile.endMark)
        try flush()
        do throws(DiskError) { try file.sync() } catch { throw .disk(error) }
        try readBack()
        do throws(DiskError) {
            try disk.rename(temporaryName, to: name)
        } catch { throw .disk(error) }
        do throws(DiskError) {
            try disk.syncDirectory()
        } catch {
            // A name that may be gone after a power cut is not to be taken for one that stays.
            if !isReplacement { try? disk.remove(name) }
            throw .disk(error)
        }
        return try SealedFile.open(name, on: disk)
    }

    /// What the disk gives back must be what was written: same table, and each piece fits its checksums.
    private func readBack() throws(SealedFileError) {
        let written = try SealedFile(anyName: temporaryName, on: disk)
        guard written.tableChecksum == Checksum.crc32c(table) else {
            throw .damaged(
                file: temporaryName,
                part: .table,
                expected: Checksum.crc32c(table),
                found: written.tableChecksum
            )
        }
        var buffer = PieceBuffer()
        for index in 0..<written.pieceCount { try written.read(index, into: &buffer) }
    }

    private mutating func write(_ bytes: [UInt8]) {
        buffer.append(contentsOf: bytes)
        byteCount += bytes.count
    }

    private mutating func flush() throws(SealedFileError) {
        var failure: DiskError?
        unsafe buffer.withUnsafeBytes { bytes in
            do throws(DiskError) { try unsafe file.append(bytes) } catch { failure = error }
        }
        if let failure { throw .disk(failure) }
        buffer.removeAll(keepingCapacity: true)
    }
}
