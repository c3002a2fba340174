package import MeterWire

/// An append-only correction of one row, with the reason; its author stands beside it in the book.
package struct AdjustmentMade: Equatable, Codable, Sendable {
    package enum Kind: String, Codable, Sendable, CaseIterable {
        /// A figure that somebody else wrote in Waldur was accepted.
        case changedInWaldur = "changed-in-waldur"
        /// A person says how much more or less it was.
        case amend
        /// Takes another adjustment back.
        case revert
    }

    /// Larger than that of every adjustment before.
    package private(set) var number: UInt64
    package let kind: Kind
    package let key: SubmissionKey
    /// Not zero.
    package let amount: LedgerAmount
    package let reason: String
    /// The adjustment that this one takes back.
    package private(set) var reverts: UInt64?

    package init(
        number: UInt64,
        kind: Kind,
        key: SubmissionKey,
        amount: LedgerAmount,
        reason: String,
        reverts: UInt64? = nil
    ) {
        self.number = number
        self.kind = kind
        self.key = key
        self.amount = amount
        self.reason = reason
        self.reverts = reverts
    }

    /// The same under another number.
    func numbered(_ number: UInt64, reverting reverts: UInt64?) -> AdjustmentMade {
        var copy = self
        copy.number = number
        copy.reverts = reverts
        return copy
    }
}

/// A person has taken note of an adjustment that was made without one.
package struct AdjustmentAcknowledged: Equatable, Codable, Sendable {
    package let number: UInt64
    package let reason: String

    package init(number: UInt64, reason: String) {
        self.number = number
        self.reason = reason
    }
}

/// An adjustment, and whether somebody has taken note of it.
package struct AdjustmentStanding: Equatable, Sendable {
    package let adjustment: AdjustmentMade
    package let author: String
    package let made: Timestamp
    package internal(set) var isAcknowledged = false
    package internal(set) var isReverted = false

    init(adjustment: AdjustmentMade, author: String, made: Timestamp) {
        self.adjustment = adjustment
        self.author = author
        self.made = made
    }
}
