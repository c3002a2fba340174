package import MeterWire
internal import Synchronization

/// What a pass of retention did.
package struct RetentionSummary: Sendable, Equatable {
    /// Names of files that were removed.
    package var removedFiles: [String] = []
    /// Names of segments that were written anew, without rows whose retention has passed.
    package var rewrittenSegments: [String] = []

    package init() {}
}

/// What the next pass of retention would do.
package struct RetentionPlan: Sendable, Equatable {
    package enum Kind: String, Sendable { case journal, segment, details }

    package enum Reason: String, Sendable {
        /// All of it, or what goes of it, is needed by nobody any more.
        case released
        /// There is more than may be.
        case limit
    }

    package struct Item: Sendable, Equatable {
        package let kind: Kind
        package let name: String
        package let byteCount: Int
        package let reason: Reason
        /// The latest event that goes with it; nil where nobody knows.
        package let through: Timestamp?
    }

    /// In the order in which they go.
    package var items: [Item] = []
}

/// How much of the journal is kept.
package struct KeptJournalFacts: Sendable, Equatable {
    package var fileCount = 0
    package var byteCount = 0
    /// Finished files whose contents an index tells.
    package var indexedFileCount = 0
    /// Where the oldest kept record begins.
    package var from: UInt64 = 0
    /// From when on every event is in files that are kept; nil where all that ever came is, the end of time
    /// where no record is.
    package var keptSince: Timestamp?
    /// Bytes that the journal has grown by a day, by the files of the last week; nil where there are none.
    package var bytesPerDay: Int?

    package init() {}
}

extension Engine {
    /// Removes and rewrites what ``retention`` says is needed no more; a checkpoint and a merge remove files,
    /// too, and rewrite nothing.
    ///
    /// The order is such that a stop at any place leaves what recovery and every open period need: segments are
    /// replaced under their names in one step, journal files go from the oldest on and only below the
    /// checkpoint, each before its index.
    ///
    /// - Throws: `EngineError`; what was done stays done, and it can be tried again.
    package func applyRetention() throws(EngineError) -> RetentionSummary {
        try maintenance.withLock { _ throws(EngineError) in
            var summary = RetentionSummary()
            let cutoff = retention.segmentsReleasedBefore
            for segment in segments where segment.hasRows(before: cutoff) {
                let rewritten: Segment
                do throws(SegmentError) {
                    try SegmentMerger.merge([segment], to: disk, retainedFrom: cutoff)
                    rewritten = try Segment.open(segment.name, on: disk)
                } catch { throw .segment(error) }
                generation.withLock { generation in
                    guard let place = generation.segments.firstIndex(where: { $0 === segment })
                    else { return }
                    generation.segments[place] = rewritten
                }
                summary.rewrittenSegments.append(rewritten.name)
            }
            let (removed, failure) = removeReplacedFiles()
            summary.removedFiles = removed
            if let failure { throw failure }
            return summary
        }
    }

    /// What a pass would do now.
    package func retentionPlan(at now: Timestamp) -> RetentionPlan {
        let rule = retention
        let present = generation.withLock { $0 }
        let kept = keptJournal
        var plan = RetentionPlan()
        var byteCount = journal.byteCount
        var isReleased = true
        for place in kept.files.files.indices {
            let file = kept.files.files[place]
            guard let end = file.end, end <= present.checkpoint else { break }
            let size = JournalFormat.headerBytes + Int(clamping: end - file.header.start)
            let span = JournalSpan(from: file.header.start, to: end)
            isReleased = isReleased && rule.releases(span, by: kept.indexes)
            guard isReleased || byteCount - size >= rule.journalByteCountMax else { break }
            byteCount -= size
            plan.items.append(
                RetentionPlan.Item(
                    kind: .journal, name: file.name, byteCount: size,
                    reason: isReleased ? .released : .limit,
                    through: kept.indexes.index(of: kept.files, place)?.contents.concernsThrough))
        }
        let segmentCutoff = rule.segmentsReleasedBefore
        for segment in present.segments where segment.hasRows(before: segmentCutoff) {
            plan.items.append(
                RetentionPlan.Item(
                    kind: .segment, name: segment.name, byteCount: segment.byteCount,
                    reason: .released,
                    through: segment.minutes.map { min($0.upperBound.start, segmentCutoff.start) }))
        }
        let detailCutoff = options.detailsRetainedSince(now)
        for file in present.details where options.isMostlyExpired(file, before: detailCutoff) {
            plan.items.append(
                RetentionPlan.Item(
                    kind: .details, name: file.name, byteCount: file.byteCount, reason: .released,
                    through: file.quarters.map { min($0.upperBound.start, detailCutoff.start) }))
        }
        return plan
    }

    /// Rows of usage before this were left out of files when their retention had passed; 0 where none were.
    package var usageRetainedFrom: Minute {
        generation.withLock { generation in
            generation.segments.map(\.retainedFrom).max() ?? Minute(rawValue: 0)
        }
    }

    /// How much of the journal is kept, and how fast it grows.
    ///
    /// - Parameter now: The growth is that of the week before.
    package func keptJournalFacts(at now: Timestamp) throws(JournalError) -> KeptJournalFacts {
        let kept = keptJournal
        var facts = KeptJournalFacts()
        facts.fileCount = kept.files.files.count
        facts.byteCount = journal.byteCount
        facts.from = kept.from
        facts.keptSince = try kept.keptSince()
        let week = now.advanced(byMilliseconds: -7 * 86_400_000)
        var grown = 0.0
        var first: Timestamp?
        for place in kept.files.files.indices {
            let start = kept.files.files[place].header.start
            let size = Double(kept.files.end(place, newestEnd: kept.end) - start)
            guard let index = kept.indexes.index(of: kept.files, place) else {
                // The newest, or one that is about to be indexed.
                grown += size
                continue
            }
            facts.indexedFileCount += 1
            guard let received = index.contents.received, received.upperBound > week else {
                continue
            }
            first = min(first ?? received.lowerBound, received.lowerBound)
            let length = max(
                1, received.upperBound.milliseconds - received.lowerBound.milliseconds)
            let inside =
                received.upperBound.milliseconds
                - max(received.lowerBound, week).milliseconds
            grown += size * Double(max(1, inside)) / Double(length)
        }
        if let first {
            let hours = max(1, Double(now.milliseconds - max(first, week).milliseconds) / 3_600_000)
            facts.bytesPerDay = Int(clamping: Int64(grown / hours * 24))
        }
        return facts
    }
}

extension EngineOptions {
    /// Details of calls before this are left out of files that are rewritten.
    package func detailsReleasedBefore(_ now: Timestamp) -> Minute {
        Minute(detailsRetainedSince(now).start) ?? Minute(rawValue: 0)
    }
}

extension Segment {
    fileprivate func hasRows(before cutoff: Minute) -> Bool {
        minutes.map { $0.lowerBound < cutoff } ?? false
    }
}
