package import MeterWire
internal import Synchronization

/// The journal files that are kept, read again as they are: each frame and batch with the verdict that was
/// given, through the decoding of recovery.
///
/// A value that sees one moment: files that are finished never change, and the newest is read up to the
/// durable position of that moment. So it is read beside a running server without stopping anything, by
/// several threads if need be; a file that is removed meanwhile is named as kept no longer.
///
/// Memory: one window of the reader and one decoded record.
package struct KeptJournal: Sendable {
    /// How far before its receipt a record's events can lie ahead of it, with room for a thread that was
    /// slow to append: what was received later than this before a moment may have happened after it.
    static let leadMilliseconds: Int64 = 6 * 60_000

    let disk: any Disk
    let files: JournalFiles
    /// Where reading ends.
    package let end: UInt64
    let indexes: KeptIndexes

    init(disk: any Disk, files: JournalFiles, end: UInt64, indexes: KeptIndexes = KeptIndexes()) {
        self.disk = disk
        self.files = files
        self.end = end
        self.indexes = indexes
    }

    /// The journal of a directory that nobody writes to, such as a copy; changes nothing.
    ///
    /// It ends where recovery would find the end: whole records behind the last mark are read, too.
    ///
    /// - Complexity: reads the newest file once.
    package static func open(_ disk: any Disk) throws(JournalError) -> KeptJournal {
        let files = try JournalFiles.read(disk)
        guard let newest = files.files.last else {
            return KeptJournal(disk: disk, files: files, end: 0)
        }
        do throws(DiskError) {
            let survey = try JournalSurvey(disk, newest, from: newest.header.start)
            return KeptJournal(
                disk: disk, files: files, end: survey.tailEnd,
                indexes: try KeptIndexes.read(disk, files))
        } catch { throw .disk(error) }
    }

    /// Where the oldest kept record may begin; 0 where all that ever came is kept.
    package var from: UInt64 { files.files.first?.header.start ?? end }

    /// From when on every event is in files that are kept; nil where all that ever came is, the end of time
    /// where no record is.
    ///
    /// Where no index tells, a removed file had what was received before the first record that is kept, so
    /// that it happened no later than a little after that.
    package func keptSince() throws(JournalError) -> Timestamp? {
        switch indexes.before(from) {
        case .nothing: return nil
        case .through(let time): return time.advanced(byMilliseconds: 1)
        case .unknown: break
        }
        for index in files.files.indices where files.end(index, newestEnd: end) > from {
            if let known = indexes.index(of: files, index) {
                if case .through(let time) = known.contents.before {
                    return time.advanced(byMilliseconds: 1)
                }
                if case .nothing = known.contents.before { return nil }
            }
            guard let received = try firstReceipt(inFileAt: index) else { continue }
            return received.advanced(byMilliseconds: Self.leadMilliseconds)
        }
        return Timestamp(milliseconds: .max)
    }

    private struct Found: Error { let received: Timestamp }

    private func firstReceipt(inFileAt index: Int) throws(JournalError) -> Timestamp? {
        var reader = AdmittedRecordReader()
        var reading = JournalReading()
        do throws(ReplayError<Found>) {
            try JournalReplay(disk: disk, files: files, end: end)
                .read(index, from: 0, into: &reading) { (journalled) throws(Found) in
                    switch try? reader.read(journalled) {
                    case .frame(let record, _), .claim(let record, _):
                        throw Found(received: record.receivedAt)
                    case .batch(let record): throw Found(received: record.receivedAt)
                    case nil: break
                    }
                }
        } catch {
            switch error {
            case .body(let found): return found.received
            case .journal(let error): throw error
            }
        }
        return nil
    }

    /// Visits the frames and batches that may have selected events, in the order in which they were
    /// admitted; claims are left out.
    ///
    /// The batch has the record's events, none where its payload could not be read when it came. Damaged
    /// ranges and records that mean nothing are named in the result, and what is around them is visited.
    ///
    /// - Parameter selection: Conditions on single events (times, tenants, agents, accesses) only keep
    ///   files from being read.
    /// - Throws: ``KeptJournalError``; `.notKept` before anything was visited where that can be known,
    ///   else at the end.
    /// - Complexity: O(bytes of the files that may have something).
    package func records<Failure: Error>(
        _ selection: KeptSelection,
        _ body: (KeptRecord, borrowing EventBatch) throws(Failure) -> Void
    ) throws(KeptJournalError<Failure>) -> KeptReading {
        var reading = KeptReading()
        do throws(JournalError) { reading.keptSince = try keptSince() } catch {
            throw .journal(error)
        }
        if isPartial(selection, reading), !selection.namesEvents, !selection.allowsPartial {
            throw .notKept(reading.notKept)
        }
        var missing = MissingEvents(selection)
        var reader = AdmittedRecordReader()
        let replay = JournalReplay(disk: disk, files: files, end: end)
        for index in files.files.indices where concerns(index, selection) {
            if canSkip(index, selection) {
                reading.skippedFileCount += 1
                continue
            }
            var found = JournalReading()
            do throws(ReplayError<Failure>) {
                try replay.read(index, from: selection.span?.from ?? 0, into: &found) {
                    (journalled) throws(Failure) in
                    guard
                        let record = Self.record(journalled, &reader, noting: &reading),
                        selection.mayWant(record)
                    else { return }
                    missing.found(record)
                    reading.recordCount += 1
                    try body(record, reader.batch)
                }
            } catch {
                switch error {
                case .body(let failure): throw .body(failure)
                case .journal(.disk(let error)) where error.reason == .notFound:
                    throw .notKept(reading.notKept)
                case .journal(let error): throw .journal(error)
                }
            }
            reading.fileCount += 1
            for damage in found.damaged {
                reading.damage.append(
                    KeptReading.Damage(
                        from: damage.from, to: damage.to, description: damage.description))
            }
        }
        reading.missingSequences = missing.sequences
        reading.missingIdentifiers = missing.identifiers
        if from > 0, missing.isAny, !selection.allowsPartial {
            throw .notKept(reading.notKept)
        }
        return reading
    }

    /// Whether something of what is asked for may have been in files that are gone.
    private func isPartial(_ selection: KeptSelection, _ reading: KeptReading) -> Bool {
        if let span = selection.span, from <= span.from { return false }
        guard let since = reading.keptSince else { return false }
        guard let times = selection.times else { return true }
        return times.lowerBound < since
    }

    private func concerns(_ index: Int, _ selection: KeptSelection) -> Bool {
        let start = files.files[index].header.start
        let end = files.end(index, newestEnd: end)
        guard let span = selection.span else { return start < end }
        return max(start, span.from) < min(end, span.to)
    }

    /// Whether an index tells that a file has nothing of what is asked for.
    func canSkip(_ place: Int, _ selection: KeptSelection) -> Bool {
        guard let index = indexes.index(of: files, place), !index.contents.isDamaged else {
            return false
        }
        do throws(SealedFileError) {
            if let sequences = selection.sequences {
                return try !index.mayHave(sequences, on: disk)
            }
            if let identifiers = selection.identifiers {
                return try !index.mayHave(identifiers, on: disk)
            }
        } catch { return false }
        let contents = index.contents
        guard let present = selection.includesUncounted ? contents.any : contents.counted else {
            return true
        }
        guard let times = selection.times else { return false }
        return present.upperBound < times.lowerBound || times.upperBound <= present.lowerBound
    }

    /// The record, if it is a frame or batch; what means nothing is noted.
    private static func record(
        _ journalled: JournalRecord,
        _ reader: inout AdmittedRecordReader,
        noting reading: inout KeptReading
    ) -> KeptRecord? {
        do throws(FrameError) {
            switch try reader.read(journalled) {
            case .frame(let record, _): return KeptRecord(record, journalled)
            case .batch(let record): return KeptRecord(record, journalled)
            case .claim: return nil
            }
        } catch {
            reading.damage.append(
                KeptReading.Damage(
                    from: journalled.position, to: journalled.end,
                    description: "the record at \(journalled.position) means nothing to this "
                        + "program: \(error)"))
            return nil
        }
    }
}

