internal import MeterWaldur

/// JSON values as cells of a table.
extension JSONValue {
    /// A member as text: `-` for null, nothing for what is missing, lists with commas.
    func cell(_ name: String) -> String { self[name]?.cell ?? "" }

    /// A member as a number with its digits in groups.
    func number(_ name: String) -> String { Table.grouped(cell(name)) }

    var cell: String {
        switch self {
        case .null: "-"
        case .bool(let flag): flag ? "yes" : "no"
        case .number(let text), .string(let text): text
        case .array(let elements): elements.map(\.cell).joined(separator: ",")
        case .object: "{}"
        }
    }

    /// The elements of a member that is a list.
    func list(_ name: String) -> [JSONValue] { self[name]?.array ?? [] }

    var isTrue: Bool { self == .bool(true) }
}

extension ServerClient.Answer {
    /// Writes the answer: the server's JSON as it is, or a table that `build` makes of it.
    func show(_ format: OutputFormat, nothing: String, _ build: (JSONValue) -> Table) {
        switch format {
        case .json:
            let text = String(decoding: bytes, as: UTF8.self)
            Terminal.data(text.hasSuffix("\n") ? text : text + "\n")
        case .table:
            let table = build(json)
            if table.isEmpty { Terminal.talk(nothing) } else { Terminal.data(table.text) }
        }
    }
}

/// Writes a JSON object for a request's body; what is nil is left out.
enum RequestBody {
    static func object(_ members: [(String, String?)]) -> String {
        let written = members.compactMap { name, value in
            value.map { JSONText.quoted(name) + ":" + $0 }
        }
        return "{" + written.joined(separator: ",") + "}"
    }

    static func string(_ text: String?) -> String? { text.map(JSONText.quoted) }

    static func strings(_ texts: [String]) -> String? {
        texts.isEmpty ? nil : "[" + texts.map(JSONText.quoted).joined(separator: ",") + "]"
    }
}
