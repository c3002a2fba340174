package import MeterWire
internal import Synchronization

/// One receiving thread's door to the engine, with the memory that decoding reuses.
///
/// Not shared: a UDP thread, a TCP event loop or an HTTP worker each has its own.
package final class Receiver {
    private let engine: Engine
    private var opener = FrameOpener()
    private var batch = EventBatch()
    private var judge = FrameJudge()
    private var head: [UInt8] = []

    package init(engine: Engine) {
        self.engine = engine
        head.reserveCapacity(256)
    }

    /// Admits one frame: authenticates, decodes, compares with what was received, decides, journals and
    /// counts it, in memory only.
    ///
    /// The acknowledgement is due once the journal is durable up to the outcome's position, and comes from
    /// ``Engine/acknowledgement(for:byteCountMax:deferred:)``.
    ///
    /// - Parameter frame: Exactly one frame; not kept.
    /// - Complexity: O(bytes); allocates nothing in the steady state.
    package func ingest(
        frame: UnsafeRawBufferPointer, at now: Timestamp, by transport: Transport
    ) -> FrameOutcome {
        do throws(FrameError) {
            let header = try unsafe FrameHeader.parse(frame)
            let policy = engine.policy
            let principal: PrincipalID
            let opened: OpenedFrame
            if let credential = policy.credentials[header.keyID], header.suite != .crc32c {
                principal = credential.principal
                opened = try unsafe opener.open(frame, header: header, key: credential.key)
            } else if header.suite == .crc32c, let insecure = policy.insecurePrincipal {
                principal = insecure
                opened = try unsafe opener.openUnauthenticated(frame, header: header)
            } else {
                throw header.suite == .crc32c
                    ? .suiteNotAllowed(.crc32c) : .otherKey(header.keyID)
            }
            let record = FrameRecord(
                transport: transport, verdict: .accepted, principal: principal, receivedAt: now,
                tag: opened.tag, header: header)
            switch header.kind {
            case .events: return unsafe admit(record, payload: opened.payload, policy: policy)
            case .claim: return try unsafe admitClaim(record, payload: opened.payload)
            }
        } catch {
            return FrameOutcome(
                disposition: .ignored(error), source: nil, position: 0, sequences: 0..<0)
        }
    }

    private func admit(
        _ arrived: FrameRecord, payload: UnsafeRawBufferPointer, policy: AdmissionPolicy
    ) -> FrameOutcome {
        var record = arrived
        let header = record.header
        let isWellFormed: Bool
        do throws(FrameError) {
            try unsafe batch.decode(
                payload: payload, eventCount: header.eventCount, baseTime: header.baseTime)
            isWellFormed = true
        } catch {
            isWellFormed = false
        }
        let key = SourceKey(principal: record.principal, source: header.source)
        let shard = key.shardIndex(of: engine.shards.count)
        var outcome = FrameOutcome(
            disposition: .new, source: SourceHandle(key: key, shard: shard, keyID: header.keyID),
            position: 0,
            sequences: header.sequences)
        engine.shards[shard].state.withLock { state in
            let eventCount = UInt64(header.eventCount)
            state.counts[key.principal, default: AdmissionCounts()].events &+= eventCount
            let index = state.index(of: key)
            let standing = index.map {
                state.sources[$0].standing(
                    of: SourceState.RecentFrame(
                        first: header.firstSequence, count: UInt32(header.eventCount),
                        tag: record.tag))
            }
            let isKnownEvidence =
                standing == .inConflict
                && index.map { state.sources[$0].isEvidence(record.tag) } == true
            if let index,
                standing == .duplicate || standing == .unverifiedDuplicate || isKnownEvidence
            {
                state.noteDuplicate(
                    at: index, eventCount: header.eventCount,
                    verified: standing != .unverifiedDuplicate, now: record.receivedAt)
                state.counts[key.principal]?.duplicate &+= eventCount
                outcome.disposition = .duplicate
                outcome.position = state.sources[index].pending.last?.end ?? 0
                return
            }
            if standing == .inConflict {
                record.verdict = .inConflict
            } else if let deferral = deferral(of: record, at: index, in: state) {
                state.counts[key.principal]?.deferred &+= eventCount
                outcome.disposition = .deferred(deferral)
                return
            } else if !isWellFormed {
                record.verdict = .refused(.malformed)
            } else {
                record.verdict = judge.judge(
                    batch,
                    by: FrameJudge.Rules(
                        policy: policy, principal: key.principal, options: engine.options,
                        registry: engine.registry, now: record.receivedAt,
                        transport: record.transport), live: state.live)
            }
            guard let end = unsafe append(record, payload) else {
                state.counts[key.principal]?.deferred &+= eventCount
                outcome.disposition = .deferred(.journal)
                return
            }
            outcome.position = end
            if record.verdict == .inConflict { outcome.disposition = .inConflict }
            apply(record, isWellFormed: isWellFormed, end: end, to: &state)
        }
        return outcome
    }

    private func apply(
        _ record: FrameRecord, isWellFormed: Bool, end: UInt64, to state: inout ShardState
    ) {
        let principal = record.principal
        let eventCount = UInt64(record.header.eventCount)
        guard isWellFormed else {
            state.applyMalformed(record, end: end)
            if record.verdict == .inConflict {
                state.counts[principal]?.inConflict &+= eventCount
            } else {
                state.counts[principal]?.refused &+= eventCount
            }
            return
        }
        let held = state.live.held
        let counted = state.apply(record, batch, end: end, options: engine.options)
        engine.held.add(state.live.held - held)
        state.counts[principal]?.accepted &+= counted.accepted
        state.counts[principal]?.refused &+= counted.refused.values.reduce(0, &+)
        if record.verdict == .inConflict { state.counts[principal]?.inConflict &+= eventCount }
    }

    /// Whether a limit keeps a new frame out for now.
    private func deferral(
        of record: FrameRecord, at index: Int?, in state: borrowing ShardState
    ) -> Deferral? {
        if !engine.hasRoom(for: batch, in: state.live) { return .liveKeys }
        guard let index else { return deferral(ofNewSource: record.principal, in: state) }
        let rangeCount = state.sources[index].openRangeCount(
            afterReceiving: record.header.sequences, atMost: engine.options.openRangeMax)
        return rangeCount > engine.options.openRangeMax ? .openRanges : nil
    }

    private func deferral(
        ofNewSource principal: PrincipalID, in state: borrowing ShardState
    ) -> Deferral? {
        let count = state.sourceCounts[principal] ?? 0
        return count >= engine.options.sourcesPerPrincipalMax / engine.shards.count + 1
            ? .sources : nil
    }

    /// Whether a checkpoint could be read again that has this claim in it: written in the order of its
    /// lines, a claim may take more bytes than it came in. No emitter's does that writes it so itself.
    private func canBeKept(_ claim: Claim, _ header: FrameHeader) -> Bool {
        // An index grows by two bytes at most, and nothing that has one is smaller than two.
        header.payloadByteCount <= WireLimits.frameByteCountMax / 2
            || claim.payload(baseTime: header.baseTime).count <= WireLimits.frameByteCountMax
    }

    private func append(_ record: FrameRecord, _ payload: UnsafeRawBufferPointer) -> UInt64? {
        head.removeAll(keepingCapacity: true)
        record.write(to: &head)
        return unsafe journal(payload, as: RecordKind.frame)
    }

    /// Appends `head` and a payload; nil when the journal cannot take them now, or ever.
    private func journal(_ payload: UnsafeRawBufferPointer, as kind: UInt8) -> UInt64? {
        guard head.count + payload.count <= engine.journal.payloadBytesMax else { return nil }
        return unsafe head.withUnsafeBytes { head in
            unsafe engine.journal.append(kind: kind, head, payload)
        }
    }

    private func admitClaim(
        _ record: FrameRecord, payload: UnsafeRawBufferPointer
    ) throws(FrameError) -> FrameOutcome {
        let header = record.header
        let claim = try unsafe Claim.decode(
            payload: payload, baseTime: header.baseTime, sealedThrough: header.firstSequence)
        guard canBeKept(claim, header) else {
            throw .frameTooLarge(byteCount: header.frameByteCount)
        }
        let key = SourceKey(principal: record.principal, source: header.source)
        let shard = key.shardIndex(of: engine.shards.count)
        var outcome = FrameOutcome(
            disposition: .new, source: SourceHandle(key: key, shard: shard, keyID: header.keyID),
            position: 0,
            sequences: header.sequences)
        engine.shards[shard].state.withLock { state in
            let index = state.index(of: key)
            if let index, !state.sources[index].isNews(claim) {
                outcome.disposition = .duplicate
                outcome.position = state.sources[index].pending.last?.end ?? 0
                return
            }
            // A claim takes no counter and opens no range; what it says may be what closes some.
            if index == nil, let deferral = deferral(ofNewSource: key.principal, in: state) {
                outcome.disposition = .deferred(deferral)
                return
            }
            guard let end = unsafe append(record, payload) else {
                outcome.disposition = .deferred(.journal)
                return
            }
            outcome.position = end
            state.apply(record, claim, end: end)
        }
        return outcome
    }

    // MARK: - Batches

    func decode(
        _ payload: UnsafeRawBufferPointer, eventCount: Int, baseTime: Int64
    ) throws(FrameError) {
        try unsafe batch.decode(payload: payload, eventCount: eventCount, baseTime: baseTime)
    }

    func withShard(of principal: PrincipalID, _ body: (inout ShardState) -> Void) {
        let shard = engine.shards[principal.shardIndex(of: engine.shards.count)]
        shard.state.withLock { state in body(&state) }
    }

    /// Decides about each event of the decoded batch; nil when there is no room, or an id file cannot be
    /// read.
    func itemOutcomes(of record: BatchRecord, _ state: inout ShardState) -> [ItemOutcome]? {
        guard engine.hasRoom(for: batch, in: state.live) else { return nil }
        let verdict = judge.judge(
            batch,
            by: FrameJudge.Rules(
                policy: engine.policy, principal: record.principal, options: engine.options,
                registry: engine.registry, now: record.receivedAt, transport: record.transport),
            live: state.live)
        var items = verdict.itemOutcomes(count: record.identities.count)
        var inBatch: [IdentifierHash: UInt64] = [:]
        let remembered = engine.options.rememberedSince(record.receivedAt)
        for (index, identity) in record.identities.enumerated() {
            let seen: UInt64?
            do throws(SealedFileError) {
                if let repeated = inBatch[identity.hash] {
                    seen = repeated
                } else {
                    seen = try engine.identifiers.withLock {
                        (identifiers) throws(SealedFileError) -> UInt64? in
                        try identifiers.entry(identity.hash, receivedSince: remembered)?.content
                    }
                }
            } catch {
                // Nobody knows whether it was counted: it is to be sent again.
                return nil
            }
            if let seen {
                items[index] = seen == identity.content ? .duplicate : .inConflict
            } else if items[index] == .accepted {
                inBatch[identity.hash] = identity.content
            }
        }
        return items
    }

    /// Journals the batch and counts what is accepted; the position from which on it may be told. Nil when
    /// the journal cannot take it: then nothing has changed.
    func journalAndCount(
        _ record: BatchRecord, _ payload: UnsafeRawBufferPointer, _ state: inout ShardState
    ) -> UInt64? {
        // Duplicates alone change nothing; they may be told when what they repeat is durable.
        if record.outcomes.allSatisfy({ $0 == .duplicate }) { return engine.journal.appended }
        head.removeAll(keepingCapacity: true)
        record.write(to: &head)
        guard let end = unsafe journal(payload, as: RecordKind.batch) else { return nil }
        let held = state.live.held
        _ = state.apply(record, batch, options: engine.options)
        engine.held.add(state.live.held - held)
        engine.identifiers.withLock { $0.insert(acceptedIn: record) }
        return end
    }
}

extension Engine {
    /// Whether the counters may take a batch: by what is held, and by the numbers that series may have
    /// until the next checkpoint. The registry limits the numbers of components.
    func hasRoom(for batch: borrowing EventBatch, in live: borrowing LiveCounters) -> Bool {
        let held = held.load()
        return held.keyCount < options.liveKeyMax
            && held.detailByteCount < options.detailByteCountMax
            && live.names.series.count + batch.eventCount < CounterKey.seriesCountMax
    }
}
