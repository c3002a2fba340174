package import MeterWire

extension IdentifierFile {
    /// Writes the ids of a span, complete, synced, read back and named when this returns.
    ///
    /// - Parameter table: Without entries it still makes a file.
    /// - Throws: ``SealedFileError``; what has the file's name then, if anything, is complete.
    /// - Complexity: O(n log n).
    package static func write(
        _ table: IdentifierTable,
        span: JournalSpan,
        to disk: any Disk
    ) throws(SealedFileError) -> IdentifierFile {
        let entries = table.sorted()
        var writer = try IdentifierFileWriter(span, entryCountMax: entries.count, on: disk)
        for entry in entries { try writer.append(entry) }
        return try writer.finish(table.holders)
    }

    /// Merges files whose spans follow each other into one that covers them together; the inputs stay, and
    /// are superseded by it.
    ///
    /// Of several entries with one hash the last received counts.
    ///
    /// - Parameters:
    ///   - files: At least one, in the order of their spans, without gap or overlap.
    ///   - receivedSince: Older entries are left out.
    /// - Throws: ``SealedFileError``; the inputs are as they were.
    /// - Complexity: O(n × inputs) at worst; memory for the filter and one block of each input.
    package static func merge(
        _ files: [IdentifierFile],
        receivedSince: Minute,
        to disk: any Disk
    ) throws(SealedFileError) -> IdentifierFile {
        precondition(!files.isEmpty, "a merge has at least one input")
        for (left, right) in zip(files, files.dropFirst()) {
            precondition(left.span.to == right.span.from, "the inputs of a merge are neighbours")
        }
        let span = JournalSpan(from: files[0].span.from, to: files[files.count - 1].span.to)
        let entryCount = files.reduce(0) { $0 + Int($1.entryCount) }
        var writer = try IdentifierFileWriter(span, entryCountMax: entryCount, on: disk)
        var cursors: [Cursor] = []
        for file in files { cursors.append(try Cursor(file)) }
        while let hash = cursors.compactMap({ $0.entry?.hash }).min() {
            var newest: IdentifierEntry?
            for index in cursors.indices {
                guard let entry = cursors[index].entry, entry.hash == hash else { continue }
                if newest.map({ $0.received <= entry.received }) ?? true { newest = entry }
                try cursors[index].advance()
            }
            if let newest, newest.received >= receivedSince { try writer.append(newest) }
        }
        var holders = IdentifierHolders()
        for file in files { holders.add(file.holders) }
        holders.forget(before: receivedSince)
        return try writer.finish(holders)
    }

    /// Where one input of a merge is read.
    private struct Cursor {
        private let file: IdentifierFile
        private var block: [UInt8] = []
        private var nextBlock = 0
        private var position = 0
        private(set) var entry: IdentifierEntry?

        init(_ file: IdentifierFile) throws(SealedFileError) {
            self.file = file
            try advance()
        }

        mutating func advance() throws(SealedFileError) {
            if position * IdentifierEntry.byteCount == block.count {
                guard nextBlock < file.fences.count else {
                    entry = nil
                    return
                }
                block = try file.block(nextBlock)
                nextBlock += 1
                position = 0
            }
            entry = IdentifierEntry(in: block, at: position)
            position += 1
        }
    }
}

/// Takes entries by ascending hash, one by one.
struct IdentifierFileWriter: ~Copyable {
    private var writer: SealedFileWriter
    private var filter: IdentifierFilter
    private var head = IdentifierFile.Head()
    private var fences: [IdentifierHash] = []
    private var block: [UInt8] = []
    private var last: IdentifierHash?

    init(
        _ span: JournalSpan,
        entryCountMax: Int,
        on disk: any Disk
    ) throws(SealedFileError) {
        writer = try SealedFileWriter(.identifiers, span, on: disk)
        filter = IdentifierFilter(entryCount: entryCountMax)
    }

    mutating func append(_ entry: IdentifierEntry) throws(SealedFileError) {
        precondition(last.map { $0 < entry.hash } ?? true, "entries ascend by hash")
        last = entry.hash
        if block.isEmpty { fences.append(entry.hash) }
        entry.append(to: &block)
        filter.insert(entry.hash)
        head.note(entry)
        if block.count == IdentifierFile.entriesInBlock * IdentifierEntry.byteCount {
            try writeBlock()
        }
    }

    consuming func finish(
        _ holders: IdentifierHolders
    ) throws(SealedFileError) -> IdentifierFile {
        if !block.isEmpty { try writeBlock() }
        let words = filter.words
        let step = IdentifierFile.wordsInFilterPiece
        for start in stride(from: 0, to: words.count, by: step) {
            var piece: [UInt8] = []
            for word in words[start..<min(start + step, words.count)] {
                piece.append(littleEndian: word)
            }
            try writer.append(piece, effort: nil)
            head.filterPieceCount += 1
        }
        var index: [UInt8] = []
        index.append(littleEndian: head.entryCount)
        index.append(littleEndian: head.earliest.rawValue)
        index.append(littleEndian: head.latest.rawValue)
        index.append(littleEndian: head.blockCount)
        index.append(littleEndian: head.filterPieceCount)
        for fence in fences { index.append(littleEndian: fence.rawValue) }
        holders.write(to: &index)
        try writer.append(index, effort: nil)
        return try IdentifierFile(try writer.seal())
    }

    /// Hashes do not compress.
    private mutating func writeBlock() throws(SealedFileError) {
        try writer.append(block, effort: nil)
        head.blockCount += 1
        block.removeAll(keepingCapacity: true)
    }
}
