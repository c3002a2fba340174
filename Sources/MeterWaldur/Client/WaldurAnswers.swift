package import Meter
package import MeterWire

/// A resource as the provider sees it.
package struct WaldurResource: Equatable, Sendable {
    package let id: ResourceID
    /// The buyer may change it at any time, and several resources may have the same.
    package let name: String
    package let slug: String
    /// Waldur's word: `OK`, `Updating`, `Terminating`, `Terminated`, `Erred`, `Creating`.
    package let state: String
    package let offering: OfferingID
    package let customer: CustomerID?
    package let customerName: String?
    package let project: ProjectID?
    package let projectName: String?
    package let plan: PlanID?
    package let created: Timestamp?
    /// What the provider calls it; empty where nobody named it, and not necessarily unique.
    package let backendID: String
    /// What the buyer filled in when ordering, as far as it is text.
    package let attributes: [String: String]
    /// The day on which Waldur asks for its termination; somebody has to approve that.
    package let endDate: WaldurDay?
    /// The same of its project. Nothing in Waldur says which of the two comes first.
    package let projectEndDate: WaldurDay?

    /// The earlier one of both end dates.
    package var announcedEnd: WaldurDay? { [endDate, projectEndDate].compactMap(\.self).min() }

    /// `set_usage` is accepted in these states only.
    package var takesUsage: Bool { Self.statesWithUsage.contains(state) }

    private static let statesWithUsage: Set<String> = ["OK", "Updating", "Terminating"]
}

/// One plan period with this month's usage rows in it.
package struct WaldurPlanPeriod: Equatable, Sendable {
    package struct Row: Equatable, Sendable {
        package let id: UsageRowID
        package let component: Name
        package let usage: ExactDecimal
        package let description: String
        package let date: Timestamp?
    }

    package let period: PlanPeriod
    package let rows: [Row]
}

/// One row of the usage list; which plan period it belongs to stands only in the plan periods.
package struct WaldurUsageRow: Equatable, Sendable {
    package let id: UsageRowID
    package let resource: ResourceID
    package let component: Name
    package let usage: ExactDecimal
    package let month: BillingMonth
    package let description: String
    package let date: Timestamp?
}

/// What an offering sells: its components and its plans with their prices.
package struct WaldurOffering: Equatable, Sendable {
    package struct Component: Equatable, Sendable {
        package let name: Name
        /// `usage`, `limit`, `fixed`, `one` or `few`.
        package let billingType: String
        package let measuredUnit: String
        package let hasLimitAmount: Bool
    }

    package struct Plan: Equatable, Sendable {
        package let id: PlanID
        package let name: String
        /// How many resources have it: prices that are set come into force at once where none has.
        package let resourceCount: Int?
        /// A component that is missing here is accepted and never billed.
        package let prices: [Name: ExactDecimal]
        /// What prices become at the turn of the month, where announced.
        package let futurePrices: [Name: ExactDecimal]
    }

    package let id: OfferingID
    package let name: String
    /// `Draft`, `Active`, `Paused`, `Archived`; usage is taken in each of them.
    package let state: String
    /// `Marketplace.Basic`, `Marketplace.Slurm` and so on.
    package let type: String
    package let components: [Component]
    package let plans: [Plan]

    /// The components that usage may be told of, in order of name.
    package var usageComponents: [Name] {
        components.filter { $0.billingType == "usage" }.map(\.name).sorted()
    }
}

/// Who the token belongs to.
package struct WaldurUser: Equatable, Sendable {
    package let username: String
    /// nil: the token does not age. Otherwise it dies after so many idle seconds.
    package let tokenLifetimeSeconds: Int64?
    package let isStaff: Bool
}
