package import Meter
package import MeterWire

/// A resource as the provider sees it.
package struct WaldurResource: Equatable, Sendable {
    package let id: ResourceID
    package let name: String
    /// Waldur's word: `OK`, `Updating`, `Terminating`, `Terminated`, `Erred`, `Creating`.
    package let state: String
    package let offering: OfferingID
    package let customer: CustomerID?
    package let plan: PlanID?

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
        /// A component that is missing here is accepted and never billed.
        package let prices: [Name: ExactDecimal]
        /// What prices become at the turn of the month, where announced.
        package let futurePrices: [Name: ExactDecimal]
    }

    package let id: OfferingID
    package let name: String
    package let components: [Component]
    package let plans: [Plan]

    /// The components that usage may be told of, in order of name.
    package var usageComponents: [Name] {
        components.filter { $0.billingType == "usage" }.map(\.name).sorted()
    }
}

/// One item of an invoice as the provider sees it.
package struct WaldurInvoiceItem: Equatable, Sendable {
    package let id: InvoiceItemID
    package let name: String
    package let resource: ResourceID?
    package let component: Name?
    package let billingType: String?
    package let plan: PlanID?
    package let quantity: ExactDecimal
    package let unitPrice: ExactDecimal
    package let price: ExactDecimal
    package let start: Timestamp?
    package let end: Timestamp?
}

/// One invoice that the account may see.
package struct WaldurInvoice: Equatable, Sendable {
    package let id: InvoiceItemID
    package let month: BillingMonth
    package let state: String
}

/// Who the token belongs to.
package struct WaldurUser: Equatable, Sendable {
    package let username: String
    /// nil: the token does not age. Otherwise it dies after so many idle seconds.
    package let tokenLifetimeSeconds: Int64?
    package let isStaff: Bool
}

/// One call of `set_usage`: the totals of one resource in one plan period.
package struct SetUsageCall: Equatable, Sendable {
    package struct Item: Equatable, Sendable {
        package let component: Name
        package let amount: Hundredths
        package let description: String
    }

    package let resource: ResourceID
    package let planPeriod: PlanPeriodID
    package let items: [Item]

    /// The body for Waldur 7.3; amounts are strings with two decimals.
    var body: String {
        let usages = items.map { item in
            "{\"type\":\(JSONText.quoted(item.component.description)),"
                + "\"amount\":\"\(item.amount)\","
                + "\"description\":\(JSONText.quoted(item.description)),\"recurring\":false}"
        }
        return "{\"resource\":\"\(resource)\",\"plan_period\":\"\(planPeriod)\",\"usages\":["
            + usages.joined(separator: ",") + "]}"
    }
}
