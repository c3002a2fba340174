internal import MeterWire
internal import Synchronization

extension Engine {
    /// What may be told of a source now: only what is durable. Nil when the source or its key is gone.
    ///
    /// - Parameters:
    ///   - byteCountMax: At least `Acknowledgement.byteCountMin`; lists are shortened to fit.
    ///   - deferred: Ranges that arrived lately and were not taken.
    package func acknowledgement(
        for source: SourceHandle, byteCountMax: Int, deferred: [Range<UInt64>] = []
    ) -> [UInt8]? {
        let durablePosition = durable
        let told = shards[source.shard].state.withLock { state -> Acknowledgement? in
            guard let index = state.index(of: source.key) else { return nil }
            state.settle(at: index, durablePosition: durablePosition)
            return Acknowledgement(of: state.sources[index], deferred: deferred)
        }
        // A source that was deferred from its first frame on has no state yet.
        let acknowledgement =
            told
            ?? Acknowledgement(
                source: source.key.source, durableThrough: 0, deferred: deferred)
        let policy = policy
        if source.key.principal == policy.insecurePrincipal {
            return acknowledgement.encode(byteCountMax: byteCountMax, key: nil)
        }
        return policy.credentials[source.keyID].map {
            acknowledgement.encode(byteCountMax: byteCountMax, key: $0.key)
        }
    }
}

extension Acknowledgement {
    init(of state: SourceState, deferred: [Range<UInt64>]) {
        let counts = state.durableCounts
        self.init(
            source: state.key.source, durableThrough: state.durable.watermark,
            claimNumber: state.durableClaimNumber, isQuarantined: state.quarantined,
            counters: Counters(
                accepted: counts.accepted, behind: counts.behind, duplicate: counts.duplicate,
                unverifiedDuplicate: counts.unverified, inConflict: counts.inConflict,
                refused: counts.refused.map { Refused(reason: $0.key.rawValue, count: $0.value) }
                    .sorted { $0.reason < $1.reason }),
            durable: state.durable.ranges,
            missing: state.openHoles.filter { hole in
                !deferred.contains { $0.overlaps(hole) }
            }, deferred: deferred)
    }
}
