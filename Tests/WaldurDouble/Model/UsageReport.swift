/// A `set_usage` body that passed validation.
struct UsageReport: Sendable {
    struct Entry: Sendable {
        var type: String
        var amount: Decimal10
        var description: String
        var recurring: Bool
    }

    /// The plan period's resource when one was named, whatever resource was named beside it.
    var resource: ID
    var planPeriod: ID?
    var entries: [Entry]
}

extension UsageReport {
    /// Reads and checks a body. Unknown members are ignored, `date` among them.
    static func parse(_ body: JSON, in model: WaldurModel, at now: Moment) throws(Refusal) -> Self {
        guard case .object = body else {
            throw .invalid([
                "non_field_errors": [
                    .string("Invalid data. Expected a dictionary, but got \(pythonType(body)).")
                ]
            ])
        }
        var complaints: [JSON.Member] = []
        var entries: [Entry] = []
        switch Entry.list(body["usages"]) {
        case .success(let list): entries = list
        case .failure(let complaint): complaints.append(.init(key: "usages", value: complaint.json))
        }
        var period: PlanPeriod?
        if let value = body["plan_period"] {
            switch reference(value, find: { model.planPeriods[$0] }) {
            case .success(let found):
                period = found
                // Python compares the period's end with midnight of the month's first day.
                if let end = found.end, end < model.month(of: now).start {
                    complaints.append(
                        .init(key: "plan_period", value: ["Billing period is closed."])
                    )
                }
            case .failure(let complaint):
                complaints.append(.init(key: "plan_period", value: complaint.json))
            }
        }
        var resource: Resource?
        if let value = body["resource"] {
            switch reference(value, find: { model.resources[$0] }) {
            case .success(let found): resource = found
            case .failure(let complaint):
                complaints.append(.init(key: "resource", value: complaint.json))
            }
        }
        guard complaints.isEmpty else { throw .invalid(.object(complaints)) }
        return try check(
            UsageReport(resource: ID(), planPeriod: period?.id, entries: entries),
            resource: period.flatMap { model.resources[$0.resource] } ?? resource,
            in: model
        )
    }

    private static func check(
        _ report: UsageReport,
        resource: Resource?,
        in model: WaldurModel
    ) throws(Refusal) -> UsageReport {
        guard let resource, let offering = model.offerings[resource.offering] else {
            throw .invalid([
                "non_field_errors": ["Either plan_period or resource should be provided."]
            ])
        }
        guard [.ok, .updating, .terminating].contains(resource.state) else {
            throw .invalid(["resource": ["Resource is not in valid state."]])
        }
        let invalid = Set(report.entries.map(\.type)).filter {
            offering.component($0)?.acceptsUsage != true
        }
        guard invalid.isEmpty else {
            let names = invalid.sorted().joined(separator: ", ")
            throw .invalid([
                "non_field_errors": [.string("These components are invalid: \(names).")]
            ])
        }
        var checked = report
        checked.resource = resource.id
        return checked
    }

    private static func reference<Found>(
        _ value: JSON,
        find: (ID) -> Found?
    ) -> Result<Found, Complaint> {
        if value == .null { return .failure(.null) }
        if case .object = value { return .failure(Complaint("Invalid value.")) }
        if case .array = value { return .failure(Complaint("Invalid value.")) }
        let text = value.string ?? value.number ?? "\(value == .bool(true) ? "True" : "False")"
        guard let found = ID(text).flatMap(find) else {
            return .failure(Complaint("Object with uuid=\(text) does not exist."))
        }
        return .success(found)
    }
}

/// What is wrong with one field.
struct Complaint: Error {
    var json: JSON
    init(_ text: String) { json = [.string(text)] }
    init(json: JSON) { self.json = json }
    static let null = Complaint("This field may not be null.")
    static let required = Complaint("This field is required.")
}

/// The name of the type that Python's parser makes of a value.
func pythonType(_ value: JSON) -> String {
    switch value {
    case .null: "NoneType"
    case .bool: "bool"
    case .number(let text): text.contains { ".eE".contains($0) } ? "float" : "int"
    case .string: "str"
    case .array: "list"
    case .object: "dict"
    }
}
