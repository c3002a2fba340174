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
        /// Of the invoice that it stands on.
        var customer: String
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

    /// Where an item is in the story of its row.
    struct Place {
        var key: RowKey
        /// The month in which it ends, for a compensation that of what it compensates.
        var endsIn: Int
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
        var isTerminated = false
    }

    var month: Int
    var plans: [String: Plan]
    var resources: [String: Resource]
    var rows: [RowKey: Int] = [:]
    var items: [Item] = []
    /// The items that a row's next change finds: none, its own, a compensation, or both.
    var attached: [RowKey: [Int]] = [:]
    var places: [Int: Place] = [:]
    /// Rows whose item was cut off by the end of the plan period: their next change makes a second one.
    var cutOff: Set<RowKey> = []
    /// When each row was written last.
    var written: [RowKey: Int] = [:]
    var writes = 0
    /// Plan of each period, and whether and when it ended.
    var planOfPeriod: [String: [Int: String]] = [:]
    var endedIn: [String: [Int: Int]] = [:]
    var open: Set<String> = []
    var closed: Set<String> = []
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
        if owner.isTerminated { return .refused }
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
            writes += 1
            written[key] = writes
            if changed, !bill(key, amount) {
                self = before
                return .failed
            }
        }
        currentUsages[resource] = amounts.reduce(into: [:]) { $0[$1.type] = $1.hundredths }
        return .written
    }

    /// False where Waldur fails.
    private mutating func bill(_ key: RowKey, _ amount: Int) -> Bool {
        guard key.type != "seats", key.period >= 0,
            let plan = planOfPeriod[key.resource]?[key.period],
            let owner = resources[key.resource]
        else { return true }
        let found = attached[key] ?? []
        guard found.count < 2 else { return false }
        guard let price = plans[plan]?.prices[key.type] else { return true }
        guard abs(amount) < Self.tooLarge else { return false }
        if let item = found.first {
            items[item].quantity = amount
            return true
        }
        openInvoice(owner.customer, key.month)
        attached[key] = [items.count]
        // An item that is made after the period's end ends with it.
        let ended = endedIn[key.resource]?[key.period] == key.month
        places[items.count] = Place(key: key, endsIn: ended ? -1 : key.month)
        items.append(
            Item(
                resource: key.resource,
                type: key.type,
                customer: owner.customer,
                month: key.month,
                price: price,
                quantity: amount,
                isUsage: true
            )
        )
        return true
    }

    mutating func openInvoice(_ customer: String, _ month: Int) {
        guard open.insert("\(customer) \(month)").inserted else { return }
        for (name, resource) in resources
        where resource.customer == customer && !resource.isTerminated {
            enterFixed(name, resource, month, switched: false)
        }
    }

    private mutating func enterFixed(
        _ name: String,
        _ resource: Resource,
        _ month: Int,
        switched: Bool
    ) {
        guard let prices = plans[resource.plan]?.prices else { return }
        // Quantities of fixed items depend on days and are checked elsewhere.
        for type in ["base_fee", "seats"] + (switched ? ["switch_fee"] : []) {
            items.append(
                Item(
                    resource: name,
                    type: type,
                    customer: resource.customer,
                    month: month,
                    price: prices[type] ?? 0,
                    quantity: 0,
                    isUsage: false
                )
            )
        }
    }

    /// What ends with this month can no longer be found in a period that ends now.
    private mutating func cut(_ name: String, period: Int) {
        for (key, found) in attached where key.resource == name && key.period == period {
            let kept = found.filter { places[$0]?.endsIn != month }
            attached[key] = kept.isEmpty ? nil : kept
            if kept.count < found.count { cutOff.insert(key) }
        }
        if period >= 0 { endedIn[name, default: [:]][period] = month }
    }

    mutating func switchPlan(_ name: String, to plan: String) {
        guard var resource = resources[name], resource.plan != plan else { return }
        let old = resource.period
        cut(name, period: old)
        let next = max(old, (planOfPeriod[name]?.keys.max() ?? -1)) + 1
        resource.plan = plan
        resource.period = next
        planOfPeriod[name, default: [:]][next] = plan
        resources[name] = resource
        // An invoice that the switch itself opens shows the new plan, twice.
        openInvoice(resource.customer, month)
        enterFixed(name, resource, month, switched: true)
    }

    mutating func terminate(_ name: String) {
        guard let resource = resources[name], !resource.isTerminated else { return }
        cut(name, period: resource.period)
        resources[name]?.isTerminated = true
    }

    /// False where Waldur refuses.
    mutating func move(_ name: String, to customer: String) -> Bool {
        guard let old = resources[name]?.customer else { return false }
        let moving = items.indices.filter { index in
            items[index].resource == name && items[index].customer == old
                && !closed.contains("\(old) \(items[index].month)")
        }
        if old != customer {
            if moving.contains(where: { closed.contains("\(customer) \(items[$0].month)") }) {
                return false
            }
            for index in moving {
                openInvoice(customer, items[index].month)
                items[index].customer = customer
            }
        }
        resources[name]?.customer = customer
        return true
    }

    /// Staff sets an item's quantity. The row that was written last follows, and its own item with it.
    mutating func edit(_ item: Int, _ quantity: Int) -> Bool {
        let before = self
        items[item].quantity = quantity
        guard items[item].isUsage else { return true }
        let candidates = rows.keys.filter { key in
            key.resource == items[item].resource && key.type == items[item].type
                && key.month == items[item].month
        }
        guard let key = candidates.max(by: { (written[$0] ?? 0) < (written[$1] ?? 0) }),
            rows[key] != quantity
        else { return true }
        rows[key] = quantity
        guard bill(key, quantity) else {
            self = before
            return false
        }
        return true
    }

    /// Staff takes an item back; reporting finds the copy as if it were the row's own.
    mutating func compensate(_ item: Int) {
        let old = items[item]
        openInvoice(old.customer, month)
        var copy = old
        copy.month = month
        copy.price = -old.price
        let number = items.count
        items.append(copy)
        guard let place = places[item] else { return }
        places[number] = place
        let isFound = attached[place.key]?.contains(item) == true
        var key = place.key
        key.month = month
        if isFound { attached[key, default: []].append(number) }
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
        for invoice in open {
            let parts = invoice.split(separator: " ")
            if let last = parts.last.flatMap({ Int($0) }), last < month { closed.insert(invoice) }
        }
        for customer in customers { openInvoice(customer, month) }
    }
}
