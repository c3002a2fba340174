package import MeterWire
internal import Synchronization

/// What a finished checkpoint wrote and removed.
package struct CheckpointSummary: Sendable {
    package let position: UInt64
    package let segment: SegmentSummary
    /// The file of details.
    package let details: String?
    /// Why there is none: the details of the span are lost, usage is not touched by that.
    package let detailsFailure: SealedFileError?
    package let removedFiles: [String]
    /// Why files that are not needed any more are still there; the next clean-up removes them.
    package let removalFailure: EngineError?
}

/// What a finished merge wrote and removed.
package struct MergeSummary: Sendable {
    package let file: String
    package let removedFiles: [String]
    /// Why files that are not needed any more are still there; the next clean-up removes them.
    package let removalFailure: EngineError?
}

extension Engine {
    /// Whether the counters or the journal have grown so far that a checkpoint is due, or an erasure
    /// waits for one.
    package var checkpointNeeded: Bool {
        let checkpoint = generation.withLock { $0.checkpoint }
        let held = held.load()
        return held.keyCount >= options.checkpointKeyCount
            || held.detailByteCount >= options.checkpointDetailByteCount
            || !erasures.pending(from: checkpoint).isEmpty
            || appended - min(appended, checkpoint) >= options.checkpointJournalBytes
    }

    /// Takes the state at the present position out, to be written by ``finishCheckpoint(_:)``.
    ///
    /// Ingest waits for the shards' locks only: O(sources + shards). Queries go on seeing the counters.
    ///
    /// - Returns: Nil when nothing was journalled since the last checkpoint; the checkpoint that was begun
    ///   before, if it is not finished yet.
    package func beginCheckpoint() -> PendingCheckpoint? {
        let (started, previous) = generation.withLock { ($0.flushing, $0.checkpoint) }
        if let started { return started }
        var counters: [FlushingCounters] = []
        var sources: [SourceState] = []
        var begun: PendingCheckpoint?
        _ = withFrozenShards {
            let position = appended
            return CheckpointStart(
                position: position, epoch: epoch.load(ordering: .relaxed),
                identifiers: position > previous ? identifiers.withLock { $0.beginFlush() } : nil)
        } visit: { index, state, pinned in
            guard let flushed = pinned.identifiers else { return }
            counters.append(FlushingCounters(state.takeCounters(seed: seed)))
            sources.append(contentsOf: state.sources)
            // The first shard is visited last, and every query locks it first: nobody sees the counters
            // gone before they are published as flushing.
            guard index == 0 else { return }
            let checkpoint = PendingCheckpoint(
                span: JournalSpan(from: previous, to: pinned.position), epoch: pinned.epoch,
                counters: counters, sources: sources, identifiers: flushed)
            generation.withLock { $0.flushing = checkpoint }
            begun = checkpoint
        }
        return begun
    }

    private struct CheckpointStart: Sendable {
        var position: UInt64
        var epoch: UInt64
        /// Nil when there is nothing to write.
        var identifiers: IdentifierTable?
    }

    /// Writes what ``beginCheckpoint()`` took, makes it the state that recovery starts from, and removes
    /// what it replaces.
    ///
    /// After an error nothing has changed and it can be finished again; after `.outlived` (it is finished
    /// already, or a recovery came between) a new one is to be begun.
    ///
    /// - Complexity: O(keys × log keys); queries and ingest go on meanwhile.
    package func finishCheckpoint(
        _ checkpoint: PendingCheckpoint
    ) throws(EngineError) -> CheckpointSummary {
        try maintenance.withLock { _ throws(EngineError) in try write(checkpoint) }
    }

