package import MeterWire
internal import Synchronization

/// How many sources there are, and how many of them a person may want to look at.
package struct SourceStandings: Sendable, Equatable {
    package var total = 0
    /// Without a last claim nobody knows what the emitter still had; those apart that were retired.
    package var unclean = 0
    /// A person said that they will not come back, and they did not.
    package var retired = 0
    /// With numbers that have not come and were not given up.
    package var incomplete = 0
    package var quarantined = 0
    /// The earliest time that some source could still change; nil when that is unknown of one, or there
    /// is none.
    package var completeThrough: Timestamp?

    init(_ sources: [SourceState], retired retirements: [SourceKey: Timestamp] = [:]) {
        total = sources.count
        var least: Timestamp?
        var isKnown = true
        for source in sources {
            let decided = retirements[source.key]
            if source.isRetired(at: decided) {
                retired += 1
            } else if source.claimed?.claim.isLast != true {
                unclean += 1
            }
            if !source.openHoles.isEmpty { incomplete += 1 }
            if source.quarantined { quarantined += 1 }
            let through = source.completeThrough(retired: decided)
            isKnown = isKnown && through.milliseconds > 0
            least = min(least ?? through, through)
        }
        completeThrough = isKnown ? least : nil
    }

    /// The same, no later than now; now where there is no source.
    package func completeThrough(at now: Timestamp) -> Timestamp? {
        total == 0 ? now : completeThrough.map { min($0, now) }
    }

    static func + (first: Self, second: Self) -> Self {
        var sum = first
        sum.total += second.total
        sum.unclean += second.unclean
        sum.retired += second.retired
        sum.incomplete += second.incomplete
        sum.quarantined += second.quarantined
        if first.total == 0 {
            sum.completeThrough = second.completeThrough
        } else if second.total > 0 {
            let both = [first.completeThrough, second.completeThrough].compactMap { $0 }
            sum.completeThrough = both.count == 2 ? both.min() : nil
        }
        return sum
    }
}

extension Engine {
    /// How many sources there are and how they stand; costs a look at each, shard by shard, and no memory.
    package func sourceStandings() -> SourceStandings {
        let retired = policy.retired
        return shards.reduce(SourceStandings([])) { sum, shard in
            sum + shard.state.withLock { SourceStandings($0.sources, retired: retired) }
        }
    }

    /// Counters in memory, those included that a checkpoint is writing.
    package var liveKeyCount: Int { held.load().keyCount }
}
