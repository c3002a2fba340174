package import MeterWire

/// The ids received in a span of the journal, on disk, sorted by hash.
///
/// The pieces of the file are
///
///     blocks   512 entries each but the last, see ``IdentifierEntry``
///     filter   the words of an ``IdentifierFilter``, u64 each, in pieces of at most 8 MiB
///     index    u64 entries | u32 earliest minute | u32 latest minute | u32 blocks | u32 filter pieces
///              | the first hash of each block, u128 | whose they are, see ``IdentifierHolders``
///
/// Filter and first hashes are in memory (14 bits an entry), so that most lookups of an absent id read
/// nothing and every other one reads a single block.
package final class IdentifierFile: Sendable {
    static let entriesInBlock = 512
    static let wordsInFilterPiece = 1 << 20

    /// Entry count, minutes, blocks, filter pieces; what the index piece begins with.
    struct Head: Equatable, Sendable {
        var entryCount: UInt64 = 0
        var earliest = Minute(rawValue: 0)
        var latest = Minute(rawValue: 0)
        var blockCount: UInt32 = 0
        var filterPieceCount: UInt32 = 0
    }

    let file: SealedFile
    let head: Head
    /// The first hash of each block.
    let fences: [IdentifierHash]
    let filter: IdentifierFilter
    /// Whose ids they are; ids that a merge left out may still be counted.
    let holders: IdentifierHolders

    package var name: String { file.name }
    package var span: JournalSpan { file.span }
    package var byteCount: Int { file.byteCount }
    package var entryCount: UInt64 { head.entryCount }
    /// The latest minute in which one of the ids was received; when it is past the horizon all are.
    package var latest: Minute { head.latest }

    /// Opens a file under its own name; reads and checks filter and index.
    package static func open(
        _ name: String,
        on disk: any Disk
    ) throws(SealedFileError) -> IdentifierFile {
        try IdentifierFile(try SealedFile.open(name, on: disk))
    }

    /// Opens what a sealed file holds.
    package init(_ file: SealedFile) throws(SealedFileError) {
        guard file.kind == .identifiers else { throw .notSealed(file: file.name) }
        self.file = file
        let last = file.pieceCount - 1
        let bytes = try file.piece(last)
        let malformed = SealedFileError.malformed(file: file.name, part: .piece(last))
        do throws(ByteReader.Malformed) {
            (head, fences, holders) = try Self.index(bytes)
        } catch { throw malformed }
        guard Int(head.blockCount) + Int(head.filterPieceCount) == last else { throw malformed }
        filter = try Self.filter(of: file, head)
    }

    private static func index(
        _ bytes: [UInt8]
    ) throws(ByteReader.Malformed) -> (Head, [IdentifierHash], IdentifierHolders) {
        var reader = ByteReader(bytes)
        var head = Head()
        head.entryCount = try reader.integer()
        head.earliest = Minute(rawValue: try reader.integer())
        head.latest = Minute(rawValue: try reader.integer())
        head.blockCount = try reader.integer()
        head.filterPieceCount = try reader.integer()
        let blocks = UInt64(head.blockCount)
        let room = blocks * UInt64(entriesInBlock)
        guard reader.remaining >= Int(blocks) * 16, head.entryCount <= room,
            head.entryCount > room - UInt64(min(room, UInt64(entriesInBlock))) || blocks == 0
        else { throw ByteReader.Malformed() }
        var fences: [IdentifierHash] = []
        for _ in 0..<head.blockCount {
            fences.append(IdentifierHash(rawValue: try reader.integer()))
        }
        guard fences.firstDescent == nil else { throw ByteReader.Malformed() }
        return (head, fences, try IdentifierHolders.read(&reader))
    }

    private static func filter(
        of file: SealedFile,
        _ head: Head
    ) throws(SealedFileError) -> IdentifierFilter {
        var words: [UInt64] = []
        for piece in 0..<Int(head.filterPieceCount) {
            let bytes = try file.piece(Int(head.blockCount) + piece)
            guard bytes.count % 8 == 0 else {
                throw .malformed(file: file.name, part: .piece(Int(head.blockCount) + piece))
            }
            for offset in stride(from: 0, to: bytes.count, by: 8) {
                words.append(bytes.littleEndian(at: offset))
            }
        }
        let piece = SealedFileError.Part.piece(Int(head.blockCount))
        guard let filter = IdentifierFilter(words: words) else {
            throw .malformed(file: file.name, part: piece)
        }
        guard !words.isEmpty || head.entryCount == 0 else {
            throw .malformed(file: file.name, part: piece)
        }
        return filter
    }

    /// The entry with a hash; nil if there is none.
    ///
    /// - Throws: Where the disk fails to read or the block is damaged: then nobody knows.
    /// - Complexity: Reads nothing for most absent hashes, else one block of 15 kB.
    package func entry(_ hash: IdentifierHash) throws(SealedFileError) -> IdentifierEntry? {
        guard filter.mayContain(hash) else { return nil }
        let after = fences.partitioningIndex { $0 > hash }
        guard after > 0 else { return nil }
        let block = try self.block(after - 1)
        var low = 0
        var high = block.count / IdentifierEntry.byteCount
        while low < high {
            let middle = (low + high) / 2
            let found = IdentifierEntry.hash(in: block, at: middle)
            if found == hash { return IdentifierEntry(in: block, at: middle) }
            if found < hash { low = middle + 1 } else { high = middle }
        }
        return nil
    }

    /// The bytes of a block: as many entries as belong in it.
    func block(_ index: Int) throws(SealedFileError) -> [UInt8] {
        let bytes = try file.piece(index)
        let before = UInt64(index) * UInt64(Self.entriesInBlock)
        let count = min(UInt64(Self.entriesInBlock), head.entryCount - before)
        guard bytes.count == Int(count) * IdentifierEntry.byteCount else {
            throw .malformed(file: name, part: .plainPiece(index))
        }
        return bytes
    }

    /// Reads everything and proves order, index, filter and minutes.
    package func verify() throws(SealedFileError) {
        var found = Head()
        found.blockCount = head.blockCount
        found.filterPieceCount = head.filterPieceCount
        var last: IdentifierHash?
        for index in fences.indices {
            let block = try block(index)
            let malformed = SealedFileError.malformed(file: name, part: .plainPiece(index))
            for place in 0..<block.count / IdentifierEntry.byteCount {
                let entry = IdentifierEntry(in: block, at: place)
                guard last.map({ $0 < entry.hash }) ?? true, filter.mayContain(entry.hash),
                    place > 0 || fences[index] == entry.hash
                else { throw malformed }
                last = entry.hash
                found.note(entry)
            }
        }
        guard found == head else {
            throw .malformed(file: name, part: .plainPiece(file.pieceCount - 1))
        }
    }
}

extension IdentifierFile.Head {
    mutating func note(_ entry: IdentifierEntry) {
        earliest = entryCount == 0 ? entry.received : min(earliest, entry.received)
        latest = entryCount == 0 ? entry.received : max(latest, entry.received)
        entryCount += 1
    }
}
