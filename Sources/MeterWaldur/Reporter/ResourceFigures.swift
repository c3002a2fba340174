package import Meter
package import MeterWire

/// What the ledger says of one resource in one month, exact at one durable position of the journal.
package struct ResourceFigures: Equatable, Sendable {
    /// One total to tell.
    package struct Figure: Equatable, Sendable {
        /// In the component's smallest unit.
        package var total: Quantity
        /// What of it is told: hundredths of the reported unit, rounded down.
        package var amount: Hundredths

        package init(total: Quantity, amount: Hundredths) {
            self.total = total
            self.amount = amount
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

    /// Usage that is metered and not told, with the class that says why.
    package struct Untold: Hashable, Comparable, Sendable {
        package enum Reason: String, Sendable {
            case shadow
            case free
            case trial
            case `internal`
            /// The offering lacks the component, or it is not declared.
            case notInOffering = "not-in-offering"
            /// Used before the resource's first plan period.
            case noPlan = "no-plan"
        }

        package let reason: Reason
        /// nil where no plan period applies.
        package let planPeriod: PlanPeriodID?
        package let component: Name

        package init(reason: Reason, planPeriod: PlanPeriodID?, component: Name) {
            self.reason = reason
            self.planPeriod = planPeriod
            self.component = component
        }

        package static func < (left: Untold, right: Untold) -> Bool {
            if left.planPeriod != right.planPeriod {
                guard let first = left.planPeriod else { return true }
                guard let second = right.planPeriod else { return false }
                return first < second
            }
            if left.component != right.component { return left.component < right.component }
            return left.reason.rawValue < right.reason.rawValue
        }
    }

    /// The durable position at which the figures are exact.
    package var position: UInt64
    package var figures: [Key: Figure]
    package var untold: [Untold: Quantity]

    package init(
        position: UInt64, figures: [Key: Figure] = [:], untold: [Untold: Quantity] = [:]
    ) {
        self.position = position
        self.figures = figures
        self.untold = untold
    }
}
