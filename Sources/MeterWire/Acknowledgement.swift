/// What the server has of a source, told to its emitter.
///
/// Everything in it is of the source's whole life, so that acknowledgements may be lost, repeated and
/// reordered: the emitter keeps the largest of each number and the union of the durable ranges.
package struct Acknowledgement: Equatable, Sendable {
    /// Events of the source by what became of them.
    package struct Counters: Equatable, Sendable {
        /// Counted, and on disk.
        package var accepted: UInt64
        /// Of the accepted: more than an hour older than their arrival.
        package var behind: UInt64
        /// Came again, the same frame.
        package var duplicate: UInt64
        /// Came again; the tag is no longer known to compare with.
        package var unverifiedDuplicate: UInt64
        /// In frames that overlap others without being the same; kept, not counted.
        package var inConflict: UInt64
        /// Refused for good, by ``RefusalReason`` number; in order of the number.
        package var refused: [Refused]

        package init(
            accepted: UInt64 = 0,
            behind: UInt64 = 0,
            duplicate: UInt64 = 0,
            unverifiedDuplicate: UInt64 = 0,
            inConflict: UInt64 = 0,
            refused: [Refused] = []
        ) {
            self.accepted = accepted
            self.behind = behind
            self.duplicate = duplicate
            self.unverifiedDuplicate = unverifiedDuplicate
            self.inConflict = inConflict
            self.refused = refused
        }
    }

    /// How many events were refused for one reason; a reason may be newer than this program.
    package struct Refused: Equatable, Sendable {
        package var reason: UInt8
        package var count: UInt64

        package init(reason: UInt8, count: UInt64) {
            self.reason = reason
            self.count = count
        }
    }

    package var source: SourceID
    /// Every sequence below this is on disk.
    package var durableThrough: UInt64
    /// Every sequence below this is in the archive; nil where no archive is configured.
    package var archivedThrough: UInt64?
    /// The newest claim that is on disk; 0 for none.
    package var claimNumber: UInt64
    /// The source is in conflict with itself: begin a new one.
    package var isQuarantined: Bool
    /// Nil where the answer had no room for them.
    package var counters: Counters?
    /// On disk, above `durableThrough`.
    package var durable: [Range<UInt64>]
    /// Never came, below something that came or was claimed: send now.
    package var missing: [Range<UInt64>]
    /// Came and was not taken because of a limit: send again later.
    package var deferred: [Range<UInt64>]
    /// Some ranges were left out for want of room.
    package var rangesAreTruncated: Bool

    package init(
        source: SourceID,
        durableThrough: UInt64,
        archivedThrough: UInt64? = nil,
        claimNumber: UInt64 = 0,
        isQuarantined: Bool = false,
        counters: Counters? = nil,
        durable: [Range<UInt64>] = [],
        missing: [Range<UInt64>] = [],
        deferred: [Range<UInt64>] = [],
        rangesAreTruncated: Bool = false
    ) {
        self.source = source
        self.durableThrough = durableThrough
        self.archivedThrough = archivedThrough
        self.claimNumber = claimNumber
        self.isQuarantined = isQuarantined
        self.counters = counters
        self.durable = durable
        self.missing = missing
        self.deferred = deferred
        self.rangesAreTruncated = rangesAreTruncated
    }
}
