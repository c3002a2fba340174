/// What came in and what became of it, of one principal since the server's start, in events.
///
/// Conservation (design §3.5): `events` is counted before anything is decided, the others where each
/// decision is made, and their sum must be `events`.
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

    package init() {}

    /// Whether every event has exactly one outcome.
    package var isConserved: Bool {
        events == accepted &+ refused &+ inConflict &+ duplicate &+ deferred
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
