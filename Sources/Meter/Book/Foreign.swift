package import MeterWire

/// Waldur shows a figure for a row that Meter did not write last.
package struct ForeignFound: Equatable, Codable, Sendable {
    package let key: SubmissionKey
    /// What the usage row shows, as Waldur writes it; nil where there is no row.
    package let usage: String?
    /// What the invoice item shows, as Waldur writes it; nil where nobody looked or there is none.
    package let quantity: String?
    /// What Meter had last confirmed; nil for nothing.
    package let confirmed: Hundredths?
    /// The mark of the other Meter that wrote it; nil where nothing shows that one did.
    package let writer: SubmissionMark?

    package init(
        key: SubmissionKey,
        usage: String?,
        quantity: String? = nil,
        confirmed: Hundredths?,
        writer: SubmissionMark? = nil
    ) {
        self.key = key
        self.usage = usage
        self.quantity = quantity
        self.confirmed = confirmed
        self.writer = writer
    }
}

/// What is done about a foreign figure.
package struct ForeignDecided: Equatable, Codable, Sendable {
    package enum Verdict: String, Codable, Sendable, CaseIterable {
        /// Meter's figure is sent again, though it may be lower.
        case reassert
        /// Waldur's figure stands, and Meter counts on from it; an adjustment of the same append says
        /// by how much.
        case accept
        /// Waldur shows the confirmed figure again; nothing is left to decide.
        case gone
    }

    package let key: SubmissionKey
    package let verdict: Verdict
    /// What is accepted; nil unless it is.
    package let amount: Hundredths?
    /// The deadline passed and the configured default decided.
    package let byDefault: Bool
    package let reason: String

    package init(
        key: SubmissionKey,
        verdict: Verdict,
        amount: Hundredths? = nil,
        byDefault: Bool = false,
        reason: String
    ) {
        self.key = key
        self.verdict = verdict
        self.amount = amount
        self.byDefault = byDefault
        self.reason = reason
    }
}

/// A foreign figure, and whether anybody has decided about it.
package struct ForeignStanding: Equatable, Sendable {
    package internal(set) var found: ForeignFound
    /// When it was first found.
    package let since: Timestamp
    /// Meter's figure is to be sent again.
    package internal(set) var isToReassert = false

    init(found: ForeignFound, since: Timestamp) {
        self.found = found
        self.since = since
    }
}