    private func write(
        _ checkpoint: PendingCheckpoint
    ) throws(EngineError) -> CheckpointSummary {
        guard checkpoint.epoch == epoch.load(ordering: .acquiring),
            generation.withLock({ $0.flushing === checkpoint })
        else { throw .outlived }
        let position = checkpoint.span.to
        guard durable >= position else {
            throw .notDurable(position: position, durable: durable)
        }
        let table = CounterMerge.table(of: checkpoint.counters)
        let summary: SegmentSummary
        let segment: Segment
        do throws(SegmentError) {
            summary = try SegmentWriter.write(table: table, span: checkpoint.span, to: disk)
            segment = try Segment.open(summary.name, on: disk)
        } catch { throw .segment(error) }
        let identifierFile: IdentifierFile
        let details: Result<DetailsFile, SealedFileError>
        do throws(SealedFileError) {
            identifierFile = try IdentifierFile.write(
                checkpoint.identifiers, span: checkpoint.span, to: disk)
            details = try writeDetails(of: checkpoint, beside: segment)
            try writeSources(checkpoint.sources, through: position)
        } catch { throw .file(error) }
        generation.withLock { generation in
            generation.checkpoint = position
            generation.segments.append(segment)
            if case .success(let file) = details { generation.details.append(file) }
            generation.flushing = nil
        }
        identifiers.withLock { $0.endFlush(identifierFile) }
        for counters in checkpoint.counters { held.subtract(counters.counters.held) }
        let (removed, failure) = removeReplacedFiles()
        var detailsFailure: SealedFileError?
        if case .failure(let error) = details { detailsFailure = error }
        return CheckpointSummary(
            position: position, segment: summary, details: try? details.get().name,
            detailsFailure: detailsFailure, removedFiles: removed, removalFailure: failure)
    }

    /// Writes the details of a checkpoint; what they add up to must be what its segment does.
    ///
    /// - Returns: A failure that concerns details alone: the checkpoint goes on without them.
    /// - Throws: Where the disk fails, which the other files need too.
    private func writeDetails(
        of checkpoint: PendingCheckpoint, beside segment: Segment
    ) throws(SealedFileError) -> Result<DetailsFile, SealedFileError> {
        let erasures = erasures
        var source = FlushingDetails(
            checkpoint.counters, erasures.pending(from: checkpoint.span.from))
        let target = DetailsWriting.Target(
            span: checkpoint.span, disk: disk, erasedThrough: erasures.newest)
        // Details tell outcomes apart in their own way.
        let amounts = segment.totals.filter { ComponentVariant($0.component) == nil }
        do throws(SealedFileError) {
            return .success(
                try DetailsWriting.write(
                    &source, target, expected: .amounts(amounts)))
        } catch {
            if error.isOfDisk { throw error }
            return .failure(error)
        }
    }

    private func writeSources(
        _ sources: [SourceState], through position: UInt64
    ) throws(SealedFileError) {
        var writer = try SealedFileWriter(.dedup, JournalSpan(from: 0, to: position), on: disk)
        for piece in SourceCoding.pieces(of: sources) {
            try writer.append(piece, effort: .fast)
        }
        _ = try writer.seal()
    }

    /// Removes journal files that are kept no longer, from the oldest on: those that concern closed periods
    /// alone, and what goes beyond the limit.
    private func removeJournalFiles(below checkpoint: UInt64) throws(DiskError) -> [String] {
        let rule = retention
        let indexes = keptIndexes.withLock { $0 }
        var removed = try journal.removeFiles(below: checkpoint) { span in
            rule.releases(span, by: indexes)
        }
        removed += try journal.removeFiles(
            below: checkpoint, keepingBytes: rule.journalByteCountMax)
        let from = journal.keptFrom
        if !removed.isEmpty { keptIndexes.withLock { $0.remove(before: from) } }
        return removed
    }

