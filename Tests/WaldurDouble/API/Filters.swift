/// Reads filter parameters and gathers what is wrong with them. Unknown parameters are ignored,
/// as are empty values.
struct Filters {
    private let call: Call
    private var complaints: [JSON.Member] = []

    init(_ call: Call) { self.call = call }

    private func value(_ name: String) -> String? {
        call.parameter(name).flatMap { $0.isEmpty ? nil : $0 }
    }

    private mutating func complain(_ name: String, _ text: String) {
        complaints.append(.init(key: name, value: [.string(text)]))
    }

    mutating func uuid(_ name: String) -> ID? {
        guard let text = value(name) else { return nil }
        guard let id = ID(text) else {
            complain(name, "Enter a valid UUID.")
            return nil
        }
        return id
    }

    /// The object that a URL ends in.
    mutating func url(_ name: String) -> ID? {
        guard let text = value(name) else { return nil }
        guard let id = text.split(separator: "/").last.flatMap({ ID(String($0)) }) else {
            complain(name, "Enter a valid URL.")
            return nil
        }
        return id
    }

    mutating func text(_ name: String) -> String? { value(name) }

    /// A day; a time of day beside it is refused.
    mutating func date(_ name: String) -> Moment? {
        guard let text = value(name) else { return nil }
        guard text.utf8.count == 10, let moment = Moment(text) else {
            complain(name, "Enter a valid date.")
            return nil
        }
        return moment
    }

    /// A day or a time.
    mutating func time(_ name: String) -> Moment? {
        guard let text = value(name) else { return nil }
        guard let moment = Moment(text) else {
            complain(name, "Enter a valid date/time.")
            return nil
        }
        return moment
    }

    mutating func number(_ name: String) -> Int? {
        guard let text = value(name) else { return nil }
        guard let number = Int(text) else {
            complain(name, "Enter a number.")
            return nil
        }
        return number
    }

    /// All given values of a choice; empty when none was given.
    mutating func choices(_ name: String, _ valid: [String]) -> Set<String> {
        let given = call.parameters(name).filter { !$0.isEmpty }
        if let bad = given.first(where: { !valid.contains($0) }) {
            complain(name, "Select a valid choice. \(bad) is not one of the available choices.")
        }
        return Set(given)
    }

    /// The ordering; `name` or `-name`.
    mutating func order(_ valid: [String]) -> String? {
        guard let text = value("o") else { return nil }
        guard valid.contains(text.hasPrefix("-") ? String(text.dropFirst()) : text) else {
            complain("o", "Select a valid choice. \(text) is not one of the available choices.")
            return nil
        }
        return text
    }

    /// Throws when a parameter had a bad value.
    func check() throws(Refusal) {
        guard complaints.isEmpty else { throw .invalid(.object(complaints)) }
    }
}

extension Array {
    /// Sorted by a key, stably, downwards when the ordering starts with `-`.
    func ordered<Key: Comparable>(_ ordering: String, by key: (Element) -> Key) -> [Element] {
        ordering.hasPrefix("-")
            ? sorted { key($0) > key($1) } : sorted { key($0) < key($1) }
    }
}
