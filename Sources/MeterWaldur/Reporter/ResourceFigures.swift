package import Meter
package import MeterWire

/// What the ledger says of one resource in one month, exact at one durable position of the journal.
package struct ResourceFigures: Equatable, Sendable {
    /// One total to tell.
    package struct Figure: Equatable, Sendable {
        /// In the component's smallest unit.
        package var total: Quantity
        /// What of it is told: hundredths of the reported unit, rounded down, never below zero.
        package var amount: Hundredths
        /// What rounding leaves for later, in smallest units.
        package var residue: LedgerAmount
        /// The total with opening balance, adjustments and carries: amount and residue come from it.
        package var balance: LedgerAmount
        /// What of it adjustments and corrections come to, and what is carried in.
        package var adjusted: LedgerAmount
        package var carriedIn: LedgerAmount

        package init(
            total: Quantity,
            amount: Hundredths,
            residue: LedgerAmount = .zero,
            balance: LedgerAmount,
            adjusted: LedgerAmount = .zero,
            carriedIn: LedgerAmount = .zero
        ) {
            self.total = total
            self.amount = amount
            self.residue = residue
            self.balance = balance
            self.adjusted = adjusted
            self.carriedIn = carriedIn
        }
    }

    package struct Key: Hashable, Comparable, Sendable {
        package let planPeriod: PlanPeriodID
        package let component: Name

        package init(planPeriod: PlanPeriodID, component: Name) {
            self.planPeriod = planPeriod
            self.component = component
        }

        package static func < (left: Key, right: Key) -> Bool {
            (left.planPeriod, left.component) < (right.planPeriod, right.component)
        }
    }

    /// Usage that is metered and not told, and why.
    package struct Untold: Hashable, Comparable, Sendable {
        package let reason: NotBillableClass
        package let component: Name

        package init(reason: NotBillableClass, component: Name) {
            self.reason = reason
            self.component = component
        }

        package static func < (left: Untold, right: Untold) -> Bool {
            left.component != right.component
                ? left.component < right.component : left.reason < right.reason
        }
    }

    /// The durable position at which the figures are exact.
    package var position: UInt64
    package var figures: [Key: Figure]
    /// `amount` is what would be told.
    package var untold: [Untold: Figure]

    package init(
        position: UInt64,
        figures: [Key: Figure] = [:],
        untold: [Untold: Figure] = [:]
    ) {
        self.position = position
        self.figures = figures
        self.untold = untold
    }
}
