/// What came in and what became of it, of one principal since the server's start, in events.
///
/// `events` is counted before anything is decided, the others where each decision is made;
/// ``Conservation`` compares their sum with it.
package struct AdmissionCounts: Equatable, Sendable {
    /// Events in authenticated frames and batches.
    package var events: UInt64 = 0
    package var accepted: UInt64 = 0
    package var refused: UInt64 = 0
    /// Stored as evidence, not counted.
    package var inConflict: UInt64 = 0
    package var duplicate: UInt64 = 0
    /// To be sent again; nothing was stored.
    package var deferred: UInt64 = 0

    package init(
        events: UInt64 = 0, accepted: UInt64 = 0, refused: UInt64 = 0, inConflict: UInt64 = 0,
        duplicate: UInt64 = 0, deferred: UInt64 = 0
    ) {
        self.events = events
        self.accepted = accepted
        self.refused = refused
        self.inConflict = inConflict
        self.duplicate = duplicate
        self.deferred = deferred
    }

    package static func + (left: AdmissionCounts, right: AdmissionCounts) -> AdmissionCounts {
        var sum = left
        sum.events &+= right.events
        sum.accepted &+= right.accepted
        sum.refused &+= right.refused
        sum.inConflict &+= right.inConflict
        sum.duplicate &+= right.duplicate
        sum.deferred &+= right.deferred
        return sum
    }
}
