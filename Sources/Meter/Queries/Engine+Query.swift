package import MeterWire
internal import Synchronization

/// An answer that may not be given out yet: it holds once the journal is durable up to its position, and
/// only if no recovery came between.
package struct PendingAnswer: Sendable {
    let answer: UsageAnswer
    fileprivate let epoch: UInt64
    package let position: UInt64
    /// Damaged ranges that had to be left out, in words; empty when the answer is whole.
    package let damage: [String]
}

extension Engine {
    /// Adds up usage at the present append position: live counters, counters being flushed, segments.
    ///
    /// One generation and one position are pinned together, so a total neither falls nor doubles while
    /// files change underneath.
    ///
    /// A query that names tenants is as complete as the sources that may have used something of theirs.
    ///
    /// - Parameter now: With nothing appended since, the answer is of this time.
    /// - Throws: `.segment` if a segment cannot be read; damaged blocks are named in the answer instead.
    /// - Complexity: O(live keys) under the shards' locks, then O(rows of the blocks that can match).
    package func query(_ query: UsageQuery, at now: Timestamp) throws(EngineError) -> PendingAnswer
    {
        var accumulator = UsageAccumulator(query)
        var completeThrough = Timestamp(milliseconds: .max)
        let policy = policy
        let principals = policy.principals
        let pinned = withFrozenShards {
            PinnedQuery(
                position: appended, epoch: epoch.load(ordering: .acquiring),
                generation: generation.withLock { $0 })
        } visit: { _, state, _ in
            state.live.add(to: &accumulator)
            for source in state.sources {
                if let tenants = query.tenants {
                    let allowed = principals[source.key.principal]
                    guard source.mayTouch(tenants, allowed: allowed) else { continue }
                }
                completeThrough = min(
                    completeThrough,
                    source.completeThrough(retired: policy.retired[source.key])
                )
            }
        }
        let isKnown = completeThrough.milliseconds > 0
        for flushing in pinned.generation.flushing?.counters ?? [] {
            flushing.counters.add(to: &accumulator)
        }
        var damage: [String] = []
        do throws(SegmentError) {
            for segment in pinned.generation.segments {
                let scan = try segment.scan(into: &accumulator)
                damage += scan.damaged.map(\.error.description)
            }
        } catch { throw .segment(error) }
        return PendingAnswer(
            answer: UsageAnswer(
                totals: accumulator.finish(), position: pinned.position, asOf: now,
                completeThrough: isKnown ? min(completeThrough, now) : nil),
            epoch: pinned.epoch, position: pinned.position, damage: damage)
    }

    private struct PinnedQuery: Sendable {
        var position: UInt64
        var epoch: UInt64
        var generation: Generation
    }

    /// The answer, if it may be given out: nil while its position is not durable, or when a recovery has
    /// given up what it rests on and the question must be asked again.
    package func answer(_ pending: PendingAnswer) -> UsageAnswer? {
        guard durable >= pending.position, !isOutlived(pending) else { return nil }
        return pending.answer
    }

    /// Whether a recovery came between: the question must be asked again.
    package func isOutlived(_ pending: PendingAnswer) -> Bool {
        epoch.load(ordering: .acquiring) != pending.epoch
    }
}

extension LiveCounters {
    /// Adds the rows that a query wants.
    func add(to accumulator: inout UsageAccumulator) {
        let groups = accumulator.register(series: seriesNames, components: componentNames)
        table.forEachRow { row in accumulator.add(row, of: groups) }
    }
}
