/// The items of a URL's query, decoded strictly: valid percent escapes, valid UTF-8, known names.
package struct QueryItems: Sendable {
    package struct Item: Sendable, Equatable {
        package let name: String
        package let value: String
    }

    package let items: [Item]

    /// Reads `a=1&b=2`; `+` is a space, as forms write it.
    package init(_ query: String) throws(Problem) {
        var items: [Item] = []
        for part in query.split(separator: "&") {
            guard items.count < 256 else {
                throw .badQuery("The query has more than 256 parameters.")
            }
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = try Self.decode(pair[0])
            items.append(Item(name: name, value: pair.count > 1 ? try Self.decode(pair[1]) : ""))
        }
        self.items = items
    }

    /// Refuses names that the route does not know: a misspelt filter must not widen an answer.
    package func allow(_ names: Set<String>) throws(Problem) {
        for item in items where !names.contains(item.name) {
            throw .badQuery(
                "The parameter `\(Self.shown(item.name))` is not known here. Known are "
                    + names.sorted().joined(separator: ", ") + "."
            )
        }
    }

    /// The value of a parameter that may be there once.
    package func one(_ name: String) throws(Problem) -> String? {
        let values = all(name)
        guard values.count < 2 else { throw .badQuery("The parameter `\(name)` is there twice.") }
        return values.first
    }

    /// Whether a parameter is there and says true.
    package func flag(_ name: String) throws(Problem) -> Bool {
        guard let text = try one(name) else { return false }
        guard let flag = Bool(text) else { throw .badQuery("`\(name)` is true or false.") }
        return flag
    }

    /// The values of a parameter that may be repeated.
    package func all(_ name: String) -> [String] {
        items.filter { $0.name == name }.map(\.value)
    }

    /// Decodes one part of a path.
    package static func pathPart(_ text: some StringProtocol) -> String? {
        bytes(text, plusIsSpace: false).flatMap { String(validating: $0, as: UTF8.self) }
    }

    private static func decode(_ text: some StringProtocol) throws(Problem) -> String {
        guard let bytes = bytes(text, plusIsSpace: true),
            let decoded = String(validating: bytes, as: UTF8.self)
        else { throw .badQuery("The query is not valid percent-encoded UTF-8.") }
        return decoded
    }

    private static func bytes(_ text: some StringProtocol, plusIsSpace: Bool) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(digit),
                    let low = rest.popFirst().flatMap(digit)
                else { return nil }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(0x20)
            default: bytes.append(byte)
            }
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// What is shown of a caller's text in an answer.
    static func shown(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.prefix(40).filter { $0.value > 0x1F }))
    }
}
