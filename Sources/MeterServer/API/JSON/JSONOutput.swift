/// JSON to be written: members keep the order in which they were named, so equal answers are equal bytes.
package indirect enum JSONOutput: Sendable, Equatable {
    case object([JSONMember])
    case array([JSONOutput])
    case string(String)
    /// Only for numbers that stay small; amounts and positions are strings.
    case integer(Int64)
    case boolean(Bool)
    case null
    /// JSON that was written elsewhere, to be passed on as it is.
    case written([UInt8])

    /// The text as UTF-8, without a line end.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return bytes
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(member.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .string(let text): Self.write(text, to: &bytes)
        case .integer(let number): bytes.append(contentsOf: String(number).utf8)
        case .boolean(let flag): bytes.append(contentsOf: (flag ? "true" : "false").utf8)
        case .null: bytes.append(contentsOf: "null".utf8)
        case .written(let json): bytes.append(contentsOf: json)
        }
    }

    private static func write(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0x0A: bytes.append(contentsOf: "\\n".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0..<0x20, 0x7F:
                let digits = String(byte, radix: 16)
                bytes.append(contentsOf: ("\\u00" + (byte < 16 ? "0" : "") + digits).utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

/// One member of a JSON object.
package struct JSONMember: Sendable, Equatable {
    package let name: String
    package let value: JSONOutput

    package init(_ name: String, _ value: JSONOutput) {
        self.name = name
        self.value = value
    }
}

extension JSONOutput: ExpressibleByStringLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    package init(stringLiteral text: String) { self = .string(text) }

    package init(arrayLiteral elements: JSONOutput...) { self = .array(elements) }

    package init(dictionaryLiteral members: (String, JSONOutput)...) {
        self = .object(members.map { JSONMember($0.0, $0.1) })
    }

    /// A string, or null.
    package static func optional(_ text: (some CustomStringConvertible)?) -> JSONOutput {
        text.map { .string($0.description) } ?? .null
    }

    /// A number of any width as a decimal string.
    package static func decimal(_ number: some BinaryInteger) -> JSONOutput {
        .string(String(number))
    }

    /// A count that stays far below 2^53.
    package static func count(_ number: Int) -> JSONOutput { .integer(Int64(number)) }
}
