internal import MeterWire
internal import Synchronization

extension Engine {
    /// The journal as it is kept at this moment, up to the durable position; reading it stops nothing.
    package var keptJournal: KeptJournal { journal.kept(keptIndexes.withLock { $0 }) }

    /// Hands out the selected events of the kept journal, as ``KeptJournal/events(_:_:)`` does.
    ///
    /// Of numbers that a source never sent, gave up, or that are not durable, nobody says that they are kept
    /// no longer: they are in `missingSequences` alone.
    ///
    /// - Throws: ``KeptJournalError``.
    package func keptEvents<Failure: Error>(
        _ selection: KeptSelection,
        _ body: (KeptEvent) throws(Failure) -> Void
    ) throws(KeptJournalError<Failure>) -> KeptReading {
        guard let asked = selection.sequences, !selection.allowsPartial else {
            return try keptJournal.events(selection, body)
        }
        let (received, givenUp) = durableSequences(of: asked.source)
        let kept = keptJournal
        var partial = selection
        partial.allowsPartial = true
        let reading = try kept.events(partial, body)
        guard kept.from > 0, reading.lacks(received, of: asked.range, besides: givenUp) else {
            return reading
        }
        throw .notKept(reading.notKept)
    }

    /// Takes over the indexes that are there; where the disk refuses they are written anew.
    func findKeptIndexes() {
        let files = journal.kept(KeptIndexes()).files
        guard let found = try? KeptIndexes.read(disk, files) else { return }
        keptIndexes.withLock { $0 = found }
    }

    /// Writes the index of the oldest finished journal file that has none.
    ///
    /// Only one thread calls this and the checkpoints.
    ///
    /// - Returns: The name of the file that was written; nil when none is missing.
    package func indexNext() throws(EngineError) -> String? {
        let kept = keptJournal
        var before = kept.indexes.before(kept.from)
        for place in kept.files.files.indices {
            guard let end = kept.files.files[place].end else { break }
            if end == kept.files.files[place].header.start { continue }
            if let known = kept.indexes.index(of: kept.files, place) {
                before = known.contents.through
                continue
            }
            let index = try KeptIndexing.write(kept.files, place, before: before, on: disk)
            keptIndexes.withLock { $0.add(index) }
            return index.name
        }
        return nil
    }

    /// Numbers of a source that are settled on the disk, and which of them because they were given up.
    private func durableSequences(
        of key: SourceKey
    ) -> (received: SequenceSet, givenUp: [Range<UInt64>]) {
        shards[key.shardIndex(of: shards.count)].state.withLock { state in
            guard let index = state.index(of: key) else { return (SequenceSet(), []) }
            state.settle(at: index, durablePosition: durable)
            let source = state.sources[index]
            return (source.durable, source.claimed?.claim.givenUp ?? [])
        }
    }
}

extension KeptReading {
    /// Whether some of these numbers were received and are in no file.
    fileprivate func lacks(
        _ received: SequenceSet, of asked: Range<UInt64>, besides givenUp: [Range<UInt64>]
    ) -> Bool {
        var there = SequenceSet()
        for range in givenUp { there.insert(range) }
        var next = asked.lowerBound
        for missing in missingSequences {
            there.insert(next..<missing.lowerBound)
            next = missing.upperBound
        }
        there.insert(next..<max(next, asked.upperBound))
        return ([0..<received.watermark] + received.ranges).contains { range in
            let wanted = range.clamped(to: asked)
            return !wanted.isEmpty && there.relation(of: wanted) != .contained
        }
    }
}
