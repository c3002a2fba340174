internal import MeterWaldur

/// A column of what a verb shows: what people, spreadsheets and programs call it, and how it is read from
/// an element of the server's answer.
///
/// ```swift
/// static let columns: [Column] = [
///     .text("source"), .state("state"), .number("conflict", "inConflict"), .prose("detail"),
/// ]
/// ```
struct Column: Sendable {
    enum Kind {
        case text
        /// Set to the right, three digits at a time in a table; CSV and JSON have the bare digits.
        case number
        /// One word that says how something stands; coloured on a terminal.
        case state
        /// A number or words, as one of several figures of different kinds: to the left, digits in groups.
        case value
        /// Sentences, which may be broken into lines where the terminal is narrow.
        case prose
    }

    /// At the head of a table, in capitals.
    let title: String
    /// At the head of a CSV file, and the member in the server's JSON.
    let key: String
    let kind: Kind
    /// Shown in CSV and JSON only: of little use to a person.
    private(set) var isForProgramsOnly = false
    /// Left out of a table where the screen is too narrow for all columns; of little use beside the others.
    private(set) var isForWideScreens = false
    /// Whether the key is a member of the server's answer, as it is unless the cell is made of several.
    let isMember: Bool
    private let read: @Sendable (JSONValue) -> String

    private init(
        _ title: String,
        _ key: String?,
        _ kind: Kind,
        _ read: (@Sendable (JSONValue) -> String)?
    ) {
        let key = key ?? Self.member(title)
        self.title = title
        self.key = key
        self.kind = kind
        isMember = read == nil
        self.read = read ?? { $0.cell(key) }
    }

    /// - Parameters:
    ///   - title: `last seen`.
    ///   - key: The member, such as `lastSeen`, or a path of members (`principal.id`); otherwise the title
    ///     as JSON would write it.
    ///   - read: The cell, where it is not simply the member.
    static func text(
        _ title: String,
        _ key: String? = nil,
        _ read: (@Sendable (JSONValue) -> String)? = nil
    ) -> Column { Column(title, key, .text, read) }

    static func number(_ title: String, _ key: String? = nil) -> Column {
        Column(title, key, .number, nil)
    }

    static func state(
        _ title: String,
        _ key: String? = nil,
        _ read: (@Sendable (JSONValue) -> String)? = nil
    ) -> Column { Column(title, key, .state, read) }

    static func prose(
        _ title: String,
        _ key: String? = nil,
        _ read: (@Sendable (JSONValue) -> String)? = nil
    ) -> Column { Column(title, key, .prose, read) }

    static func value(_ title: String) -> Column { Column(title, nil, .value, nil) }

    /// The same column, for CSV and JSON only.
    var forProgramsOnly: Column {
        var column = self
        column.isForProgramsOnly = true
        return column
    }

    /// The same column, left out where a table would not fit otherwise; CSV and JSON have it.
    var forWideScreens: Column {
        var column = self
        column.isForWideScreens = true
        return column
    }

    /// The cell of an element; empty where there is nothing.
    func cell(of element: JSONValue) -> String { read(element) }

    /// `units per reported` as `unitsPerReported`.
    private static func member(_ title: String) -> String {
        let words = title.split(separator: " ")
        return words.dropFirst().reduce(String(words.first ?? "")) { name, word in
            name + word.prefix(1).uppercased() + word.dropFirst()
        }
    }
}

/// JSON values as cells.
extension JSONValue {
    /// The value at a path of members, such as `principal.id`.
    func at(_ path: String) -> JSONValue? {
        path.split(separator: ".").reduce(self) { value, name in value?[String(name)] }
    }

    /// A member as text: nothing for null and for what is missing, lists with commas.
    func cell(_ path: String) -> String { at(path)?.cell ?? "" }

    var cell: String {
        switch self {
        case .null: ""
        case .bool(let flag): flag ? "yes" : "no"
        case .number(let text), .string(let text): text
        case .array(let elements):
            elements.map { $0.object == nil ? $0.cell : "(\($0.cell))" }.joined(separator: ",")
        case .object(let members):
            members.keys.sorted().map { "\($0)=\(members[$0]?.cell ?? "")" }
                .joined(separator: " ")
        }
    }

    /// The elements of a member that is a list.
    func list(_ path: String) -> [JSONValue] { at(path)?.array ?? [] }

    /// Whether a member is true.
    func isTrue(_ path: String) -> Bool { at(path) == .bool(true) }
}
