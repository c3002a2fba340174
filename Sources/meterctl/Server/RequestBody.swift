internal import MeterWaldur

/// Writes JSON: bodies of requests, and what verbs that need no server show.
enum RequestBody {
    /// An object; members whose value is nil are left out.
    static func object(_ members: [(String, String?)]) -> String {
        let written = members.compactMap { name, value in
            value.map { JSONText.quoted(name) + ":" + $0 }
        }
        return "{" + written.joined(separator: ",") + "}"
    }

    static func string(_ text: String?) -> String? { text.map(JSONText.quoted) }

    /// A list; nil for an empty one.
    static func strings(_ texts: [String]) -> String? {
        texts.isEmpty ? nil : "[" + texts.map(JSONText.quoted).joined(separator: ",") + "]"
    }
}
