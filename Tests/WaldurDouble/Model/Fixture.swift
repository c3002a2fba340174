import Foundation

/// A description in JSON of what a double starts with.
///
/// References name an object by uuid or by name (users by username). What may be left out has the
/// value that stands here. Amounts and prices are decimal strings.
struct Fixture: Codable, Sendable {
    var customers: [CustomerEntry] = []
    var projects: [ProjectEntry]?
    var users: [UserEntry]?
    var offerings: [OfferingEntry]?
    var resources: [ResourceEntry]?
    /// Whether the monthly task had run when the present month began; true by default.
    var monthOpened: Bool?
    var currency: String?
    /// The zone by whose clocks months begin, such as `Europe/Tallinn`; UTC by default.
    var timeZone: String?

    enum CodingKeys: String, CodingKey {
        case customers, projects, users, offerings, resources, currency
        case monthOpened = "month_opened", timeZone = "time_zone"
    }

    struct CustomerEntry: Codable, Sendable {
        var name: String
        var uuid: String?
        var slug: String?
        var abbreviation: String?
        var created: String?
        var taxPercent: String?
        var serviceProviderUUID: String?
        /// Signs the public form of `set_usage`; random by default.
        var apiSecret: String?

        enum CodingKeys: String, CodingKey {
            case name, uuid, slug, abbreviation, created
            case taxPercent = "tax_percent", serviceProviderUUID = "service_provider_uuid"
            case apiSecret = "api_secret"
        }
    }

    struct ProjectEntry: Codable, Sendable {
        var name: String
        var customer: String
        var uuid: String?
        var slug: String?
        var description: String?
        var created: String?
        /// A day, `2026-12-20`.
        var endDate: String?

        enum CodingKeys: String, CodingKey {
            case name, customer, uuid, slug, description, created
            case endDate = "end_date"
        }
    }

    struct UserEntry: Codable, Sendable {
        var username: String
        var token: String
        var fullName: String?
        var uuid: String?
        /// The numeric key that rows show as `modified_by`.
        var number: Int?
        var staff: Bool?
        var active: Bool?
        /// Seconds; left out: the token does not expire.
        var tokenLifetime: Int64?
        var roles: [RoleEntry]?

        enum CodingKeys: String, CodingKey {
            case username, token, uuid, number, staff, active, roles
            case fullName = "full_name", tokenLifetime = "token_lifetime"
        }
    }

    /// One of `customer`, `project` and `offering` is named.
    struct RoleEntry: Codable, Sendable {
        var role: String
        var customer: String?
        var project: String?
        var offering: String?
    }

    struct OfferingEntry: Codable, Sendable {
        var name: String
        var customer: String
        var components: [ComponentEntry]
        var plans: [PlanEntry]
        var uuid: String?
        var slug: String?
        var description: String?
        var type: String?
        var categoryTitle: String?
        var categoryUUID: String?
        var backendID: String?
        var state: String?
        var created: String?

        enum CodingKeys: String, CodingKey {
            case name, customer, components, plans, uuid, slug, description, type, state, created
            case categoryTitle = "category_title", categoryUUID = "category_uuid"
            case backendID = "backend_id"
        }
    }

    struct ComponentEntry: Codable, Sendable {
        var type: String
        var name: String?
        var measuredUnit: String?
        /// `usage` by default.
        var billingType: String?
        var limitPeriod: String?
        var limitAmount: Int?
        var isBoolean: Bool?
        var uuid: String?

        enum CodingKeys: String, CodingKey {
            case type, name, uuid
            case measuredUnit = "measured_unit", billingType = "billing_type"
            case limitPeriod = "limit_period", limitAmount = "limit_amount"
            case isBoolean = "is_boolean"
        }
    }

    /// A component that `prices` does not name has no price row and is never billed.
    struct PlanEntry: Codable, Sendable {
        var name: String
        var prices: [String: String]
        var futurePrices: [String: String]?
        var quotas: [String: Int]?
        var uuid: String?
        var unit: String?
        var description: String?

        enum CodingKeys: String, CodingKey {
            case name, prices, quotas, uuid, unit, description
            case futurePrices = "future_prices"
        }
    }

    struct ResourceEntry: Codable, Sendable {
        var name: String
        var offering: String
        var project: String
        var plan: String?
        var uuid: String?
        var slug: String?
        var limits: [String: Int]?
        var agent: String?
        var state: String?
        var backendID: String?
        /// When it was ordered; the double's present by default.
        var created: String?
        /// When it became OK and began to be billed; `created` by default.
        var activated: String?
        /// When it was terminated, for state `Terminated`; `activated` by default.
        var terminated: String?
        var planPeriodUUID: String?
        /// False: usage is stored and never billed, since no plan period covers it.
        var hasPlanPeriod: Bool?
        /// False: it was never active, and nothing of it is on an invoice.
        var billed: Bool?
        var orderUUID: String?
        var orderedBy: String?
        /// A day, `2026-12-20`.
        var endDate: String?

        enum CodingKeys: String, CodingKey {
            case name, offering, project, plan, uuid, slug, limits, agent, state, created, activated
            case terminated, billed
            case backendID = "backend_id", planPeriodUUID = "plan_period_uuid"
            case hasPlanPeriod = "has_plan_period", orderUUID = "order_uuid"
            case orderedBy = "ordered_by", endDate = "end_date"
        }
    }
}

/// What is wrong with a fixture and where.
struct FixtureError: Error, CustomStringConvertible {
    var description: String
}
