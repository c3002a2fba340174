package import MeterWire
internal import Synchronization

/// Events that have ids instead of sequences: those of one HTTP request.
package struct IngestBatch: Sendable {
    package var principal: PrincipalID
    /// Milliseconds since 1970, from which the payload's first event time is counted.
    package var baseTime: Int64
    /// In a frame's event coding, of `identities.count` events.
    package var payload: [UInt8]
    /// One for each event, in order.
    package var identities: [EventIdentity]

    package init(
        principal: PrincipalID, baseTime: Int64, payload: [UInt8], identities: [EventIdentity]
    ) {
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
            transport: .http, principal: arrived.principal, receivedAt: now,
            baseTime: arrived.baseTime, outcomes: [], identities: arrived.identities)
        do throws(FrameError) {
            try unsafe decode(payload, eventCount: eventCount, baseTime: arrived.baseTime)
        } catch {
            withShard(of: arrived.principal) { state in
                state.counts[arrived.principal, default: AdmissionCounts()].events &+= UInt64(
                    eventCount)
                state.counts[arrived.principal]?.refused &+= UInt64(eventCount)
            }
            return BatchOutcome(
                items: Array(repeating: .refused(.malformed), count: eventCount))
        }
        var outcome = BatchOutcome()
        withShard(of: arrived.principal) { state in
            state.counts[arrived.principal, default: AdmissionCounts()].events += UInt64(eventCount)
            guard let items = itemOutcomes(of: record, &state) else {
                outcome.deferral = .liveKeys
                state.counts[arrived.principal]?.deferred += UInt64(eventCount)
                return
            }
            record.outcomes = items
            guard let position = unsafe journalAndCount(record, payload, &state) else {
                outcome.deferral = .journal
                state.counts[arrived.principal]?.deferred += UInt64(eventCount)
                return
            }
            outcome.items = items
            outcome.position = position
            state.counts[arrived.principal]?.note(items)
        }
        return outcome
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
                    hash: identity.hash, content: identity.content, received: received))
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
