package import MeterWire
internal import Synchronization

package typealias PendingDetails = Pending<DetailsAnswer>

extension Engine {
    /// Adds up details at the present append position: live, being flushed, files.
    ///
    /// Position and generation are pinned as for usage, so what both say at one position agrees. What is lost
    /// or damaged is named in the answer; it never fails for that.
    ///
    /// - Parameter now: With nothing appended since, the answer is of this time.
    /// - Throws: `.tooManyGroups` if the answer would have more than ``DetailsQuery/groupCountMax``.
    /// - Complexity: O(live rows of the query's tenants and agents) under the shards' locks, then O(rows of
    ///   the blocks that can match).
    package func details(
        _ query: DetailsQuery, at now: Timestamp
    ) throws(EngineError) -> PendingDetails {
        var accumulator = DetailsAccumulator(query, counting: policy.counting)
        let erasures = erasures
        let pinned = pin(tenants: query.tenants) { live, generation in
            live.addDetails(to: &accumulator, erasures.pending(from: generation.liveStart))
        }
        return PendingDetails(
            answer: try pinned.answer(accumulator, erasures, at: now), epoch: pinned.epoch,
            position: pinned.position, damage: [])
    }

    /// Calls whose model or user a limit kept from being told apart, since the server's start, by tenant.
    package var foldedCalls: [Name: FoldedCalls] {
        var sum: [Name: FoldedCalls] = [:]
        for shard in shards {
            for (tenant, calls) in shard.state.withLock({ $0.foldedCalls }) {
                sum[tenant, default: FoldedCalls()] += calls
            }
        }
        return sum
    }

    /// Details that are lost or cannot be read, in words.
    package var missingDetails: [String] {
        generation.withLock { $0 }.missingDetails().map(\.description)
    }

    /// Bytes of details in memory, live and being flushed.
    package var heldDetailByteCount: Int { held.load().detailByteCount }

    /// The open files of details, in the order of their spans.
    package var detailsFiles: [DetailsFile] { generation.withLock { $0.details } }
}

extension Engine.Pinned {
    /// Adds what is not live any more to what was found live.
    func answer(
        _ live: DetailsAccumulator, _ erasures: DetailsErasures, at now: Timestamp
    ) throws(EngineError) -> DetailsAnswer {
        var accumulator = live
        if let flushing = generation.flushing {
            let pending = erasures.pending(from: flushing.span.from)
            for counters in flushing.counters {
                counters.counters.addDetails(to: &accumulator, pending)
            }
        }
        var missing: [String] = []
        for file in generation.details {
            missing += file.scan(into: &accumulator, erasures.pending(for: file))
        }
        let query = accumulator.query
        for lost in generation.missingDetails() where lost.overlaps(query.windows) {
            missing.append(lost.description)
        }
        guard !accumulator.isOverfull else {
            throw .tooManyGroups(limit: query.groupCountMax)
        }
        let retainedFrom = generation.details.map(\.retainedFrom).max()
        return DetailsAnswer(
            totals: accumulator.finish(), position: position, asOf: now,
            completeThrough: completeThrough(at: now), missing: missing,
            retainedFrom: retainedFrom ?? QuarterHour(rawValue: 0))
    }
}

/// A span of the journal whose usage is in segments and whose details are not there.
struct LostDetails: Equatable, CustomStringConvertible {
    let span: JournalSpan
    /// In which the span's usage lies.
    let minutes: ClosedRange<Minute>
    let reason: String

    var description: String {
        "details of the journal's positions \(span.from) to \(span.to) are missing: \(reason)"
    }

    func overlaps(_ windows: [QuarterHour]) -> Bool {
        guard let first = windows.first, let end = windows.last, first < end else { return false }
        return QuarterHour(of: minutes.lowerBound) < end
            && first <= QuarterHour(of: minutes.upperBound)
    }
}

extension Generation {
    /// The position from which on details are live.
    var liveStart: UInt64 { flushing?.span.to ?? checkpoint }

    /// The spans before the checkpoint that no readable file of details covers though there is usage.
    func missingDetails() -> [LostDetails] {
        var lost: [LostDetails] = []
        var position: UInt64 = 0
        for span in details.map(\.span) + [JournalSpan(from: checkpoint, to: checkpoint)] {
            if span.from > position {
                lost += self.lost(JournalSpan(from: position, to: span.from))
            }
            position = max(position, span.to)
        }
        return lost
    }

    /// Nothing is lost where there is no usage.
    private func lost(_ span: JournalSpan) -> [LostDetails] {
        let minutes =
            segments
            .filter { $0.span.from < span.to && span.from < $0.span.to }
            .compactMap(\.minutes)
        guard let first = minutes.map(\.lowerBound).min(),
            let last = minutes.map(\.upperBound).max()
        else { return [] }
        let reasons = damagedDetails.keys.sorted().compactMap { name -> String? in
            guard case .sealed(_, let damaged) = DataFileName(name), damaged.from < span.to,
                span.from < damaged.to
            else { return nil }
            return damagedDetails[name]
        }
        return [
            LostDetails(
                span: span, minutes: first...last,
                reason: reasons.isEmpty
                    ? "no file covers them; restore it from the archive"
                    : reasons.joined(separator: "; "))
        ]
    }
}
