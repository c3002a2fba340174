public import MeterWire

/// What an emitter did so far. Counts are of events unless their name says otherwise.
public struct EmitterStatistics: Sendable, Equatable {
    /// Events that `record` was called with.
    public internal(set) var recorded: UInt64 = 0
    /// Dropped because the server was away for longer than memory lasts.
    public internal(set) var dropped: UInt64 = 0
    /// Dropped because they break a rule of the format.
    public internal(set) var invalid: UInt64 = 0
    /// What was wrong with the newest invalid event.
    public internal(set) var lastDefect: EventDefect?
    /// Sealed into frames.
    public internal(set) var sealed: UInt64 = 0
    /// Known to be on the server's disk.
    public internal(set) var durable: UInt64 = 0
    /// Sealed and not known to be on the server's disk.
    public internal(set) var outstanding: UInt64 = 0
    /// Bytes of frames that are kept for them.
    public internal(set) var outstandingBytes: UInt64 = 0
    /// Bytes of spool files that this emitter holds.
    public internal(set) var spoolBytes: UInt64 = 0
    /// Sources of dead processes that were found in the spool and taken over.
    public internal(set) var adoptedSources: UInt64 = 0
    /// Their events that are not known to be on the server's disk yet; in no other count here.
    public internal(set) var adoptedOutstanding: UInt64 = 0
    /// Sources in the spool that are sealed with a key that was not given: they are left alone.
    public internal(set) var foreignSources: UInt64 = 0
    /// Files in the spool that did not hold what was written. What could be read of them is sent; they are
    /// kept as `.damaged`, for a person.
    public internal(set) var damagedSpoolFiles: UInt64 = 0
    /// Times that the spool's disk refused something; frames are then kept in memory alone.
    public internal(set) var spoolFailures: UInt64 = 0
    /// What it refused last, in a line.
    public internal(set) var lastSpoolFailure: String?
    /// Frames of events that were sent, again or not.
    public internal(set) var framesSent: UInt64 = 0
    /// Of those: sent again.
    public internal(set) var framesResent: UInt64 = 0
    /// Claims that were sent, again or not.
    public internal(set) var claimsSent: UInt64 = 0
    /// Bytes of frames and claims.
    public internal(set) var bytesSent: UInt64 = 0
    /// Acknowledgements that came.
    public internal(set) var acknowledgements: UInt64 = 0
    /// Messages that came and were none, or not under our key.
    public internal(set) var invalidAcknowledgements: UInt64 = 0
    /// Times that datagrams were given up for the stream (``EmitterOptions/fallBack``).
    public internal(set) var fallBacks: UInt64 = 0
    /// Whether the stream is used now because datagrams do not get through.
    public internal(set) var isFallenBack = false
    /// Times that a stream was opened.
    public internal(set) var connections: UInt64 = 0
    /// What the server said last of our sources: accepted.
    public internal(set) var accepted: UInt64 = 0
    /// Of the accepted: more than an hour older than their arrival.
    public internal(set) var behind: UInt64 = 0
    /// Came to the server more than once.
    public internal(set) var duplicate: UInt64 = 0
    /// In conflict with others of the same source.
    public internal(set) var inConflict: UInt64 = 0
    /// Refused for good.
    public internal(set) var refused: UInt64 = 0
    /// The present source.
    public internal(set) var source = SourceID(high: 0, low: 0)
    /// How many sources there were, the present one included.
    public internal(set) var sourceCount: UInt64 = 0

    init() {}
}
