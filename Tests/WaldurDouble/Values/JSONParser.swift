/// Reads JSON and complains with the words and positions of Python's `json` module, which Waldur
/// passes on to the client.
struct JSONParser {
    struct Failure: Error, Equatable, CustomStringConvertible {
        var description: String
    }

    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    /// Nesting beyond this is refused: the double is not a place to exhaust the stack.
    private static let deepest = 200

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func parse(_ bytes: [UInt8]) throws(Failure) -> JSON {
        var parser = JSONParser(bytes)
        parser.skipSpace()
        let value = try parser.value()
        parser.skipSpace()
        if parser.position < bytes.count { throw parser.failure("Extra data") }
        return value
    }

    private func failure(_ message: String, at place: Int? = nil) -> Failure {
        let place = min(place ?? position, bytes.count)
        let before = bytes[..<place]
        let line = before.count { $0 == 0x0a } + 1
        let lineStart = before.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        // Python counts characters, not bytes.
        let column =
            String(decoding: bytes[lineStart..<place], as: UTF8.self).unicodeScalars.count + 1
        let character = String(decoding: before, as: UTF8.self).unicodeScalars.count
        return Failure(description: "\(message): line \(line) column \(column) (char \(character))")
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d {
            position += 1
        }
    }

    private mutating func value() throws(Failure) -> JSON {
        guard let byte = next else { throw failure("Expecting value") }
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.deepest else { throw failure("Nesting too deep") }
        switch byte {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ text: String, _ value: JSON) throws(Failure) -> JSON {
        guard bytes[position...].starts(with: text.utf8) else { throw failure("Expecting value") }
        position += text.utf8.count
        return value
    }

    private mutating func number() throws(Failure) -> JSON {
        let start = position
        if next == UInt8(ascii: "-") { position += 1 }
        let whole = digits()
        guard whole > 0 else { throw failure("Expecting value", at: start) }
        if next == UInt8(ascii: ".") {
            let mark = position
            position += 1
            if digits() == 0 { position = mark }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            let mark = position
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            if digits() == 0 { position = mark }
        }
        return .number(String(decoding: bytes[start..<position], as: UTF8.self))
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
            position += 1
        }
        return position - start
    }

    private mutating func array() throws(Failure) -> JSON {
        position += 1
        var values: [JSON] = []
        skipSpace()
        if next == UInt8(ascii: "]") {
            position += 1
            return .array(values)
        }
        while true {
            skipSpace()
            values.append(try value())
            skipSpace()
            guard let byte = next, byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]") else {
                throw failure("Expecting ',' delimiter")
            }
            position += 1
            if byte == UInt8(ascii: "]") { return .array(values) }
        }
    }

    private mutating func object() throws(Failure) -> JSON {
        position += 1
        var members: [JSON.Member] = []
        skipSpace()
        if next == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else {
                throw failure("Expecting property name enclosed in double quotes")
            }
            let key = try string()
            skipSpace()
            guard next == UInt8(ascii: ":") else { throw failure("Expecting ':' delimiter") }
            position += 1
            skipSpace()
            members.append(JSON.Member(key: key, value: try value()))
            skipSpace()
            guard let byte = next, byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") else {
                throw failure("Expecting ',' delimiter")
            }
            position += 1
            if byte == UInt8(ascii: "}") { return .object(members) }
        }
    }

    private mutating func string() throws(Failure) -> String {
        let start = position
        position += 1
        var out: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: out, as: UTF8.self)
            case UInt8(ascii: "\\"): out.append(contentsOf: Array(try escape().utf8))
            case 0..<0x20: throw failure("Invalid control character at", at: position - 1)
            default: out.append(byte)
            }
        }
        throw failure("Unterminated string starting at", at: start)
    }

    private mutating func escape() throws(Failure) -> String {
        let start = position - 1
        guard let byte = next else { throw failure("Unterminated string starting at", at: start) }
        position += 1
        switch byte {
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            return String(UnicodeScalar(byte))
        case UInt8(ascii: "u"):
            let high = try unit(start)
            if 0xd800...0xdbff ~= high, bytes[position...].starts(with: "\\u".utf8) {
                position += 2
                let low = try unit(start)
                if 0xdc00...0xdfff ~= low,
                    let scalar = UnicodeScalar(0x10000 + (high - 0xd800) << 10 + (low - 0xdc00))
                {
                    return String(Character(scalar))
                }
            }
            return UnicodeScalar(high).map { String(Character($0)) } ?? "\u{fffd}"
        default: throw failure("Invalid \\escape", at: start)
        }
    }

    private mutating func unit(_ start: Int) throws(Failure) -> UInt32 {
        let text = String(decoding: bytes[position...].prefix(4), as: UTF8.self)
        guard text.utf8.count == 4, let value = UInt32(text, radix: 16) else {
            throw failure("Invalid \\uXXXX escape", at: start + 1)
        }
        position += 4
        return value
    }
}