/// What of the events that were named has not been seen.
struct MissingEvents {
    private var wanted: Range<UInt64>?
    private var found = SequenceSet()
    private(set) var identifiers: Set<IdentifierHash>

    init(_ selection: KeptSelection) {
        wanted = selection.sequences?.range
        identifiers = selection.identifiers ?? []
    }

    /// Of a record that `mayWant` has let through.
    mutating func found(_ record: KeptRecord) {
        switch record.origin {
        case .frame(_, let firstSequence):
            guard wanted != nil, record.verdict != .inConflict else { return }
            found.insert(firstSequence..<(firstSequence &+ UInt64(record.eventCount)))
        case .batch(let identities):
            if identifiers.isEmpty { return }
            for identity in identities { identifiers.remove(identity.hash) }
        }
    }

    var isAny: Bool { !sequences.isEmpty || !identifiers.isEmpty }

    /// Ascending.
    var sequences: [Range<UInt64>] {
        guard let wanted else { return [] }
        var missing: [Range<UInt64>] = []
        var next = wanted.lowerBound
        for range in [0..<found.watermark] + found.ranges {
            let start = min(range.lowerBound, wanted.upperBound)
            if next < start { missing.append(next..<start) }
            next = max(next, min(range.upperBound, wanted.upperBound))
        }
        if next < wanted.upperBound { missing.append(next..<wanted.upperBound) }
        return missing
    }
}

extension Journal {
    /// What is kept of the journal at this moment, up to the durable position.
    func kept(_ indexes: KeptIndexes) -> KeptJournal {
        back.withLock { back in
            KeptJournal(disk: disk, files: back.writer.files, end: durable, indexes: indexes)
        }
    }
}
