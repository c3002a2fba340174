package import MeterWire
internal import Synchronization

/// One receiving thread's door to the engine, with the memory that decoding reuses.
///
/// Not shared: a UDP thread, a TCP event loop or an HTTP worker each has its own.
package final class Receiver {
    let engine: Engine
    private var opener = FrameOpener()
    var batch = EventBatch()
    var found = BatchNames()
    var judge = FrameJudge()
    var gate: LimitGate
    /// The head of the record that is being journalled.
    var head: [UInt8] = []
    /// Where the present frame came from.
    private var peer: PeerAddress?

    package init(engine: Engine) {
        self.engine = engine
        gate = LimitGate(limiters: engine.limiters, seed: engine.seed)
        head.reserveCapacity(256)
    }

    /// Admits one frame: authenticates, decodes, compares with what was received, decides, journals and
    /// counts it, in memory only.
    ///
    /// The acknowledgement is due once the journal is durable up to the outcome's position, and comes from
    /// ``Engine/acknowledgement(for:byteCountMax:deferred:)``.
    ///
    /// - Parameters:
    ///   - frame: Exactly one frame; not kept.
    ///   - peer: Where it came from; kept of an authentic frame's source.
    /// - Complexity: O(bytes); allocates nothing in the steady state.
    package func ingest(
        frame: UnsafeRawBufferPointer, at now: Timestamp, by transport: Transport,
        from peer: PeerAddress? = nil
    ) -> FrameOutcome {
        self.peer = peer
        do throws(FrameError) {
            let header = try unsafe FrameHeader.parse(frame)
            let policy = engine.policy
            let principal: PrincipalID
            let opened: OpenedFrame
            if transport == .backfill {
                principal = .backfill
                opened = try unsafe opener.openUnauthenticated(frame, header: header)
            } else if let credential = policy.credentials[header.keyID], header.suite != .crc32c {
                principal = credential.principal
                if let hit = shed(principal, at: now) { return FrameOutcome(unverified: hit) }
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

    /// Admits one frame of a file that the administration takes in: for every tenant, whenever it was
    /// used, under no rate and no limit of names.
    package func ingest(backfill frame: [UInt8], at now: Timestamp) -> FrameOutcome {
        unsafe frame.withUnsafeBytes { unsafe ingest(frame: $0, at: now, by: .backfill) }
    }

    /// A principal that is over its rates is held back before anything is spent on its frame, but for
    /// some that are looked at so that their emitter hears of it.
    private func shed(_ principal: PrincipalID, at now: Timestamp) -> LimitHit? {
        let limiter = gate.limiter(of: principal)
        guard let hit = limiter.hit(at: now), !limiter.mayAnswer(at: BucketTime(now)) else {
            return nil
        }
        limiter.note(hit.limit)
        return hit
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
            record.times = batch.times
        } catch {
            isWellFormed = false
        }
        let key = SourceKey(principal: record.principal, source: header.source)
        let limiter = gate.limiter(of: key.principal)
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
                limiter.take(
                    events: 0, bytes: header.frameByteCount, at: BucketTime(record.receivedAt))
                outcome.disposition = .duplicate
                outcome.position = state.sources[index].pending.last?.end ?? 0
                state.note(peer, at: index)
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
            } else if record.transport != .backfill,
                let hit = rateHit(of: limiter, policy, at: record.receivedAt)
            {
                state.counts[key.principal]?.deferred &+= eventCount
                outcome.defer(for: hit)
                return
            } else {
                found.find(batch, in: state.live.names)
                record.verdict = judge.judge(
                    batch, found,
                    by: FrameJudge.Rules(
                        policy: policy, principal: key.principal, engine: engine,
                        now: record.receivedAt, transport: record.transport), live: state.live)
            }
            guard let end = unsafe append(record, payload) else {
                state.counts[key.principal]?.deferred &+= eventCount
                outcome.disposition = .deferred(.journal)
                return
            }
            outcome.position = end
            if record.verdict == .inConflict { outcome.disposition = .inConflict }
            if record.transport == .backfill {
                // Nobody's rate is used up.
            } else if isWellFormed, record.verdict != .inConflict {
                gate.take(
                    batch, byteCount: header.frameByteCount, of: limiter, at: record.receivedAt)
            } else {
                limiter.take(
                    events: header.eventCount, bytes: header.frameByteCount,
                    at: BucketTime(record.receivedAt))
            }
            apply(record, isWellFormed: isWellFormed, end: end, to: &state)
            state.note(peer, at: index ?? state.index(of: key))
        }
        return outcome
    }

    /// The rate that keeps the decoded batch out now, counted with whoever has it; nil if none does.
    func rateHit(
        of principal: Limiter, _ policy: AdmissionPolicy, at now: Timestamp
    ) -> LimitHit? {
        guard case .principal(let id) = principal.subject,
            let hit = gate.hit(
                batch, of: principal, allowed: policy.principals[id] ?? .only([]), at: now)
        else { return nil }
        engine.limiters.note(hit)
        return hit
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
        let counted = state.apply(record, batch, &found, end: end, options: engine.options)
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
        let subject = LimitSubject.principal(principal)
        let most = engine.limiters.rules.count(.sources, of: subject)
        let count = state.sourceCounts[principal] ?? 0
        guard count > most / engine.shards.count else { return nil }
        engine.limiters.principal(principal).note(.sources)
        return .sources
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
    func journal(_ payload: UnsafeRawBufferPointer, as kind: UInt8) -> UInt64? {
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
            gate.limiter(of: key.principal).take(
                events: 0, bytes: header.frameByteCount, at: BucketTime(record.receivedAt))
            state.apply(record, claim, end: end)
            state.note(peer, at: index ?? state.index(of: key))
        }
        return outcome
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
