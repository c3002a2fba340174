package import Meter
package import MeterWire

/// A month of one Waldur in three columns: what the ledger has, Waldur's usage rows and Waldur's invoice items,
/// with every difference divided among its causes. The fourth, what emitters claim, is of no Waldur
/// (``ClaimReconciliation``).
///
/// Quantities are in the component's smallest unit (base units of its account), where all of them are exact;
/// money is in Waldur's currency. A difference is always the column on the left less the one on the right.
package struct Reconciliation: Sendable {
    /// A part of a difference, and why it is there.
    package struct Share: Equatable, Sendable {
        /// Which two columns differ.
        package enum Gap: String, Sendable {
            /// What emitters claim and the ledger.
            case claims
            /// Ledger and usage row.
            case usage
            /// Usage row and invoice items.
            case invoice
        }

        package let gap: Gap
        package let cause: DifferenceCause
        package let standing: DifferenceStanding
        /// nil where nobody knows how much.
        package let quantity: ExactDecimal?
        /// What of the expected money is missing on the invoice for it, below zero where it is too much; nil
        /// where no price is known.
        package internal(set) var money: ExactDecimal?
        /// Which carry, gap, source, item.
        package let note: String?

        package init(
            _ gap: Gap,
            _ cause: DifferenceCause,
            _ standing: DifferenceStanding,
            _ quantity: ExactDecimal?,
            money: ExactDecimal? = nil,
            note: String? = nil
        ) {
            self.gap = gap
            self.cause = cause
            self.standing = standing
            self.quantity = quantity
            self.money = money
            self.note = note
        }
    }

    /// How the columns of a line stand to each other.
    package enum State: String, Sendable, CaseIterable {
        /// The same, but for what rounding leaves.
        case equal
        /// Different, and nobody need do anything.
        case explained
        /// The next cycles take the difference away.
        case inFlight = "in-flight"
        /// A person has to act.
        case differs

        init(_ shares: [Share]) {
            let causes = shares.filter { $0.cause != .rounding || $0.standing == .open }
            switch causes.map(\.standing).max() {
            case nil: self = .equal
            case .settled: self = .explained
            case .passing: self = .inFlight
            case .open: self = .differs
            }
        }
    }

    /// One row of Waldur's usage, or usage that is in none.
    package struct RowLine: Equatable, Sendable {
        package let resource: ResourceID
        package let month: BillingMonth
        /// nil for usage that belongs to none.
        package let planPeriod: PlanPeriodID?
        package let component: Name
        package let tenants: Set<Name>
        /// How many smallest units make one of those that Waldur shows.
        package let unitsPerReported: UInt64
        /// What was metered.
        package let ledger: ExactDecimal
        /// What the ledger would have Waldur show, in the reported unit.
        package let toTell: Hundredths
        /// What the usage row shows; nil without a row.
        package let usage: ExactDecimal?
        /// As Waldur writes it, in the reported unit.
        package let shown: ExactDecimal?
        /// What the invoice items come to; nil without an item, or where nobody could look.
        package let billed: ExactDecimal?
        /// The price that the plan had when the month had turned; nil where nobody has seen one.
        package let price: ExactDecimal?
        /// What the figure to tell costs at that price, rounded as Waldur rounds.
        package let expected: ExactDecimal?
        /// What the items cost; nil where nobody could look.
        package let cost: ExactDecimal?
        /// Whose invoice the items are on.
        package let customer: CustomerID?
        /// Those items.
        package let items: [InvoiceItemID]
        package let shares: [Share]
        /// Ledger less the last column there is.
        package let difference: ExactDecimal
        /// What is expected less what the items cost; nil where one of them is not known.
        package let costDifference: ExactDecimal?

        init(
            resource: ResourceID,
            month: BillingMonth,
            planPeriod: PlanPeriodID?,
            component: Name,
            tenants: Set<Name>,
            unitsPerReported: UInt64,
            ledger: ExactDecimal,
            toTell: Hundredths = .zero,
            usage: ExactDecimal?,
            shown: ExactDecimal?,
            billed: ExactDecimal? = nil,
            price: ExactDecimal? = nil,
            expected: ExactDecimal? = nil,
            cost: ExactDecimal? = nil,
            customer: CustomerID? = nil,
            items: [InvoiceItemID] = [],
            shares: [Share]
        ) throws(LedgerError) {
            self.resource = resource
            self.month = month
            self.planPeriod = planPeriod
            self.component = component
            self.tenants = tenants
            self.unitsPerReported = unitsPerReported
            self.ledger = ledger
            self.toTell = toTell
            self.usage = usage
            self.shown = shown
            self.billed = billed
            self.price = price
            self.expected = expected
            self.cost = cost
            self.customer = customer
            self.items = items
            self.shares = shares
            // The invoice was looked at, or is known to have no item.
            let isBilled = cost != nil || shares.contains { $0.gap == .invoice }
            difference = try ledger.subtracting((isBilled ? billed : usage) ?? .zero)
            costDifference =
                if let expected, let cost { try expected.subtracting(cost) } else { nil }
        }

        package var state: State { State(shares) }
    }

    /// One item of an invoice that bills no row of Meter's.
    package struct OtherItem: Equatable, Sendable {
        package enum Kind: String, Sendable, CaseIterable {
            case fixed
            case limit
            case oneTime = "one-time"
            case planSwitch = "switch"
            case customerCredit = "customer-credit"
            case compensation
            /// Usage of a resource that Meter does not report in this month.
            case otherUsage = "other-usage"
            case other
        }

        package let customer: CustomerID
        package let kind: Kind
        package let item: WaldurInvoiceItem
        package let share: Share?
    }

    /// One customer's invoice, as far as it is this provider's.
    package struct InvoiceLine: Equatable, Sendable {
        package let customer: CustomerID
        package let itemCount: Int
        /// Whose rows are on it.
        package let tenants: Set<Name>
        /// What the ledger's figures cost.
        package let expected: ExactDecimal
        /// What rows of Meter's cost.
        package let usage: ExactDecimal
        /// Everything else.
        package let notUsage: ExactDecimal
        /// All items, without tax.
        package let total: ExactDecimal
        /// What the items say they cost less what quantity and frozen price come to.
        package let unexplained: ExactDecimal
    }

    package let period: BillingPeriod
    package internal(set) var rows: [RowLine] = []
    package internal(set) var others: [OtherItem] = []
    package internal(set) var invoices: [InvoiceLine] = []
    /// Bound resources that the account does not see.
    package internal(set) var unseen: [ResourceID] = []
    /// The account sees the provider's invoice items.
    package internal(set) var seesItems = true

    init(_ period: BillingPeriod) { self.period = period }

    package var waldur: WaldurID { period.waldur }
    package var month: BillingMonth { period.month }

    /// The state of every row.
    package var states: [State] { rows.map(\.state) }

    /// True where Waldur shows the ledger, but for what is under way: nobody has to do anything.
    package var isClean: Bool { unseen.isEmpty && !states.contains(.differs) }
}
