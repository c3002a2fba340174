internal import MeterWire

/// Reads one finished journal file and writes its index.
struct KeptIndexing {
    /// More sources than this in one file are not listed.
    static let sourceCountMax = 100_000
    /// Ids beyond this in one file are not listed; 12 bits each while the file is read.
    static let identifierCountMax = 8 << 20

    private var contents = KeptContents()
    private var sources: [SourceKey: Range<UInt64>] = [:]
    private var filter: IdentifierFilter?
    private var identifierCount = 0
    private let journal: JournalFiles
    private let place: Int

    private init(_ journal: JournalFiles, _ place: Int) {
        self.journal = journal
        self.place = place
        contents.fileID = journal.files[place].header.fileID
    }

    /// Writes the index of a file that has its end, complete, synced, read back and named when this returns.
    ///
    /// - Parameter before: What is known of all that was admitted before it.
    /// - Complexity: O(bytes of the journal file); events are decoded only where their frame's record does
    ///   not say enough of them.
    static func write(
        _ journal: JournalFiles, _ place: Int, before: KeptContents.Before, on disk: any Disk
    ) throws(EngineError) -> KeptIndexFile {
        var indexing = KeptIndexing(journal, place)
        indexing.contents.before = before
        try indexing.read(disk)
        do throws(SealedFileError) { return try indexing.write(to: disk) } catch {
            throw .file(error)
        }
    }

    private mutating func read(_ disk: any Disk) throws(EngineError) {
        var reader = AdmittedRecordReader()
        var reading = JournalReading()
        let end = journal.files[place].end ?? journal.files[place].header.start
        do throws(ReplayError<Never>) {
            try JournalReplay(disk: disk, files: journal, end: end)
                .read(place, from: 0, into: &reading) { (journalled) throws(Never) in
                    do throws(FrameError) {
                        if try addWhole(journalled) { return }
                        add(try reader.read(journalled), reader.batch)
                    } catch {
                        contents.isDamaged = true
                    }
                }
        } catch {
            if case .journal(let error) = error { throw .journal(error) }
        }
        if !reading.damaged.isEmpty { contents.isDamaged = true }
    }

    /// Adds a frame of whose events its record says all that is wanted; false if they have to be read.
    private mutating func addWhole(_ journalled: JournalRecord) throws(FrameError) -> Bool {
        guard journalled.kind == RecordKind.frame else { return false }
        let (record, _) = try unsafe FrameRecord.parse(journalled.payload)
        guard let times = record.times else { return false }
        let happened =
            Timestamp(
                milliseconds: times.lowerBound)...Timestamp(milliseconds: times.upperBound)
        switch record.verdict {
        case .accepted:
            contents.countedEventCount += UInt64(record.header.eventCount)
            contents.counted.include(happened)
            contents.touched.include(happened)
        case .refused: break
        case .partly, .inConflict: return false
        }
        contents.recordCount += 1
        contents.eventCount += UInt64(record.header.eventCount)
        contents.received.include(record.receivedAt)
        contents.any.include(happened)
        add(
            record.header.sequences,
            of: SourceKey(principal: record.principal, source: record.header.source))
        return true
    }

    private mutating func add(_ admitted: AdmittedRecord, _ batch: borrowing EventBatch) {
        contents.recordCount += 1
        switch admitted {
        case .claim(let record, _): contents.received.include(record.receivedAt)
        case .frame(let record, _):
            contents.received.include(record.receivedAt)
            add(
                record.header.sequences,
                of: SourceKey(
                    principal: record.principal, source: record.header.source))
            let outcomes = record.verdict.itemOutcomes(count: batch.eventCount)
            add(batch, outcomes, receivedAt: record.receivedAt)
        case .batch(let record):
            contents.received.include(record.receivedAt)
            for identity in record.identities { add(identity.hash) }
            add(batch, record.outcomes, receivedAt: record.receivedAt)
        }
    }

    private mutating func add(_ range: Range<UInt64>, of source: SourceKey) {
        guard contents.listsSources else { return }
        let known = sources[source] ?? range
        sources[source] =
            min(known.lowerBound, range.lowerBound)..<max(known.upperBound, range.upperBound)
        if sources.count > Self.sourceCountMax {
            contents.listsSources = false
            sources = [:]
        }
    }

    private mutating func add(_ identifier: IdentifierHash) {
        guard contents.listsIdentifiers else { return }
        identifierCount += 1
        if identifierCount > Self.identifierCountMax {
            contents.listsIdentifiers = false
            filter = nil
            return
        }
        if filter == nil {
            // No more events fit into the file, each with its hashes.
            let start = journal.files[place].header.start
            let byteCount = (journal.files[place].end ?? start) - start
            filter = IdentifierFilter(
                foldableFor: min(Self.identifierCountMax, Int(clamping: byteCount / 25)))
        }
        filter?.insert(identifier)
    }

    private mutating func add(
        _ batch: borrowing EventBatch, _ outcomes: [ItemOutcome], receivedAt: Timestamp
    ) {
        contents.eventCount += UInt64(batch.eventCount)
        for index in 0..<batch.eventCount {
            let time = Timestamp(milliseconds: unsafe batch.events[index].time)
            contents.any.include(time)
            switch outcomes[index] {
            case .accepted:
                contents.countedEventCount += 1
                contents.counted.include(time)
                contents.touched.include(time)
            case .inConflict:
                // Nobody has judged its time.
                let latest = receivedAt.advanced(byMilliseconds: KeptJournal.leadMilliseconds)
                contents.touched.include(min(time, latest))
            case .duplicate, .refused: break
            }
        }
    }

    private mutating func write(to disk: any Disk) throws(SealedFileError) -> KeptIndexFile {
        let file = journal.files[place]
        let span = JournalSpan(from: file.header.start, to: file.end ?? file.header.start)
        var writer = try SealedFileWriter(.kept, span, on: disk)
        contents.sourceCount = UInt32(sources.count)
        var piece: [UInt8] = []
        for (source, range) in sources.sorted(by: { $0.key < $1.key }) {
            for number in [
                source.principal.rawValue, source.source.high, source.source.low,
                range.lowerBound, range.upperBound,
            ] { piece.append(littleEndian: number) }
            if piece.count == KeptIndexFile.sourcesInPiece * KeptIndexFile.sourceByteCount {
                try writer.append(piece, effort: .fast)
                contents.sourcePieceCount += 1
                piece = []
            }
        }
        if !piece.isEmpty {
            try writer.append(piece, effort: .fast)
            contents.sourcePieceCount += 1
        }
        let words = filter?.folded(for: identifierCount).words ?? []
        contents.filterWordCount = UInt64(words.count)
        for start in stride(from: 0, to: words.count, by: KeptIndexFile.wordsInPiece) {
            var piece: [UInt8] = []
            for word in words[start..<min(start + KeptIndexFile.wordsInPiece, words.count)] {
                piece.append(littleEndian: word)
            }
            try writer.append(piece, effort: nil)
            contents.filterPieceCount += 1
        }
        try writer.append(contents.encode(), effort: nil)
        return try KeptIndexFile(try writer.seal())
    }
}

extension ClosedRange<Timestamp>? {
    fileprivate mutating func include(_ time: Timestamp) {
        guard let known = self else {
            self = time...time
            return
        }
        if time < known.lowerBound {
            self = time...known.upperBound
        } else if time > known.upperBound {
            self = known.lowerBound...time
        }
    }

    fileprivate mutating func include(_ times: ClosedRange<Timestamp>) {
        include(times.lowerBound)
        include(times.upperBound)
    }
}
