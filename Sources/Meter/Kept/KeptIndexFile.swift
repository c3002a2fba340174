internal import MeterWire

/// The index of one finished journal file: its sources with their numbers, a filter of its ids, and when
/// its events happened.
///
/// Derived: without it the journal file is read. The pieces of the file are
///
///     sources   u64 principal | u64 high | u64 low of the source | u64 first number | u64 end, ascending,
///               16,384 to a piece
///     filter    the words of an ``IdentifierFilter``, u64 each, 65,536 to a piece
///     contents  ``KeptContents``
///
/// In memory is what the contents say; the other pieces are read when they are asked for.
struct KeptIndexFile: Sendable {
    static let sourcesInPiece = 1 << 14
    static let wordsInPiece = 1 << 16
    static let sourceByteCount = 40

    let name: String
    let span: JournalSpan
    let contents: KeptContents

    /// Opens an index under its own name; reads and checks what the contents say.
    static func open(_ name: String, on disk: any Disk) throws(SealedFileError) -> KeptIndexFile {
        try KeptIndexFile(try SealedFile.open(name, on: disk))
    }

    init(_ file: SealedFile) throws(SealedFileError) {
        guard file.kind == .kept else { throw .notSealed(file: file.name) }
        name = file.name
        span = file.span
        let last = file.pieceCount - 1
        let malformed = SealedFileError.malformed(file: file.name, part: .piece(last))
        let bytes = try file.piece(last)
        do throws(ByteReader.Malformed) {
            contents = try KeptContents(decoding: bytes)
        } catch { throw malformed }
    }

    /// Whether the journal file may have some of these numbers.
    ///
    /// - Throws: Where the index cannot be read: then nobody knows.
    func mayHave(
        _ sequences: KeptSelection.Sequences, on disk: any Disk
    ) throws(SealedFileError) -> Bool {
        guard contents.listsSources else { return true }
        let file = try SealedFile.open(name, on: disk)
        for piece in 0..<Int(contents.sourcePieceCount) {
            let bytes = try file.piece(piece)
            for entry in try Self.sources(bytes, of: file, piece)
            where entry.source == sequences.source {
                return entry.range.overlaps(sequences.range)
            }
        }
        return false
    }

    /// Whether the journal file may have one of these ids.
    ///
    /// - Throws: Where the index cannot be read: then nobody knows.
    func mayHave(
        _ identifiers: Set<IdentifierHash>, on disk: any Disk
    ) throws(SealedFileError) -> Bool {
        guard contents.listsIdentifiers else { return true }
        if contents.filterWordCount == 0 { return false }
        let filter = try filter(of: try SealedFile.open(name, on: disk))
        return identifiers.contains { filter.mayContain($0) }
    }

    private func filter(of file: SealedFile) throws(SealedFileError) -> IdentifierFilter {
        var words: [UInt64] = []
        for piece in 0..<Int(contents.filterPieceCount) {
            let number = Int(contents.sourcePieceCount) + piece
            let bytes = try file.piece(number)
            guard bytes.count % 8 == 0 else {
                throw .malformed(file: name, part: .piece(number))
            }
            for offset in stride(from: 0, to: bytes.count, by: 8) {
                words.append(bytes.littleEndian(at: offset))
            }
        }
        guard UInt64(words.count) == contents.filterWordCount,
            let filter = IdentifierFilter(words: words)
        else { throw .malformed(file: name, part: .piece(Int(contents.sourcePieceCount))) }
        return filter
    }

    private static func sources(
        _ bytes: [UInt8], of file: SealedFile, _ piece: Int
    ) throws(SealedFileError) -> [KeptSelection.Sequences] {
        let malformed = SealedFileError.malformed(file: file.name, part: .piece(piece))
        guard bytes.count % sourceByteCount == 0 else { throw malformed }
        var entries: [KeptSelection.Sequences] = []
        for offset in stride(from: 0, to: bytes.count, by: sourceByteCount) {
            let first: UInt64 = bytes.littleEndian(at: offset + 24)
            let end: UInt64 = bytes.littleEndian(at: offset + 32)
            guard first <= end else { throw malformed }
            let key = SourceKey(
                principal: PrincipalID(rawValue: bytes.littleEndian(at: offset)),
                source: SourceID(
                    high: bytes.littleEndian(at: offset + 8),
                    low: bytes.littleEndian(at: offset + 16)))
            entries.append(KeptSelection.Sequences(key, first..<end))
        }
        return entries
    }

    /// Reads every piece.
    func check(_ file: SealedFile) throws(SealedFileError) {
        for piece in 0..<Int(contents.sourcePieceCount) {
            _ = try Self.sources(try file.piece(piece), of: file, piece)
        }
        if contents.filterWordCount > 0 { _ = try filter(of: file) }
    }
}

/// The indexes of the kept journal files, by the position at which the file starts.
struct KeptIndexes: Sendable {
    private(set) var files: [UInt64: KeptIndexFile] = [:]
    /// Where the last file ended that was removed since the start, and what there was up to there.
    private var gone: (end: UInt64, through: KeptContents.Before)?

    init() {}

    /// Reads what there is; an index that cannot be read or is of another file counts as not there.
    static func read(_ disk: any Disk, _ journal: JournalFiles) throws(DiskError) -> KeptIndexes {
        var indexes = KeptIndexes()
        for file in LiveFiles.find(try disk.list()).kept {
            guard let index = try? KeptIndexFile.open(file.name, on: disk),
                journal.files.indices.contains(where: { index.isOf(journal, $0) })
            else { continue }
            indexes.add(index)
        }
        return indexes
    }

    mutating func add(_ index: KeptIndexFile) { files[index.span.from] = index }

    /// Forgets the files before a position, but for what was known of them.
    mutating func remove(before position: UInt64) {
        let last = files.values.filter { $0.span.to <= position }.max { $0.span.to < $1.span.to }
        if let last { gone = (last.span.to, last.contents.through) }
        files = files.filter { $0.value.span.to > position }
    }

    /// What is known of everything before the oldest file, which starts at a position, but by its own index.
    func before(_ start: UInt64) -> KeptContents.Before {
        if start == 0 { return .nothing }
        return gone.flatMap { $0.end == start ? $0.through : nil } ?? .unknown
    }

    /// The index of a file; nil where there is none.
    func index(of journal: JournalFiles, _ place: Int) -> KeptIndexFile? {
        guard let index = files[journal.files[place].header.start], index.isOf(journal, place)
        else {
            return nil
        }
        return index
    }
}

extension KeptIndexFile {
    /// Whether it is the index of this very file.
    fileprivate func isOf(_ journal: JournalFiles, _ place: Int) -> Bool {
        let file = journal.files[place]
        return file.header.start == span.from && file.end == span.to
            && file.header.fileID == contents.fileID
    }
}
