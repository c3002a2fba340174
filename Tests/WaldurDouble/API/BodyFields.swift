/// Reads the members of a request's body and gathers what is wrong with them, in Django's words.
struct BodyFields {
    private let body: JSON
    private var complaints: [JSON.Member] = []

    init(_ call: Call) throws(Refusal) { body = try call.json() }

    mutating func complain(_ name: String, _ text: String) {
        complaints.append(.init(key: name, value: [.string(text)]))
    }

    private mutating func require(_ name: String) -> JSON? {
        guard let value = body[name] else {
            complain(name, "This field is required.")
            return nil
        }
        guard value != .null else {
            complain(name, "This field may not be null.")
            return nil
        }
        return value
    }

    func has(_ name: String) -> Bool { body[name] != nil }

    func optional(_ name: String) -> String? { body[name]?.string }

    func json(_ name: String) -> JSON { body[name] ?? [:] }

    mutating func text(_ name: String, longest: Int = .max) -> String {
        guard let value = require(name) else { return "" }
        guard let text = value.string ?? value.number else {
            complain(name, "Not a valid string.")
            return ""
        }
        if text.unicodeScalars.count > longest {
            complain(name, "Ensure this field has no more than \(longest) characters.")
        }
        return text
    }

    /// The object that a hyperlink names.
    mutating func link<Row>(_ name: String, find: (ID) -> Row?) -> Row? {
        guard let value = require(name) else { return nil }
        guard let row = Self.id(in: value.string ?? "").flatMap(find) else {
            complain(name, "Invalid hyperlink - Object does not exist.")
            return nil
        }
        return row
    }

    /// The last part of a URL.
    static func id(in url: String) -> ID? {
        url.split(separator: "/").last.flatMap { ID(String($0)) }
    }

    /// A decimal with at most so many places; nil where it is missing or wrong.
    mutating func decimal(_ name: String, places: Int, required: Bool = true) -> Decimal10? {
        guard let value = required ? require(name) : body[name], value != .null else { return nil }
        let text = value.string ?? value.number ?? ""
        guard let parsed = PythonDecimal(text), let amount = Decimal10(text.trimmingWhitespace)
        else {
            complain(name, "A valid number is required.")
            return nil
        }
        if let complaint = parsed.complaint(maxDigits: 22, places: places) {
            complain(name, complaint)
        }
        return amount
    }

    /// A day, or nothing where the body says null.
    mutating func day(_ name: String) -> String? {
        guard let value = body[name], value != .null else { return nil }
        guard let text = value.string, text.utf8.count == 10, Moment(text) != nil else {
            complain(name, "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.")
            return nil
        }
        return text
    }

    /// Throws when something was wrong.
    func check() throws(Refusal) {
        guard complaints.isEmpty else { throw .invalid(.object(complaints)) }
    }
}
