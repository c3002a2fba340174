package import MeterWire

/// Where to find a source again: its shard and its key. Cheap to keep until the acknowledgement is due.
package struct SourceHandle: Hashable, Sendable {
    package let key: SourceKey
    let shard: Int
    /// The key of the frame that is answered: the acknowledgement is made with it.
    let keyID: KeyID
}

/// Why nothing was decided about a frame or batch: it is to be sent again, and no number is consumed.
package enum Deferral: String, Sendable, CaseIterable {
    /// More counters than the engine may hold until a checkpoint is written.
    case liveKeys = "live-keys"
    /// More ranges above the source's watermark than are kept.
    case openRanges = "open-ranges"
    /// More sources than a principal may have.
    case sources = "sources"
    /// The principal sends faster than it may.
    case principalRate = "principal-rate"
    /// Every tenant in it uses more than it may.
    case tenantRate = "tenant-rate"
    /// A principal's events have as many ids as may be remembered.
    case identifiers = "ids"
    /// The journal cannot take it: its buffer is full, or the disk failed and it is being recovered.
    case journal = "journal"
    /// The server stops.
    case stopping = "stopping"
}

/// What became of one arriving frame.
package struct FrameOutcome: Sendable {
    package enum Disposition: Sendable, Equatable {
        /// Journalled; each event was accepted or refused.
        case new
        case duplicate
        case inConflict
        case deferred(Deferral)
        /// Not authentic, not a frame, or a claim that nobody can read: counted by reason, nothing is
        /// kept and nothing is answered.
        case ignored(FrameError)
    }

    package var disposition: Disposition
    /// Milliseconds after which what was deferred for a rate may be taken; 0 for other reasons.
    package var waitMilliseconds: Int64 = 0
    /// Whose acknowledgement is due; nil for what is ignored.
    package var source: SourceHandle?
    /// The acknowledgement is due once the journal is durable up to here.
    package var position: UInt64
    package var sequences: Range<UInt64>
}

extension FrameOutcome {
    /// What is said of a frame that nobody looked at, since its principal is over its rates.
    init(unverified hit: LimitHit) {
        self.init(
            disposition: .deferred(hit.deferral), waitMilliseconds: hit.waitMilliseconds,
            source: nil, position: 0, sequences: 0..<0)
    }

    mutating func `defer`(for hit: LimitHit) {
        disposition = .deferred(hit.deferral)
        waitMilliseconds = hit.waitMilliseconds
    }
}

extension LimitHit {
    /// As what something is deferred that meets the limit.
    package var deferral: Deferral {
        switch (limit, subject) {
        case (.identifiers, _): .identifiers
        case (.sources, _): .sources
        case (_, .tenant): .tenantRate
        case (_, .principal): .principalRate
        }
    }
}
