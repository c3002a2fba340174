internal import MeterWire
internal import Synchronization

extension Engine {
    /// Merges some neighbouring files of details into one, or rewrites one of which much may be left out.
    ///
    /// - Returns: The name of the file that was written; nil when all are well as they are.
    func mergeDetails(at now: Timestamp) throws(EngineError) -> String? {
        let present = generation.withLock { $0 }
        let files = present.details.filter { !present.brokenDetails.contains($0.name) }
        let cutoff = options.detailsRetainedSince(now)
        if let file = files.first(where: { options.isMostlyExpired($0, before: cutoff) }) {
            return try rewrite([file], retainedFrom: cutoff)
        }
        for stretch in Self.stretches(of: files) {
            let candidates = stretch.map {
                MergePolicy.Candidate(name: $0.name, byteCount: $0.byteCount)
            }
            guard
                let names = MergePolicy.next(candidates, countMin: options.mergeCountMin)
            else { continue }
            return try rewrite(
                stretch.filter { names.contains($0.name) }, retainedFrom: cutoff)
        }
        return nil
    }

    /// Applies the erasures that were decided to one file that still needs one of them.
    ///
    /// The calls up to the decision are in a file only after a checkpoint that was begun later.
    ///
    /// - Returns: The name of the file that was written anew; nil when none needs it.
    /// - Throws: `EngineError`, also where a file that has the name cannot be read or removed.
    package func eraseNext() throws(EngineError) -> String? {
        try maintenance.withLock { _ throws(EngineError) in
            let erasures = erasures
            let files = generation.withLock { $0.details }
            for file in files {
                let pending = erasures.pending(for: file)
                if pending.isEmpty { continue }
                do throws(SealedFileError) {
                    if try ErasureMap(pending, of: file).isEmpty { continue }
                } catch { throw .file(error) }
                let name = try rewrite([file], retainedFrom: file.retainedFrom)
                // A file that this one's replaced may have the name still.
                if let failure = removeReplacedFiles().failure { throw failure }
                return name
            }
            return nil
        }
    }

    /// Erasures that were decided and are not yet applied everywhere; queries keep to them already.
    ///
    /// - Throws: `.file` where a file cannot be read that may have the name.
    package func pendingErasures() throws(EngineError) -> [DetailsErasure] {
        let erasures = erasures
        let present = generation.withLock { $0 }
        var pending = erasures.pending(from: present.checkpoint)
        do throws(SealedFileError) {
            for file in present.details {
                for erasure in erasures.pending(for: file) where !pending.contains(erasure) {
                    let concerned = try ErasureMap([erasure], of: file)
                    if !concerned.isEmpty { pending.append(erasure) }
                }
            }
        } catch { throw .file(error) }
        return pending
    }

    /// Files whose spans follow each other without a hole: only those can be merged.
    private static func stretches(of files: [DetailsFile]) -> [[DetailsFile]] {
        var stretches: [[DetailsFile]] = []
        for file in files {
            if let last = stretches.last?.last, last.span.to == file.span.from {
                stretches[stretches.count - 1].append(file)
            } else {
                stretches.append([file])
            }
        }
        return stretches
    }

    /// Writes one file in place of neighbours, and makes it the one that is read.
    ///
    /// A file that turns out to be damaged is served as far as it can be, and left alone from then on.
    private func rewrite(
        _ inputs: [DetailsFile], retainedFrom: QuarterHour
    ) throws(EngineError) -> String {
        let erasures = erasures
        let span = JournalSpan(
            from: inputs[0].span.from, to: inputs[inputs.count - 1].span.to)
        let target = DetailsWriting.Target(
            span: span, disk: disk,
            retainedFrom: inputs.map(\.retainedFrom).reduce(retainedFrom, max),
            erasedThrough: erasures.newest, isReplacement: inputs.count == 1)
        let merged: DetailsFile
        do throws(SealedFileError) {
            var source = try MergingDetails(inputs, erasures)
            merged = try DetailsWriting.write(&source, target, expected: .files(inputs))
        } catch {
            if !error.isOfDisk {
                let named = inputs.map(\.name).filter { $0 == error.file }
                generation.withLock {
                    $0.brokenDetails.formUnion(named.isEmpty ? inputs.map(\.name) : named)
                }
            }
            throw .file(error)
        }
        generation.withLock { generation in
            guard
                let first = generation.details.firstIndex(where: { $0 === inputs[0] })
            else { return }
            generation.details.replaceSubrange(
                first..<(first + inputs.count), with: CollectionOfOne(merged))
        }
        return merged.name
    }
}

extension EngineOptions {
    /// The first quarter hour whose details are kept.
    func detailsRetainedSince(_ now: Timestamp) -> QuarterHour {
        let earliest = now.advanced(byMilliseconds: -detailsRetentionMilliseconds)
        return QuarterHour(of: Minute(earliest) ?? Minute(rawValue: 0))
    }

    /// Whether rewriting a file is worth while for what can be left out: its rows began an eighth of the
    /// retention before the first that is kept, or all are before it.
    func isMostlyExpired(_ file: DetailsFile, before cutoff: QuarterHour) -> Bool {
        guard let quarters = file.quarters else { return false }
        let slack = detailsRetentionMilliseconds / 8 / QuarterHour.millisecondCount
        return quarters.upperBound < cutoff
            || Int64(quarters.lowerBound.rawValue) + slack < Int64(cutoff.rawValue)
    }
}
