package import MeterWire
internal import Synchronization

/// Events that have ids instead of sequences: those of one HTTP request.
package struct IngestBatch: Sendable {
    package var transport: Transport
    package var principal: PrincipalID
    /// Milliseconds since 1970, from which the payload's first event time is counted.
    package var baseTime: Int64
    /// In a frame's event coding, of `identities.count` events.
    package var payload: [UInt8]
    /// One for each event, in order.
    package var identities: [EventIdentity]

    package init(
        by transport: Transport = .http, principal: PrincipalID, baseTime: Int64,
        payload: [UInt8], identities: [EventIdentity]
    ) {
        self.transport = transport
        self.principal = principal
        self.baseTime = baseTime
        self.payload = payload
        self.identities = identities
    }
}

/// What became of a batch.
package struct BatchOutcome: Sendable, Equatable {
    /// One for each event, in order; empty when the batch was deferred.
    package var items: [ItemOutcome] = []
    /// Nothing was decided: the batch is to be sent again.
    package var deferral: Deferral?
    /// The limit for which it was deferred, if it was one of a tenant or the principal.
    package var hit: LimitHit?
    /// The outcomes may be told once the journal is durable up to here.
    package var position: UInt64 = 0
}

extension Receiver {
    /// Admits a batch: compares ids with those seen before, decides, journals and counts it, in memory
    /// only.
    ///
    /// An id that was seen with the same content is a duplicate, with another content a conflict, also
    /// within the batch. What is refused leaves its id free.
    ///
    /// - Complexity: O(events); one read of an id file where an id may have been seen before the last
    ///   checkpoint.
    package func ingest(batch: IngestBatch, at now: Timestamp) -> BatchOutcome {
        unsafe batch.payload.withUnsafeBytes { payload in
            unsafe ingest(batch, payload, at: now)
        }
    }

    private func ingest(
        _ arrived: IngestBatch, _ payload: UnsafeRawBufferPointer, at now: Timestamp
    ) -> BatchOutcome {
        let eventCount = arrived.identities.count
        var record = BatchRecord(
            transport: arrived.transport, principal: arrived.principal, receivedAt: now,
            baseTime: arrived.baseTime, outcomes: [], identities: arrived.identities)
        do throws(FrameError) {
            try unsafe batch.decode(
                payload: payload, eventCount: eventCount, baseTime: arrived.baseTime)
        } catch {
            withShard(of: arrived.principal) { state in
                state.counts[arrived.principal, default: AdmissionCounts()].events &+= UInt64(
                    eventCount)
                state.counts[arrived.principal]?.refused &+= UInt64(eventCount)
            }
            return BatchOutcome(
                items: Array(repeating: .refused(.malformed), count: eventCount))
        }
        let policy = engine.policy
        let limiter = gate.limiter(of: arrived.principal)
        var outcome = BatchOutcome()
        withShard(of: arrived.principal) { state in
            state.counts[arrived.principal, default: AdmissionCounts()].events += UInt64(eventCount)
            var deferral: Deferral?
            if let hit = rateHit(of: limiter, policy, at: now) {
                outcome.hit = hit
                deferral = hit.deferral
            } else if let items = itemOutcomes(of: record, policy, &state) {
                record.outcomes = items
                if let hit = identifierHit(of: record) {
                    outcome.hit = hit
                    deferral = hit.deferral
                } else if let position = unsafe journalAndCount(record, payload, &state) {
                    outcome.items = items
                    outcome.position = position
                    gate.take(batch, byteCount: payload.count, of: limiter, at: now)
                    state.counts[arrived.principal]?.note(items)
                } else {
                    deferral = .journal
                }
            } else {
                deferral = .liveKeys
            }
            outcome.deferral = deferral
            if deferral != nil {
                state.counts[arrived.principal]?.deferred += UInt64(eventCount)
            }
        }
        return outcome
    }

    private func withShard(of principal: PrincipalID, _ body: (inout ShardState) -> Void) {
        let shard = engine.shards[principal.shardIndex(of: engine.shards.count)]
        shard.state.withLock { state in body(&state) }
    }

    /// Decides about each event of the decoded batch; nil when there is no room, or an id file cannot be
    /// read.
    private func itemOutcomes(
        of record: BatchRecord, _ policy: AdmissionPolicy, _ state: inout ShardState
    ) -> [ItemOutcome]? {
        guard engine.hasRoom(for: batch, in: state.live) else { return nil }
        found.find(batch, in: state.live.names)
        let verdict = judge.judge(
            batch, found,
            by: FrameJudge.Rules(
                policy: policy, principal: record.principal, engine: engine,
                now: record.receivedAt, transport: record.transport),
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

    /// Whether more ids would have to be remembered than the principal may have: what is remembered is never
    /// forgotten for it. Only batches with new events are held back.
    private func identifierHit(of record: BatchRecord) -> LimitHit? {
        let subject = LimitSubject.principal(record.principal)
        let count = record.outcomes.count { $0 == .accepted }
        guard count > 0,
            let budget = engine.limiters.rules.value(.identifiers, of: subject)
        else { return nil }
        let minutes = engine.identifiers.withLock {
            $0.minutesUntilRoom(
                for: UInt64(count), of: record.principal, budget: budget,
                receivedSince: engine.options.rememberedSince(record.receivedAt))
        }
        guard let minutes else { return nil }
        let hit = LimitHit(
            subject: subject, limit: .identifiers, value: budget,
            waitMilliseconds: minutes * 60_000)
        engine.limiters.note(hit)
        return hit
    }

    /// Journals the batch and counts what is accepted; the position from which on it may be told. Nil when
    /// the journal cannot take it: then nothing has changed.
    private func journalAndCount(
        _ record: BatchRecord, _ payload: UnsafeRawBufferPointer, _ state: inout ShardState
    ) -> UInt64? {
        // Duplicates alone change nothing; they may be told when what they repeat is durable.
        if record.outcomes.allSatisfy({ $0 == .duplicate }) { return engine.journal.appended }
        head.removeAll(keepingCapacity: true)
        record.write(to: &head)
        guard let end = unsafe journal(payload, as: RecordKind.batch) else { return nil }
        let held = state.live.held
        _ = state.apply(record, batch, &found, options: engine.options)
        engine.held.add(state.live.held - held)
        engine.identifiers.withLock { $0.insert(acceptedIn: record) }
        return end
    }
}

extension EngineOptions {
    /// Ids received before this minute are forgotten: no event that could carry one is admitted any more.
    func rememberedSince(_ now: Timestamp) -> Minute {
        let horizon = identifierHorizonMilliseconds + futureMilliseconds + 60_000
        return Minute(now.advanced(byMilliseconds: -horizon)) ?? Minute(rawValue: 0)
    }
}

extension IdentifierIndex {
    /// Remembers the accepted events of a batch.
    mutating func insert(acceptedIn record: BatchRecord) {
        let received = Minute(record.receivedAt) ?? Minute(rawValue: 0)
        for (outcome, identity) in zip(record.outcomes, record.identities)
        where outcome == .accepted {
            insert(
                IdentifierEntry(
                    hash: identity.hash, content: identity.content, received: received),
                of: record.principal)
        }
    }
}

extension AdmissionCounts {
    fileprivate mutating func note(_ items: [ItemOutcome]) {
        for item in items {
            switch item {
            case .accepted: accepted += 1
            case .duplicate: duplicate += 1
            case .inConflict: inConflict += 1
            case .refused: refused += 1
            }
        }
    }
}
