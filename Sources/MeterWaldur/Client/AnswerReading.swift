internal import Meter
internal import MeterWire

// From JSON to Waldur's nouns. What Waldur says is material from outside: a field that is missing or of
// another type makes the answer malformed, it never makes a guess.

extension JSONValue {
    func required<Value>(
        _ name: String,
        _ read: (JSONValue) -> Value?
    ) throws(WaldurError) -> Value {
        guard let member = self[name], let value = read(member) else {
            throw .malformed("no usable '\(name)'")
        }
        return value
    }

    func uuid<Identifier: WaldurUUID>(
        _ name: String,
        as type: Identifier.Type = Identifier.self
    ) throws(WaldurError) -> Identifier {
        try required(name) { $0.string.flatMap { Identifier($0) } }
    }

    func optionalUUID<Identifier: WaldurUUID>(
        _ name: String,
        as type: Identifier.Type = Identifier.self
    ) -> Identifier? {
        self[name]?.string.flatMap { Identifier($0) }
    }

    func text(_ name: String) throws(WaldurError) -> String { try required(name) { $0.string } }

    func name(_ name: String) throws(WaldurError) -> Name {
        try required(name) { value in
            value.string.flatMap { $0.isEmpty || $0.utf8.count > 255 ? nil : Name($0) }
        }
    }

    func time(_ name: String) -> Timestamp? { self[name]?.string.flatMap { WaldurTime.parse($0) } }

    func list(_ name: String) throws(WaldurError) -> [JSONValue] {
        try required(name) { $0.array }
    }
}

extension WaldurResource {
    init(_ json: JSONValue) throws(WaldurError) {
        id = try json.uuid("uuid")
        name = json["name"]?.string ?? ""
        state = try json.text("state")
        offering = try json.uuid("offering_uuid")
        customer = json.optionalUUID("customer_uuid")
        plan = json.optionalUUID("plan_uuid")
    }
}

extension WaldurPlanPeriod {
    init(_ json: JSONValue) throws(WaldurError) {
        guard let start = json.time("start") else { throw .malformed("no usable 'start'") }
        let end = json.time("end")
        if end == nil, json["end"]?.isNull != true { throw .malformed("no usable 'end'") }
        period = PlanPeriod(
            id: try json.uuid("uuid"),
            plan: json.optionalUUID("plan_uuid"),
            planName: json["plan_name"]?.string,
            start: start,
            end: end
        )
        var rows: [Row] = []
        for row in try json.list("components") {
            rows.append(
                Row(
                    id: try row.uuid("uuid"),
                    component: try row.name("type"),
                    usage: try row.required("usage") { $0.decimal },
                    date: row.time("date")
                )
            )
        }
        self.rows = rows
    }
}

extension WaldurUsageRow {
    init(_ json: JSONValue) throws(WaldurError) {
        id = try json.uuid("uuid")
        resource = try json.uuid("resource_uuid")
        component = try json.name("type")
        usage = try json.required("usage") { $0.decimal }
        month = try json.required("billing_period") { value in
            value.string.flatMap { BillingMonth(firstDay: $0) }
        }
        description = json["description"]?.string ?? ""
        date = json.time("date")
    }
}

extension WaldurOffering {
    init(_ json: JSONValue) throws(WaldurError) {
        id = try json.uuid("uuid")
        name = json["name"]?.string ?? ""
        var components: [Component] = []
        for component in try json.list("components") {
            components.append(
                Component(
                    name: try component.name("type"),
                    billingType: try component.text("billing_type"),
                    measuredUnit: component["measured_unit"]?.string ?? "",
                    hasLimitAmount: component["limit_amount"].map { !$0.isNull } ?? false
                )
            )
        }
        self.components = components
        var plans: [Plan] = []
        for plan in try json.list("plans") {
            plans.append(
                Plan(
                    id: try plan.uuid("uuid"),
                    name: plan["name"]?.string ?? "",
                    prices: Self.prices(plan["prices"]),
                    futurePrices: Self.prices(plan["future_prices"])
                )
            )
        }
        self.plans = plans
    }

    private static func prices(_ json: JSONValue?) -> [Name: ExactDecimal] {
        var prices: [Name: ExactDecimal] = [:]
        for (name, value) in json?.object ?? [:] { prices[Name(name)] = value.decimal }
        return prices
    }
}

extension WaldurInvoiceItem {
    init(_ json: JSONValue) throws(WaldurError) {
        id = try json.uuid("uuid")
        name = json["name"]?.string ?? ""
        let details = json["details"]
        resource = json.optionalUUID("resource_uuid") ?? details?.optionalUUID("resource_uuid")
        component = details?["offering_component_type"]?.string.map { Name($0) }
        billingType = json["billing_type"]?.string
        plan = details?.optionalUUID("plan_uuid")
        quantity = try json.required("quantity") { $0.decimal }
        unitPrice = try json.required("unit_price") { $0.decimal }
        price = try json.required("price") { $0.decimal }
        start = json.time("start")
        end = json.time("end")
    }
}

extension WaldurInvoice {
    init(_ json: JSONValue) throws(WaldurError) {
        id = try json.uuid("uuid")
        let year = try json.required("year") { $0.wholeNumber }
        let month = try json.required("month") { $0.wholeNumber }
        guard let billing = BillingMonth(year: year, month: month) else {
            throw .malformed("no month \(year)-\(month)")
        }
        self.month = billing
        state = try json.text("state")
    }
}

extension WaldurUser {
    init(_ json: JSONValue) throws(WaldurError) {
        username = try json.text("username")
        tokenLifetimeSeconds = json["token_lifetime"]?.wholeNumber.map(Int64.init)
        isStaff = json["is_staff"] == .bool(true)
    }
}

extension JSONValue {
    fileprivate var wholeNumber: Int? {
        guard case .number(let text) = self else { return nil }
        return Int(text)
    }
}