    /// Removes files that wider or newer ones replace, and journal files that are kept no longer.
    ///
    /// Segments that a query still reads stay readable: their files are open. A failure changes nothing
    /// that counts, so it is reported beside what was achieved and not in its place.
    ///
    /// What is needed is known from the state in use and not from the directory: a merged file whose
    /// directory sync failed may be seen there and be gone after a power cut, its inputs with it.
    func removeReplacedFiles() -> (removed: [String], failure: EngineError?) {
        var removed: [String] = []
        do throws(DiskError) {
            let present = generation.withLock { $0 }
            let checkpoint = present.checkpoint
            removed += try removeJournalFiles(below: checkpoint)
            let journalFileCount = removed.count
            var needed = Set(present.segments.map(\.name))
            needed.formUnion(identifiers.withLock { $0.files.map(\.name) })
            needed.formUnion(present.details.map(\.name))
            needed.formUnion(present.damagedDetails.keys)
            needed.formUnion(keptIndexes.withLock { $0.files.values.map(\.name) })
            for name in try disk.list() where !needed.contains(name) {
                guard case .sealed(let kind, let span) = DataFileName(name),
                    kind == .dedup ? span.to < checkpoint : span.to <= checkpoint
                else { continue }
                try disk.remove(name)
                removed.append(name)
            }
            if removed.count > journalFileCount { try disk.syncDirectory() }
        } catch { return (removed, .disk(error)) }
        return (removed, nil)
    }

    /// Merges some neighbouring segments, id files or files of details into one, where the policy finds
    /// that worth while.
    ///
    /// - Parameter now: Ids that no event can carry any more are left out, and details whose retention has
    ///   passed.
    /// - Returns: Nil when there is nothing to merge.
    package func mergeNext(at now: Timestamp) throws(EngineError) -> MergeSummary? {
        try maintenance.withLock { _ throws(EngineError) in
            var merged = try mergeSegments()
            if merged == nil { merged = try mergeIdentifiers(at: now) }
            if merged == nil { merged = try mergeDetails(at: now) }
            guard let file = merged else { return nil }
            let (removed, failure) = removeReplacedFiles()
            return MergeSummary(file: file, removedFiles: removed, removalFailure: failure)
        }
    }

    private func mergeSegments() throws(EngineError) -> String? {
        let segments = generation.withLock { $0.segments }
        let candidates = segments.map {
            MergePolicy.Candidate(name: $0.name, byteCount: $0.byteCount)
        }
        guard let names = MergePolicy.next(candidates, countMin: options.mergeCountMin),
            let first = segments.firstIndex(where: { $0.name == names.first })
        else { return nil }
        let range = first..<(first + names.count)
        let merged: Segment
        do throws(SegmentError) {
            let summary = try SegmentMerger.merge(
                Array(segments[range]), to: disk, retainedFrom: retention.segmentsReleasedBefore)
            merged = try Segment.open(summary.name, on: disk)
        } catch { throw .segment(error) }
        generation.withLock {
            $0.segments.replaceSubrange(range, with: CollectionOfOne(merged))
        }
        return merged.name
    }

    private func mergeIdentifiers(at now: Timestamp) throws(EngineError) -> String? {
        let files = identifiers.withLock { $0.files }
        let candidates = files.map {
            MergePolicy.Candidate(name: $0.name, byteCount: $0.byteCount)
        }
        guard let names = MergePolicy.next(candidates, countMin: options.mergeCountMin) else {
            return nil
        }
        let inputs = files.filter { names.contains($0.name) }
        let merged: IdentifierFile
        do throws(SealedFileError) {
            merged = try IdentifierFile.merge(
                inputs, receivedSince: options.rememberedSince(now), to: disk)
        } catch { throw .file(error) }
        identifiers.withLock { $0.replace(inputs, by: merged) }
        return merged.name
    }
}

extension SourceCoding {
    /// The sources in canonical order, as the pieces of a dedup file.
    static func pieces(of sources: [SourceState]) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var bytes: [UInt8] = []
        for source in sources.sorted(by: { $0.key < $1.key }) {
            encode(source, to: &bytes)
            if bytes.count >= pieceByteCount {
                pieces.append(bytes)
                bytes = []
            }
        }
        if !bytes.isEmpty { pieces.append(bytes) }
        return pieces
    }
}
