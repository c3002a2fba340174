internal import MeterWire
internal import Synchronization

/// The files and tables that history is read from at one moment; replaced as a whole.
///
/// Between the beginning and the end of a checkpoint its counters are in `flushing`; the swap to the new
/// segment is one step, so a query sees them in the one place or in the other.
struct Generation: Sendable {
    /// Everything before this position is in `segments`.
    var checkpoint: UInt64
    var segments: [Segment]
    /// Details before that position, in the order of their spans; what is missing between them is lost.
    var details: [DetailsFile]
    /// Files of details that cannot be read, by name; they stay where they are.
    var damagedDetails: [String: String] = [:]
    /// Files of details that are read as far as they can be and not merged, since a merge failed.
    var brokenDetails: Set<String> = []
    var flushing: PendingCheckpoint?
}

/// A shard's counters that a checkpoint took out: read by queries, written by nobody.
final class FlushingCounters: Sendable {
    let counters: LiveCounters

    init(_ counters: consuming LiveCounters) { self.counters = counters }
}

/// A checkpoint that was begun: the state at a position, waiting to be written.
package final class PendingCheckpoint: Sendable {
    /// The journal positions that the new files will cover; `to` is the checkpoint's position.
    package let span: JournalSpan
    let epoch: UInt64
    let counters: [FlushingCounters]
    let sources: [SourceState]
    let identifiers: IdentifierTable

    init(
        span: JournalSpan, epoch: UInt64, counters: [FlushingCounters], sources: [SourceState],
        identifiers: IdentifierTable
    ) {
        self.span = span
        self.epoch = epoch
        self.counters = counters
        self.sources = sources
        self.identifiers = identifiers
    }
}
