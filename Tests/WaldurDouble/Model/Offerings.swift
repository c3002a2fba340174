enum BillingType: String, Sendable {
    case fixed, usage, limit, one, few
}

/// A component of an offering, such as `input_tokens`.
struct Component: Identified {
    enum LimitPeriod: String, Sendable { case month, annual, total }

    var id: ID
    var type: String
    var name: String
    var measuredUnit: String
    var billingType: BillingType
    var limitPeriod: LimitPeriod?
    var limitAmount: Int?
    var isBoolean: Bool
    var articleCode: String

    /// Whether `set_usage` knows it; fixed, one-time and switch components are refused.
    var acceptsUsage: Bool { billingType == .usage || billingType == .limit }
}

/// One price row of a plan. A component without one is stored when reported and never billed.
struct PlanPrice: Sendable {
    /// The numeric key that items carry as `plan_component_id`.
    var number: Int
    var price: Decimal10
    var futurePrice: Decimal10?
    var quota: Int
}

struct Plan: Identified {
    enum Unit: String, Sendable {
        case month, halfMonth = "half_month", day, hour, quantity
    }

    var id: ID
    var offering: ID
    var name: String
    var description: String
    var unit: Unit
    var prices: [String: PlanPrice]
}

struct Offering: Identified {
    var id: ID
    var customer: ID
    var name: String
    var slug: String
    var description: String
    var type: String
    var category: ID
    var categoryTitle: String
    var backendID: String
    var state: String
    var created: Moment
    var options: JSON
    /// In order of their type, as Waldur lists them.
    var components: [Component]

    func component(_ type: String) -> Component? {
        components.first { $0.type == type }
    }
}
