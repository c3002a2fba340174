package import MeterWire

/// Usage that has a resource, by what decides its fate.
package struct AttributedUsage: Equatable, Sendable {
    /// What is kept apart.
    package struct Key: Hashable, Sendable {
        package let tenant: Name
        package let agent: Name
        package let access: AccessID
        package let resource: ResourceKey
        package let component: Name
        /// The component of the resource's offering that it is part of; without one the same.
        package let told: Name
        /// nil if it is not billable, or nobody has asked Waldur for the resource yet.
        package let planPeriod: PlanPeriodID?
        /// nil if it is billable.
        package let notBillable: NotBillableClass?

        package var account: LedgerAccount {
            LedgerAccount(resource: resource, component: told)
        }
    }

    package let key: Key
    /// In smallest units.
    package var total: Quantity
    /// How many base units of the account one smallest unit is.
    package var weight: UInt64
    /// How many amounts are in it.
    package var count: UInt64

    /// In base units of the account.
    package var weighed: Quantity {
        get throws(LedgerError) { try total.weighed(weight) }
    }
}

/// Corrections of usage that has a resource, by what decides its fate.
package struct CorrectedLine: Equatable, Sendable {
    package let key: AttributedUsage.Key
    /// In smallest units.
    package var amount: LedgerAmount
    /// How many base units of the account one smallest unit is.
    package var weight: UInt64

    /// In base units of the account.
    package var weighed: LedgerAmount {
        get throws(LedgerError) { try amount.weighed(weight) }
    }
}

/// Corrections of usage that has no resource (yet).
package struct UnassignedCorrection: Equatable, Sendable {
    package let key: UnassignedUsage.Key
    /// In smallest units.
    package var amount: LedgerAmount
}

/// Usage that has no resource (yet).
package struct UnassignedUsage: Equatable, Sendable {
    package struct Key: Hashable, Sendable {
        package let tenant: Name
        package let agent: Name
        /// As the events named it.
        package let access: AccessID?
        package let component: Name
        package let reason: UnassignedReason
    }

    package let key: Key
    /// In smallest units.
    package var total: Quantity
    package var count: UInt64
    /// The start of the first window that has some: it is at least this old or younger by one window.
    package var first: Minute
}

/// A tenant's usage of one component: every amount has a resource or has none.
package struct TenantLine: Equatable, Sendable {
    package struct Key: Hashable, Comparable, Sendable {
        package let tenant: Name
        package let component: Name

        package init(tenant: Name, component: Name) {
            self.tenant = tenant
            self.component = component
        }

        package static func < (left: Key, right: Key) -> Bool {
            left.tenant != right.tenant
                ? left.tenant < right.tenant : left.component < right.component
        }
    }

    package let key: Key
    package var metered: Quantity
    /// To resources of the period's Waldur.
    package var attributed: Quantity
    /// To resources of another Waldur, whose own ledger has them.
    package var attributedElsewhere: Quantity
    package var unassigned: Quantity
    /// What corrections add to what was metered, and where they went in the same way.
    package var adjusted = LedgerAmount.zero
    package var adjustedAttributed = LedgerAmount.zero
    package var adjustedElsewhere = LedgerAmount.zero
    package var adjustedUnassigned = LedgerAmount.zero

    init(_ key: Key) {
        self.key = key
        metered = Quantity(0)
        attributed = Quantity(0)
        attributedElsewhere = Quantity(0)
        unassigned = Quantity(0)
    }
}

/// The figure to tell: one absolute total for one row of Waldur's usage.
package struct LedgerFigure: Equatable, Sendable {
    package let key: SubmissionKey
    /// What was metered for it, in base units.
    package var total: Quantity
    /// What adjustments and corrections add to it.
    package let adjusted: LedgerAmount
    /// What is carried in from other rows.
    package let carriedIn: LedgerAmount
    /// All that, with opening balance and what was carried out.
    package var balance: LedgerAmount
    /// The balance, rounded down; below zero where corrections take away more than there is yet.
    package var amount: Hundredths
    /// The newest figure that was read back from Waldur, or what it showed at the adoption.
    package let confirmed: Hundredths?
    /// The figure of an intent whose outcome is not final.
    package let inFlight: Hundredths?
    /// The plan period is over: what had an invoice item is never changed again.
    package let isPlanPeriodOver: Bool

    /// The amount as Waldur is told it: never below zero.
    package var told: Hundredths { max(amount, .zero) }
    /// The amount as Waldur takes it: two decimals.
    package var text: String { amount.description }
    /// Less than what is confirmed: told only to correct our own error, with a reason.
    package var lowers: Bool { confirmed.map { told < $0 } ?? false }
}

/// Everything the ledger says of one billing period of one Waldur, at one position of the journal and one
/// entry of the book. In a fixed order, so that equal inputs give equal ledgers.
package struct LedgerMonth: Equatable, Sendable {
    package let period: BillingPeriod
    /// The journal position at which it is exact.
    package let position: UInt64
    package let asOf: Timestamp
    /// The book's last entry that is in it.
    package let book: BookHead
    package var attributed: [AttributedUsage]
    package var unassigned: [UnassignedUsage]
    package var corrected: [CorrectedLine]
    package var unassignedCorrections: [UnassignedCorrection]
    package var lines: [LedgerLine]
    package var tenants: [TenantLine]
    package var figures: [LedgerFigure]

    /// The sum of an account's lines of one term.
    package func amount(
        _ term: LedgerTerm,
        of account: LedgerAccount
    ) throws(LedgerError)
        -> LedgerAmount
    {
        var sum = LedgerAmount.zero
        for line in lines where line.account == account && line.term == term {
            sum = try sum.adding(line.amount)
        }
        return sum
    }
}
