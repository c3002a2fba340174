package import MeterWire

/// Nothing more can be told in a billing period: Waldur's month is over.
package struct PeriodCut: Equatable, Codable, Sendable {
    package let waldur: WaldurID
    package let month: BillingMonth
    /// The journal position up to which its usage counts as in time; what is accepted above is *late*.
    package let position: UInt64

    package init(waldur: WaldurID, month: BillingMonth, position: UInt64) {
        self.waldur = waldur
        self.month = month
        self.position = position
    }
}

/// Waldur was seen to have turned the month: prices are the new ones, invoices are the new month's.
package struct MonthTurned: Equatable, Codable, Sendable {
    package enum Evidence: String, Codable, Sendable, CaseIterable {
        /// Every announced price is the price.
        case prices
        /// The provider's own invoice of the new month is there.
        case invoice
        /// There was nothing to see; the delay alone decided.
        case delay
    }

    package let waldur: WaldurID
    /// The month that has begun.
    package let month: BillingMonth
    package let evidence: Evidence
    /// When, by Waldur's clock.
    package let at: Timestamp

    package init(waldur: WaldurID, month: BillingMonth, evidence: Evidence, at: Timestamp) {
        self.waldur = waldur
        self.month = month
        self.evidence = evidence
        self.at = at
    }
}

/// A tenant's billing period is closed: its statement stands.
package struct PeriodClosed: Equatable, Codable, Sendable {
    package let waldur: WaldurID
    package let month: BillingMonth
    package let tenant: Name
    /// 1, and one more after each reopening.
    package let revision: UInt32
    /// SHA-256 of the statement, 64 hexadecimal digits.
    package let statement: String
    /// That of the revision before; nil for the first.
    package let previous: String?
    /// The newest carry and adjustment that it could have: the next revision has those after them.
    package let lastCarry: UInt64
    package let lastAdjustment: UInt64

    package init(
        waldur: WaldurID,
        month: BillingMonth,
        tenant: Name,
        revision: UInt32,
        statement: String,
        previous: String? = nil,
        lastCarry: UInt64 = 0,
        lastAdjustment: UInt64 = 0
    ) {
        self.waldur = waldur
        self.month = month
        self.tenant = tenant
        self.revision = revision
        self.statement = statement
        self.previous = previous
        self.lastCarry = lastCarry
        self.lastAdjustment = lastAdjustment
    }

    package var key: TenantPeriod { TenantPeriod(waldur: waldur, month: month, tenant: tenant) }
}

/// A closed period is opened again, for a next revision with adjustments only.
package struct PeriodReopened: Equatable, Codable, Sendable {
    package let waldur: WaldurID
    package let month: BillingMonth
    package let tenant: Name
    /// The revision that is opened again.
    package let revision: UInt32
    package let reason: String

    package init(
        waldur: WaldurID,
        month: BillingMonth,
        tenant: Name,
        revision: UInt32,
        reason: String
    ) {
        self.waldur = waldur
        self.month = month
        self.tenant = tenant
        self.revision = revision
        self.reason = reason
    }

    package var key: TenantPeriod { TenantPeriod(waldur: waldur, month: month, tenant: tenant) }
}

/// Whose billing period.
package struct TenantPeriod: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let waldur: WaldurID
    package let month: BillingMonth
    package let tenant: Name

    package init(waldur: WaldurID, month: BillingMonth, tenant: Name) {
        self.waldur = waldur
        self.month = month
        self.tenant = tenant
    }

    package var description: String { "\(month) of \(tenant) in \(waldur)" }

    package static func < (left: TenantPeriod, right: TenantPeriod) -> Bool {
        if left.waldur != right.waldur { return left.waldur < right.waldur }
        if left.month != right.month { return left.month < right.month }
        return left.tenant < right.tenant
    }
}

/// The closings of a tenant's billing period.
package struct PeriodStanding: Equatable, Sendable {
    /// The newest revision.
    package internal(set) var closed: PeriodClosed
    /// When that was.
    package internal(set) var closedAt: Timestamp
    /// Those before it, the first first.
    package internal(set) var earlier: [PeriodClosed] = []
    /// Opened again since.
    package internal(set) var isReopened = false

    /// A revision by its number.
    package func revision(_ number: UInt32) -> PeriodClosed? {
        (earlier + [closed]).first { $0.revision == number }
    }
}

/// A key that statements are signed with from now on; of the key itself only what verifies is booked.
package struct StatementKeySet: Equatable, Codable, Sendable {
    /// Ed25519, 64 hexadecimal digits.
    package let publicKey: String
    package let label: String?

    package init(publicKey: String, label: String? = nil) {
        self.publicKey = publicKey
        self.label = label
    }
}
