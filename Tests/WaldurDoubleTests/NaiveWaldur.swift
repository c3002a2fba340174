@testable import WaldurDouble

/// Usage rows and invoice items as the stated rules say, written down without any of the double's
/// machinery: no plan period times, no look-up of items by start and end. An item is either the
/// one that a row still writes to, or it was cut off by a plan switch.
struct NaiveWaldur {
    struct RowKey: Hashable, Comparable {
        var resource: String
        var type: String
        /// Counts the plans that the resource had; -1 without plan period.
        var period: Int
        /// Months since the year 0.
        var month: Int

        static func < (a: RowKey, b: RowKey) -> Bool {
            (a.resource, a.type, a.period, a.month) < (b.resource, b.type, b.period, b.month)
        }
    }

    /// Prices in 1e-10, quantities in hundredths.
    struct Item: Hashable {
        var resource: String
        var type: String
        var month: Int
        var price: Int
        var quantity: Int
        var isUsage: Bool

        /// In hundredths, every fraction up, away from zero.
        var cost: Int {
            let exact = Int128(price) * Int128(quantity)
            let up = (exact.magnitude + 9_999_999_999) / 10_000_000_000
            return exact < 0 ? -Int(up) : Int(up)
        }
    }

    struct Plan {
        var prices: [String: Int]
        var announced: [String: Int] = [:]
    }

    struct Resource {
        var customer: String
        var plan: String
        var period: Int
        var seats: Int
    }

    var month: Int
    var plans: [String: Plan]
    var resources: [String: Resource]
    var rows: [RowKey: Int] = [:]
    var items: [Item] = []
    /// The item that a row writes to.
    var attached: [RowKey: Int] = [:]
    /// Rows whose item was cut off by a plan switch: their next change makes a second one.
    var cutOff: Set<RowKey> = []
    /// Plan of each period, and whether and when it ended.
    var planOfPeriod: [String: [Int: String]] = [:]
    var endedIn: [String: [Int: Int]] = [:]
    var open: Set<String> = []
    var currentUsages: [String: [String: Int]] = [:]

    enum Outcome: Int { case written = 201, refused = 400, failed = 500 }

    static let limit = 100_00
    static let tooLarge = 1_000_000_000_000_00

    mutating func report(
        _ resource: String,
        period: Int?,
        _ amounts: [(type: String, hundredths: Int)]
    ) -> Outcome {
        guard let owner = resources[resource] else { return .refused }
        if let period, let ended = endedIn[resource]?[period], ended < month { return .refused }
        let known: Set = ["agent_calls", "input_tokens", "capped", "unpriced", "seats"]
        guard amounts.allSatisfy({ known.contains($0.type) }) else { return .refused }
        let before = self
        for (type, amount) in amounts {
            if type == "capped" {
                let stored = rows.filter { $0.key.resource == resource && $0.key.type == type }
                if stored.values.reduce(0, +) + amount > Self.limit { return .refused }
            }
            let key = RowKey(
                resource: resource,
                type: type,
                period: period ?? owner.period,
                month: month
            )
            let changed = rows[key] != amount
            rows[key] = amount
            guard changed, type != "seats", key.period >= 0,
                let plan = planOfPeriod[resource]?[key.period],
                let price = plans[plan]?.prices[type]
            else { continue }
            if abs(amount) >= Self.tooLarge {
                self = before
                return .failed
            }
            if let item = attached[key] {
                items[item].quantity = amount
            } else {
                openInvoice(owner.customer)
                attached[key] = items.count
                items.append(
                    Item(
                        resource: resource,
                        type: type,
                        month: month,
                        price: price,
                        quantity: amount,
                        isUsage: true
                    )
                )
            }
        }
        currentUsages[resource] = amounts.reduce(into: [:]) { $0[$1.type] = $1.hundredths }
        return .written
    }

    mutating func openInvoice(_ customer: String) {
        guard open.insert("\(customer) \(month)").inserted else { return }
        for (name, resource) in resources where resource.customer == customer {
            enterFixed(name, resource, switched: false)
        }
    }

    private mutating func enterFixed(_ name: String, _ resource: Resource, switched: Bool) {
        guard let prices = plans[resource.plan]?.prices else { return }
        // Quantities of fixed items depend on days and are checked elsewhere.
        for type in ["base_fee", "seats"] + (switched ? ["switch_fee"] : []) {
            items.append(
                Item(
                    resource: name,
                    type: type,
                    month: month,
                    price: prices[type] ?? 0,
                    quantity: 0,
                    isUsage: false
                )
            )
        }
    }

    mutating func switchPlan(_ name: String, to plan: String) {
        guard var resource = resources[name], resource.plan != plan else { return }
        let old = resource.period
        for key in attached.keys
        where key.resource == name && key.period == old && key.month == month {
            attached[key] = nil
            cutOff.insert(key)
        }
        let next = max(old, (planOfPeriod[name]?.keys.max() ?? -1)) + 1
        if old >= 0 { endedIn[name, default: [:]][old] = month }
        resource.plan = plan
        resource.period = next
        planOfPeriod[name, default: [:]][next] = plan
        resources[name] = resource
        // An invoice that the switch itself opens shows the new plan, twice.
        openInvoice(resource.customer)
        enterFixed(name, resource, switched: true)
    }

    mutating func announce(_ plan: String, _ prices: [String: Int]) {
        let used = resources.values.contains { $0.plan == plan }
        guard let types = plans[plan]?.prices.keys else { return }
        for type in types {
            if used {
                let old = plans[plan]?.announced[type] ?? 0
                if old != prices[type] ?? 0 { plans[plan]?.announced[type] = prices[type] ?? 0 }
            } else {
                plans[plan]?.prices[type] = prices[type] ?? 0
            }
        }
    }

    mutating func monthlyTask(_ customers: [String]) {
        for plan in plans.keys {
            for (type, price) in plans[plan]?.announced ?? [:] { plans[plan]?.prices[type] = price }
        }
        for customer in customers { openInvoice(customer) }
    }
}
