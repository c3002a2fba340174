internal import MeterWire

/// What one shard keeps of its sources, and the counters that their events go into.
///
/// A source lives in one shard for ever, so its dedup and the counting of its events are under one lock,
/// taken once per frame. Live ingest decides and then applies; replay only applies: `apply` is the one
/// place where a frame changes anything.
struct ShardState: ~Copyable {
    var live: LiveCounters
    private(set) var sources: [SourceState] = []
    private var indexes: [SourceKey: Int] = [:]
    var counts: [PrincipalID: AdmissionCounts] = [:]
    private(set) var sourceCounts: [PrincipalID: Int] = [:]
    private var counter = BatchCounter()
    /// Counters that were taken out so far, + 1.
    private var countersNumber: UInt64 = 1
    private let limits: DetailLimits
    /// Calls of earlier counters that details folded, by tenant.
    private var folded: [Name: FoldedCalls] = [:]
    private var tenantNames: SharedNames

    init(seed: UInt64, limits: DetailLimits) {
        self.limits = limits
        live = LiveCounters(seed: seed, limits: limits)
        tenantNames = SharedNames(seed: seed)
    }

    func index(of key: SourceKey) -> Int? { indexes[key] }

    /// Takes over a source as a checkpoint has it.
    mutating func restore(_ source: SourceState) {
        indexes[source.key] = sources.count
        sources.append(source)
        sources[sources.count - 1].share(&tenantNames)
        sourceCounts[source.key.principal, default: 0] += 1
    }

    private mutating func indexOrInsert(_ record: FrameRecord) -> Int {
        let key = SourceKey(principal: record.principal, source: record.header.source)
        if let index = indexes[key] { return index }
        restore(SourceState(key: key, firstSeen: record.receivedAt))
        return sources.count - 1
    }

    /// Applies a journalled events frame: dedup, counters, and what may be acknowledged once the journal
    /// is durable up to `end`.
    ///
    /// - Parameter found: The batch's names, looked up in these counters.
    mutating func apply(
        _ record: FrameRecord, _ batch: borrowing EventBatch, _ found: inout BatchNames,
        end: UInt64, options: EngineOptions
    ) -> BatchCounter.Counted {
        let behindBefore = record.receivedAt
            .advanced(byMilliseconds: -options.behindMilliseconds).milliseconds
        let counted = counter.count(
            batch, &found, by: record.transport.way, verdict: record.verdict,
            behindBefore: behindBefore, into: &live)
        let index = indexOrInsert(record)
        for tenant in counter.countedTenants {
            let number = found.tenants[tenant]
            if sources[index].noted.has(number, of: countersNumber) { continue }
            sources[index].noted.insert(number, of: countersNumber)
            let bytes = unsafe batch.bytes(batch.tenants[tenant])
            unsafe sources[index].note(tenant: bytes) { unsafe tenantNames.shared(bytes) }
        }
        applyToSource(at: index, record, counted, end: end)
        return counted
    }

    /// Applies a journalled frame whose payload nobody could read: every event refused.
    mutating func applyMalformed(_ record: FrameRecord, end: UInt64) {
        var counted = BatchCounter.Counted()
        if record.verdict != .inConflict {
            counted.refused[.malformed] = UInt64(record.header.eventCount)
        }
        applyToSource(at: indexOrInsert(record), record, counted, end: end)
    }

    private mutating func applyToSource(
        at index: Int, _ record: FrameRecord, _ counted: BatchCounter.Counted, end: UInt64
    ) {
        let header = record.header
        var counts = SourceCounts()
        counts.accepted = counted.accepted
        counts.behind = counted.behind
        counts.refused = counted.refused
        var range = header.sequences
        if record.verdict == .inConflict {
            counts.inConflict = UInt64(header.eventCount)
            sources[index].quarantined = true
            sources[index].rememberEvidence(record.tag)
            range = 0..<0
        } else {
            sources[index].remember(
                SourceState.RecentFrame(
                    first: header.firstSequence, count: UInt32(header.eventCount), tag: record.tag))
        }
        sources[index].counts.add(counts)
        sources[index].lastSeen = max(sources[index].lastSeen, record.receivedAt)
        sources[index].pending.append(
            SourceState.Pending(end: end, range: range, counts: counts, claim: nil))
    }

    /// Applies a journalled claim.
    mutating func apply(_ record: FrameRecord, _ claim: Claim, end: UInt64) {
        let index = indexOrInsert(record)
        sources[index].lastSeen = max(sources[index].lastSeen, record.receivedAt)
        if sources[index].isNews(claim) {
            sources[index].claimed = SourceState.Claimed(
                claim: claim, sealedThrough: record.header.firstSequence,
                time: Timestamp(milliseconds: record.header.baseTime))
        }
        sources[index].pending.append(
            SourceState.Pending(end: end, range: 0..<0, counts: SourceCounts(), claim: claim))
    }

    /// Applies the events of a batch, which have no source.
    ///
    /// - Parameter found: The batch's names, looked up in these counters.
    mutating func apply(
        _ record: BatchRecord, _ batch: borrowing EventBatch, _ found: inout BatchNames,
        options: EngineOptions
    ) -> BatchCounter.Counted {
        let behindBefore = record.receivedAt
            .advanced(byMilliseconds: -options.behindMilliseconds).milliseconds
        return counter.count(
            batch, &found, by: record.transport.way, verdict: record.verdict,
            behindBefore: behindBefore, into: &live)
    }

    /// Counts re-sent events, which change nothing else.
    mutating func noteDuplicate(at index: Int, eventCount: Int, verified: Bool, now: Timestamp) {
        sources[index].counts.duplicate &+= UInt64(eventCount)
        sources[index].durableCounts.duplicate &+= UInt64(eventCount)
        if !verified {
            sources[index].counts.unverified &+= UInt64(eventCount)
            sources[index].durableCounts.unverified &+= UInt64(eventCount)
        }
        sources[index].lastRepeated = max(sources[index].lastRepeated, now)
    }

    /// Where something of a source has just come from, where that is known.
    mutating func note(_ peer: PeerAddress?, at index: Int?) {
        if let peer, let index { sources[index].peer = peer }
    }

    mutating func settle(at index: Int, durablePosition: UInt64) {
        sources[index].settle(durablePosition: durablePosition)
    }

    mutating func settle(_ key: SourceKey, durablePosition: UInt64) {
        if let index = indexes[key] { settle(at: index, durablePosition: durablePosition) }
    }

    /// Takes the counters out and begins new ones.
    mutating func takeCounters(seed: UInt64) -> LiveCounters {
        folded = foldedCalls
        var taken = LiveCounters(seed: seed, limits: limits)
        swap(&taken, &live)
        countersNumber += 1
        return taken
    }

    /// Calls that details folded since the server's start, by tenant; tenants beyond so many together.
    var foldedCalls: [Name: FoldedCalls] {
        var sum = folded
        for (tenant, calls) in live.details.bounds.folded {
            let name = live.names.tenantName(tenant)
            let isListed = sum[name] != nil || sum.count < ShardState.foldedTenantMax
            sum[isListed ? name : .otherDetails, default: FoldedCalls()] += calls
        }
        return sum
    }

    private static let foldedTenantMax = 1_000

    /// Takes over what is counted since the server's start, in place of what replay counted.
    mutating func takeOverCounts(from old: borrowing ShardState) {
        counts = old.counts
        folded = old.foldedCalls
        live.details.forgetFolded()
    }
}
