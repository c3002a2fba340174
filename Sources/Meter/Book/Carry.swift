package import MeterWire

/// Why usage could not be told in its own plan or billing period.
package enum CarryCause: String, Codable, Sendable, CaseIterable {
    /// Metered after the last total that could be told before Waldur's boundary.
    case tail
    /// Accepted after its billing period was cut.
    case late
    /// Waldur, or Meter, was away when its last total was due.
    case outage
    /// Its plan period has ended, and the row has an invoice item that is never changed again.
    case planEnded = "plan-ended"
    /// A correction of a period that was cut.
    case correction
    /// What rounding left when its row was done with: less than a hundredth of the reported unit.
    case residue
}

/// Usage leaves the row that it belongs to, since nothing more can be told there.
package struct CarryMade: Equatable, Codable, Sendable {
    /// Larger than that of every carry before.
    package let number: UInt64
    /// The row that it belongs to.
    package let from: SubmissionKey
    package let cause: CarryCause
    /// Not zero; below zero for a correction.
    package let amount: LedgerAmount
    /// The row that it is told in, at the same plan, price and customer. nil: it waits.
    package let to: SubmissionKey?
    /// The journal position at which it is exact.
    package let position: UInt64
    /// The price of its own row, as Waldur showed it; nil where nobody has seen it.
    package let price: String?
    /// Whose resource it was; nil where nobody has seen it.
    package let customer: Name?
    /// Of a correction below zero: how many cuts it had lived through before, in other rows.
    package let cuts: UInt32?

    package init(
        number: UInt64,
        from: SubmissionKey,
        cause: CarryCause,
        amount: LedgerAmount,
        to: SubmissionKey? = nil,
        position: UInt64,
        price: String? = nil,
        customer: Name? = nil,
        cuts: UInt32? = nil
    ) {
        self.number = number
        self.from = from
        self.cause = cause
        self.amount = amount
        self.to = to
        self.position = position
        self.price = price
        self.customer = customer
        self.cuts = cuts
    }
}

/// What became of a carry that waited.
package struct CarrySettled: Equatable, Codable, Sendable {
    package enum Settlement: String, Codable, Sendable, CaseIterable {
        /// It is told in another row: by the reporter at equal plan, price and customer, or because a
        /// person wants it at the price of that row.
        case landed
        /// Waldur's staff are asked to put it right by hand.
        case creditRequest = "credit-request"
        /// Nobody will ever be billed for it.
        case writtenOff = "written-off"
    }

    package let number: UInt64
    package let settlement: Settlement
    /// The row that it lands in; nil unless it lands.
    package let to: SubmissionKey?
    /// Needed unless it lands at equal plan, price and customer.
    package let reason: String?

    package init(
        number: UInt64,
        settlement: Settlement,
        to: SubmissionKey? = nil,
        reason: String? = nil
    ) {
        self.number = number
        self.settlement = settlement
        self.to = to
        self.reason = reason
    }
}

/// A carry, and how it stands.
package struct CarryStanding: Equatable, Sendable {
    package let carry: CarryMade
    package let made: Timestamp
    package internal(set) var settled: CarrySettled?
    package internal(set) var settledAt: Timestamp?
    /// The grant of the credit that it requests.
    package internal(set) var credit: CreditGranted?
    package internal(set) var creditedAt: Timestamp?
    /// How many months of its Waldur were cut when it was made.
    let cutCount: Int

    init(carry: CarryMade, made: Timestamp, cutCount: Int) {
        self.carry = carry
        self.made = made
        self.cutCount = cutCount
    }

    /// The row whose total it is in; nil while it waits, and when it is told nowhere.
    package var target: SubmissionKey? { carry.to ?? settled?.to }

    /// Nobody has decided where it goes.
    package var waits: Bool { carry.to == nil && settled == nil }

    /// Waldur's staff were asked for a credit.
    package var requestsCredit: Bool { settled?.settlement == .creditRequest }

    /// One word: `waits`, `lands`, what it was settled by, or `credited`.
    package var state: String {
        if credit != nil { return "credited" }
        return settled?.settlement.rawValue ?? (waits ? "waits" : "lands")
    }
}
