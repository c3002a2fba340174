/// One JSON value, with numbers kept as they were written.
///
/// Waldur's prices are JSON numbers. A parser that hands them out as `Double` would lose what the invoice
/// is computed from, so numbers stay text until somebody reads them as `ExactDecimal`.
package enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// What stands under a name; nil for a missing name and for anything but an object.
    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }

    /// The text of a string.
    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The elements of an array.
    package var array: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The members of an object.
    package var object: [String: JSONValue]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// The value of a number, or of a string that holds nothing but a number.
    package var decimal: ExactDecimal? {
        switch self {
        case .number(let text), .string(let text): ExactDecimal(text)
        default: nil
        }
    }

    /// True for `null`.
    package var isNull: Bool { self == .null }
}

/// Reads JSON (RFC 8259) that came from outside: bounded depth, no traps, nothing behind the value.
package struct JSONParser {
    /// Where the text stopped making sense.
    package struct Malformed: Error, Equatable, CustomStringConvertible {
        package let offset: Int
        package let description: String

        init(offset: Int, _ description: String) {
            self.offset = offset
            self.description = "\(description) at byte \(offset)"
        }
    }

    private let bytes: [UInt8]
    private var index = 0
    private static let depthMax = 32

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The value that the bytes hold. The last of several members of one name wins, as in Python.
    package static func parse(_ bytes: [UInt8]) throws(Malformed) -> JSONValue {
        var parser = JSONParser(bytes)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.index == bytes.count else { throw parser.malformed("more after the value") }
        return value
    }

    private func malformed(_ text: String) -> Malformed { Malformed(offset: index, text) }

    private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            index += 1
        }
    }

    private mutating func value(depth: Int) throws(Malformed) -> JSONValue {
        guard depth < Self.depthMax else { throw malformed("nested too deeply") }
        skipSpace()
        switch current {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(
        _ text: StaticString,
        _ value: JSONValue
    ) throws(Malformed) -> JSONValue {
        for byte in String(describing: text).utf8 {
            guard current == byte else { throw malformed("unknown word") }
            index += 1
        }
        return value
    }

    private mutating func number() throws(Malformed) -> JSONValue {
        let start = index
        while let byte = current {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"),
                UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
                index += 1
                continue
            default: break
            }
            break
        }
        guard index > start, index - start <= 400 else { throw malformed("no value") }
        return .number(String(decoding: bytes[start..<index], as: UTF8.self))
    }

    private mutating func array(depth: Int) throws(Malformed) -> JSONValue {
        index += 1
        var elements: [JSONValue] = []
        skipSpace()
        if current == UInt8(ascii: "]") {
            index += 1
            return .array(elements)
        }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            switch current {
            case UInt8(ascii: ","): index += 1
            case UInt8(ascii: "]"):
                index += 1
                return .array(elements)
            default: throw malformed("an array without its end")
            }
        }
    }

    private mutating func object(depth: Int) throws(Malformed) -> JSONValue {
        index += 1
        var members: [String: JSONValue] = [:]
        skipSpace()
        if current == UInt8(ascii: "}") {
            index += 1
            return .object(members)
        }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw malformed("a member without a name") }
            let name = try string()
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw malformed("a name without a value") }
            index += 1
            members[name] = try value(depth: depth + 1)
            skipSpace()
            switch current {
            case UInt8(ascii: ","): index += 1
            case UInt8(ascii: "}"):
                index += 1
                return .object(members)
            default: throw malformed("an object without its end")
            }
        }
    }

    private mutating func string() throws(Malformed) -> String {
        index += 1
        var text: [UInt8] = []
        while let byte = current {
            index += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw malformed("a string that is not UTF-8")
                }
                return string
            case UInt8(ascii: "\\"):
                text.append(contentsOf: String(try escape()).utf8)
            case 0..<0x20:
                throw malformed("a control character in a string")
            default:
                text.append(byte)
            }
        }
        throw malformed("a string without its end")
    }

    private mutating func escape() throws(Malformed) -> Character {
        guard let byte = current else { throw malformed("a string without its end") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            var code = UInt32(try fourDigits())
            if (0xD800..<0xDC00).contains(code) {
                guard current == UInt8(ascii: "\\"), index + 1 < bytes.count,
                    bytes[index + 1] == UInt8(ascii: "u")
                else { throw malformed("half a surrogate pair") }
                index += 2
                let low = UInt32(try fourDigits())
                guard (0xDC00..<0xE000).contains(low) else {
                    throw malformed("half a surrogate pair")
                }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else {
                throw malformed("half a surrogate pair")
            }
            return Character(scalar)
        default: throw malformed("an unknown escape")
        }
    }

    private mutating func fourDigits() throws(Malformed) -> UInt16 {
        guard index + 4 <= bytes.count,
            let value = UInt16(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
        else { throw malformed("an unknown escape") }
        index += 4
        return value
    }
}

/// Writes the few JSON bodies that are sent.
package enum JSONText {
    /// A string with its quotes.
    package static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
