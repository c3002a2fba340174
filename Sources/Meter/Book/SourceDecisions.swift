package import MeterWire

/// One life of one emitter as the engine keeps it: two principals may use the same source id.
package struct SourceKey: Hashable, Comparable, Codable, Sendable {
    package let principal: PrincipalID
    package let source: SourceID

    package init(principal: PrincipalID, source: SourceID) {
        self.principal = principal
        self.source = source
    }

    package static func < (left: SourceKey, right: SourceKey) -> Bool {
        left.principal != right.principal
            ? left.principal < right.principal : left.source < right.source
    }
}

/// A person says that a source will not come back. Nothing of it is refused by that: should it speak again,
/// what it says counts, and the retirement is over.
package struct SourceRetirement: Equatable, Codable, Sendable {
    package let source: SourceKey
    package let reason: String

    package init(source: SourceKey, reason: String) {
        self.source = source
        self.reason = reason
    }
}

/// A retirement, and when it was decided.
package struct RetiredSource: Equatable, Sendable {
    package let reason: String
    package let time: Timestamp
}

/// Why something of a source may be missing.
package enum GapCause: String, Codable, Sendable, CaseIterable {
    /// Numbers below the highest have not come; the emitter may still send them.
    case open
    /// The emitter itself says that they will not come.
    case givenUp = "given-up"
    /// Recorded and dropped before it had numbers.
    case dropped
    /// Contradicts what was counted, and is kept as evidence.
    case inConflict = "in-conflict"
    /// The source never said that it ended: nobody knows what it still had.
    case unclean

    /// As it stands in the book: what has numbers of the source is the same whatever the cause.
    var booked: GapCause? { self == .dropped || self == .inConflict ? self : nil }
}

/// A person accepts that events of a source will not come.
package struct GapAcceptance: Equatable, Codable, Sendable {
    package let source: SourceKey
    package let from: UInt64
    package let to: UInt64
    /// nil: the events numbered `[from, to)`. Otherwise `dropped` or `in-conflict`, whose events have no
    /// numbers of their own and are counted from 0.
    package let cause: GapCause?
    package let reason: String

    package init(
        source: SourceKey,
        from: UInt64,
        to: UInt64,
        cause: GapCause? = nil,
        reason: String
    ) {
        self.source = source
        self.from = from
        self.to = to
        self.cause = cause
        self.reason = reason
    }
}

/// A person decides whether a frame in conflict counts.
package struct ConflictDecision: Equatable, Codable, Sendable {
    package let source: SourceKey
    /// Where the frame stands in the journal.
    package let position: UInt64
    package let counts: Bool
    package let reason: String

    package init(source: SourceKey, position: UInt64, counts: Bool, reason: String) {
        self.source = source
        self.position = position
        self.counts = counts
        self.reason = reason
    }
}
