package import MeterWire
internal import Synchronization

/// An answer that may not be given out yet: it holds once the journal is durable up to its position, and
/// only if no recovery came between.
package struct Pending<Answer: Sendable>: Sendable {
    let answer: Answer
    let epoch: UInt64
    package let position: UInt64
    /// Damaged ranges that had to be left out, in words; empty when the answer is whole.
    package let damage: [String]
}

package typealias PendingAnswer = Pending<UsageAnswer>

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
        var accumulator = UsageAccumulator(query, counting: policy.counting)
        let pinned = pin(tenants: query.tenants) { live, _ in live.add(to: &accumulator) }
        let (answer, damage) = try pinned.answer(accumulator, at: now)
        return PendingAnswer(
            answer: answer, epoch: pinned.epoch, position: pinned.position, damage: damage)
    }

    /// Adds up usage and details at one position, so that what both say agrees: all calls of the details have
    /// the amounts of the usage.
    ///
    /// - Parameter details: About the tenants of `query`; answered in their order.
    /// - Throws: As `query` and `details` do.
    /// - Complexity: That of all of them; the shards' locks are taken once.
    package func query(
        _ query: UsageQuery, with details: [DetailsQuery], at now: Timestamp
    ) throws(EngineError) -> Pending<UsageWithDetails> {
        let counting = policy.counting
        var accumulator = UsageAccumulator(query, counting: counting)
        var detailed = details.map { DetailsAccumulator($0, counting: counting) }
        let erasures = erasures
        let pinned = pin(tenants: query.tenants) { live, generation in
            live.add(to: &accumulator)
            let pending = erasures.pending(from: generation.liveStart)
            for index in detailed.indices { live.addDetails(to: &detailed[index], pending) }
        }
        let (usage, damage) = try pinned.answer(accumulator, at: now)
        var answers: [DetailsAnswer] = []
        for accumulator in detailed {
            answers.append(try pinned.answer(accumulator, erasures, at: now))
        }
        return Pending(
            answer: UsageWithDetails(usage: usage, details: answers), epoch: pinned.epoch,
            position: pinned.position, damage: damage)
    }

    /// What an answer rests on.
    struct Pinned: Sendable {
        let position: UInt64
        let epoch: UInt64
        let generation: Generation
        fileprivate(set) var earliestOpen = Timestamp(milliseconds: .max)

        /// Up to when nothing can change any more; nil when that is unknown.
        func completeThrough(at now: Timestamp) -> Timestamp? {
            earliestOpen.milliseconds > 0 ? min(earliestOpen, now) : nil
        }
    }

    /// Pins a position and the generation that goes with it, while `visit` sees each shard's counters as
    /// they are there.
    ///
    /// - Parameter tenants: Sources that can have used nothing of theirs leave nothing open; nil for all.
    func pin(
        tenants: Set<Name>?, visit: (borrowing LiveCounters, Generation) -> Void
    ) -> Pinned {
        let policy = policy
        var earliestOpen = Timestamp(milliseconds: .max)
        var pinned = withFrozenShards {
            Pinned(
                position: appended, epoch: epoch.load(ordering: .acquiring),
                generation: generation.withLock { $0 })
        } visit: { _, state, pinned in
            visit(state.live, pinned.generation)
            for source in state.sources {
                if let tenants {
                    let allowed = policy.principals[source.key.principal]
                    guard source.mayTouch(tenants, allowed: allowed) else { continue }
                }
                earliestOpen = min(
                    earliestOpen, source.completeThrough(retired: policy.retired[source.key]))
            }
        }
        pinned.earliestOpen = earliestOpen
        return pinned
    }

    /// The answer, if it may be given out: nil while its position is not durable, or when a recovery has
    /// given up what it rests on and the question must be asked again.
    package func answer<Answer>(_ pending: Pending<Answer>) -> Answer? {
        guard durable >= pending.position, !isOutlived(pending) else { return nil }
        return pending.answer
    }

    /// Whether a recovery came between: the question must be asked again.
    package func isOutlived<Answer>(_ pending: Pending<Answer>) -> Bool {
        epoch.load(ordering: .acquiring) != pending.epoch
    }
}

extension Engine.Pinned {
    /// Adds what is not live any more to what was found live; and damaged ranges that had to be left out, in
    /// words.
    fileprivate func answer(
        _ live: UsageAccumulator, at now: Timestamp
    ) throws(EngineError) -> (answer: UsageAnswer, damage: [String]) {
        var accumulator = live
        for flushing in generation.flushing?.counters ?? [] {
            flushing.counters.add(to: &accumulator)
        }
        var damage: [String] = []
        do throws(SegmentError) {
            for segment in generation.segments {
                let scan = try segment.scan(into: &accumulator)
                damage += scan.damaged.map(\.error.description)
            }
        } catch { throw .segment(error) }
        let answer = UsageAnswer(
            totals: accumulator.finish(), position: position, asOf: now,
            completeThrough: completeThrough(at: now))
        return (answer, damage)
    }
}

extension LiveCounters {
    /// Adds the rows that a query wants, visiting only series of its tenants and agents.
    func add(to accumulator: inout UsageAccumulator) {
        let components = accumulator.register(components: names.componentNames)
        let query = accumulator.query
        names.forEachSeries(tenants: query.tenants, agents: query.agents) { series in
            let group = accumulator.register(series: names.seriesName(series))
            forEachSum(ofSeries: series) { minute, component, sum, count in
                accumulator.add(
                    series: group, component: components[Int(component)], minute: minute,
                    UsageTotal(sum: UInt128(sum), count: count))
            }
        }
    }
}
