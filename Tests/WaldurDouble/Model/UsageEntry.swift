extension UsageReport.Entry {
    /// Reads the member `usages`. Errors come one per element, `{}` standing for a good one.
    static func list(_ value: JSON?) -> Result<[Self], Complaint> {
        guard let value else { return .failure(.required) }
        if value == .null { return .failure(.null) }
        guard let elements = value.array else {
            let text = "Expected a list of items but got type \"\(pythonType(value))\"."
            return .failure(Complaint(json: ["non_field_errors": [.string(text)]]))
        }
        var entries: [Self] = []
        var complaints: [JSON] = []
        for element in elements {
            switch parse(element) {
            case .success(let entry):
                entries.append(entry)
                complaints.append([:])
            case .failure(let complaint): complaints.append(complaint.json)
            }
        }
        return entries.count == elements.count
            ? .success(entries) : .failure(Complaint(json: .array(complaints)))
    }

    private static func parse(_ element: JSON) -> Result<Self, Complaint> {
        guard case .object = element else {
            let text = "Invalid data. Expected a dictionary, but got \(pythonType(element))."
            return .failure(Complaint(json: ["non_field_errors": [.string(text)]]))
        }
        var complaints: [JSON.Member] = []
        func read<Value>(_ key: String, _ result: Result<Value, Complaint>) -> Value? {
            switch result {
            case .success(let value): return value
            case .failure(let complaint):
                complaints.append(.init(key: key, value: complaint.json))
                return nil
            }
        }
        let type = read("type", text(element["type"], required: true))
        let amount = read("amount", amount(element["amount"]))
        let description = read("description", text(element["description"], required: false))
        let recurring = read("recurring", flag(element["recurring"]))
        guard let type, let amount, let description, let recurring else {
            return .failure(Complaint(json: .object(complaints)))
        }
        return .success(
            Self(type: type, amount: amount, description: description, recurring: recurring)
        )
    }

    private static func text(_ value: JSON?, required: Bool) -> Result<String, Complaint> {
        switch value {
        case nil: return required ? .failure(.required) : .success("")
        case .null: return .failure(.null)
        case .string(let text):
            let trimmed = text.trimmingWhitespace
            if required && trimmed.isEmpty {
                return .failure(Complaint("This field may not be blank."))
            }
            return .success(trimmed)
        case .number(let text): return .success(text)
        default: return .failure(Complaint("Not a valid string."))
        }
    }

    private static func flag(_ value: JSON?) -> Result<Bool, Complaint> {
        switch value {
        case nil: return .success(false)
        case .null: return .failure(.null)
        case .bool(let flag): return .success(flag)
        case .number("1"), .string("true"), .string("True"), .string("1"): return .success(true)
        case .number("0"), .string("false"), .string("False"), .string("0"): return .success(false)
        default: return .failure(Complaint("Must be a valid boolean."))
        }
    }

    /// At most 20 digits, two of them decimals; there is no lower bound.
    private static func amount(_ value: JSON?) -> Result<Decimal10, Complaint> {
        let text: String
        switch value {
        case nil: return .failure(.required)
        case .null: return .failure(.null)
        case .string(let given): text = given
        // A number with a point or an exponent goes through a float before decimals are counted.
        case .number(let given):
            text =
                given.contains { ".eE".contains($0) }
                ? PythonFloat.text(Double(given) ?? .nan) : given
        default: return .failure(Complaint("A valid number is required."))
        }
        guard text.count <= 1000 else { return .failure(Complaint("String value too large.")) }
        guard let parsed = PythonDecimal(text) else {
            return .failure(Complaint("A valid number is required."))
        }
        if let complaint = parsed.complaint(maxDigits: 20, places: 2) {
            return .failure(Complaint(complaint))
        }
        guard let amount = Decimal10(text.trimmingWhitespace.replacing("_", with: "")) else {
            return .failure(Complaint("A valid number is required."))
        }
        return .success(amount)
    }
}

extension String {
    var trimmingWhitespace: String {
        var view = Substring(self)
        while view.first?.isWhitespace == true { view.removeFirst() }
        while view.last?.isWhitespace == true { view.removeLast() }
        return String(view)
    }
}
