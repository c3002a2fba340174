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
    /// Whose acknowledgement is due; nil for what is ignored.
    package var source: SourceHandle?
    /// The acknowledgement is due once the journal is durable up to here.
    package var position: UInt64
    package var sequences: Range<UInt64>
}
