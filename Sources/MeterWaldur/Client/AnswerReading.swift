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

    /// nil for `null` and for a missing member; anything else must be a time.
    func optionalTime(_ name: String) throws(WaldurError) -> Timestamp? {
        try optional(name) { value in value.string.flatMap { WaldurTime.parse($0) } }
    }

    /// nil for `null` and for a missing member; anything else must be a day.
    func optionalDay(_ name: String) throws(WaldurError) -> WaldurDay? {
        try optional(name) { value in value.string.flatMap { WaldurDay($0) } }
    }

    private func optional<Value>(
        _ name: String,
        _ read: (JSONValue) -> Value?
    ) throws(WaldurError) -> Value? {
        guard let member = self[name], !member.isNull else { return nil }
        return try required(name, read)
    }

    func decimal(_ name: String) throws(WaldurError) -> ExactDecimal {
        try required(name) { $0.decimal }
    }

    var wholeNumber: Int? {
        guard case .number(let text) = self else { return nil }
        return Int(text)
    }

    func list(_ name: String) throws(WaldurError) -> [JSONValue] {
        try required(name) { $0.array }
    }
}

extension WaldurResource {
    init(_ json: JSONValue) throws(WaldurError) {
        id = try json.uuid("uuid")
        name = json["name"]?.string ?? ""
        slug = json["slug"]?.string ?? ""
        state = try json.text("state")
        offering = try json.uuid("offering_uuid")
        customer = json.optionalUUID("customer_uuid")
        customerName = json["customer_name"]?.string
        project = json.optionalUUID("project_uuid")
        projectName = json["project_name"]?.string
        plan = json.optionalUUID("plan_uuid")
        created = try json.optionalTime("created")
        backendID = json["backend_id"]?.string ?? ""
        attributes = (json["attributes"]?.object ?? [:]).compactMapValues(\.string)
        endDate = try json.optionalDay("end_date")
        projectEndDate = try json.optionalDay("project_end_date")
    }

    /// The members that reading one takes.
    static let fields = [
        "uuid", "name", "slug", "state", "offering_uuid", "customer_uuid", "customer_name",
        "project_uuid", "project_name", "plan_uuid", "created", "backend_id", "attributes",
        "end_date", "project_end_date",
    ]
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
                    description: row["description"]?.string ?? "",
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
        state = json["state"]?.string ?? ""
        type = json["type"]?.string ?? ""
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
                    resourceCount: plan["resources_count"]?.wholeNumber,
                    prices: try Self.prices(plan, "prices"),
                    futurePrices: try Self.prices(plan, "future_prices")
                )
            )
        }
        self.plans = plans
    }

    /// `null` stands where nothing was announced.
    private static func prices(
        _ plan: JSONValue,
        _ member: String
    ) throws(WaldurError) -> [Name: ExactDecimal] {
        var prices: [Name: ExactDecimal] = [:]
        for (name, value) in try plan.required(member, { $0.object }) where !value.isNull {
            guard let price = value.decimal else { throw .malformed("no usable price of \(name)") }
            prices[Name(name)] = price
        }
        return prices
    }
}

extension WaldurUser {
    init(_ json: JSONValue) throws(WaldurError) {
        username = try json.text("username")
        tokenLifetimeSeconds = json["token_lifetime"]?.wholeNumber.map(Int64.init)
        isStaff = json["is_staff"] == .bool(true)
    }
}
