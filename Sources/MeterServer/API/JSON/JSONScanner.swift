/// Reads JSON (RFC 8259) from bytes of anyone, one value at a time, without building a tree.
///
/// Strict where JSON parsers usually are not: text is valid UTF-8, escapes name whole scalars, no
/// control characters, no leading zeros, nothing after the value, nesting at most `depthMax`. What is
/// not asked for is skipped, but never unread: after the last byte the whole body is known to be JSON.
/// The cost is one pass over the bytes; nothing is allocated but the texts that are asked for.
struct JSONScanner {
    /// Deep enough for any event, and as many levels as the bits of the word that remembers them.
    static let depthMax = 32

    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// What a value is, told by its first byte.
    enum Kind: String {
        case object, array, string, number, boolean, null
    }

    /// A string where it stands in the body.
    struct Text {
        /// Between the quotation marks.
        let range: Range<Int>
        let hasEscapes: Bool
    }

    /// The kind of the next value; moves to its first byte.
    mutating func peek() throws(JSONError) -> Kind {
        skipSpace()
        switch byte {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
        case UInt8(ascii: "n"): return .null
        case nil: throw JSONError(.endsEarly, at: position)
        default: throw JSONError(.notAValue, at: position)
        }
    }

    /// Moves into an object and to its first member's value; nil (and behind it) if it is empty.
    mutating func firstMember() throws(JSONError) -> Text? {
        try open(UInt8(ascii: "{"), close: UInt8(ascii: "}")) ? try memberName() : nil
    }

    /// Moves to the next member's value; nil (and behind the object) after the last.
    mutating func nextMember() throws(JSONError) -> Text? {
        try next(close: UInt8(ascii: "}")) ? try memberName() : nil
    }

    /// Moves into an array and to its first element; false (and behind it) if it is empty.
    mutating func firstElement() throws(JSONError) -> Bool {
        try open(UInt8(ascii: "["), close: UInt8(ascii: "]"))
    }

    /// Moves to the next element; false (and behind the array) after the last.
    mutating func nextElement() throws(JSONError) -> Bool {
        try next(close: UInt8(ascii: "]"))
    }

    /// Reads a string and checks it to its end.
    mutating func text() throws(JSONError) -> Text {
        guard byte == UInt8(ascii: "\"") else { throw JSONError(.notAValue, at: position) }
        position += 1
        let start = position
        var hasEscapes = false
        while let next = byte {
            switch next {
            case UInt8(ascii: "\""):
                position += 1
                return Text(range: start..<position - 1, hasEscapes: hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try skipEscape()
            case 0..<0x20:
                throw JSONError(.controlCharacter, at: position)
            case 0x20..<0x80:
                position += 1
            default:
                guard let count = UTF8Sequence.length(in: bytes, at: position) else {
                    throw JSONError(.notUTF8, at: position)
                }
                position += count
            }
        }
        throw JSONError(.endsEarly, at: position)
    }

    /// The bytes that a string stands for, escapes resolved.
    func bytes(of text: Text) -> [UInt8] {
        guard text.hasEscapes else { return Array(bytes[text.range]) }
        return JSONEscapes.resolve(bytes[text.range])
    }

    /// The string as a `String`.
    func string(of text: Text) -> String { String(decoding: bytes(of: text), as: UTF8.self) }

    /// True where the string is exactly `name`.
    func equals(_ text: Text, _ name: StaticString) -> Bool {
        if text.hasEscapes { return string(of: text) == name.description }
        guard text.range.count == name.utf8CodeUnitCount else { return false }
        return name.withUTF8Buffer { unsafe bytes[text.range].elementsEqual($0) }
    }

    /// Reads a number as it is written; the digits are at `range` and checked against the grammar.
    mutating func number() throws(JSONError) -> JSONNumber {
        let start = position
        if byte == UInt8(ascii: "-") { position += 1 }
        let first = position
        try skipDigits()
        if position - first > 1, bytes[first] == UInt8(ascii: "0") {
            throw JSONError(.badNumber, at: start)
        }
        var isWhole = true
        if byte == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            try skipDigits()
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            isWhole = false
            position += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { position += 1 }
            try skipDigits()
        }
        return JSONNumber(written: bytes[start..<position], isWhole: isWhole)
    }

    /// Passes over the next value, checking it.
    mutating func skip() throws(JSONError) {
        // One bit a level: 1 for an object, 0 for an array; the lowest bit is the innermost.
        var levels: UInt64 = 0
        var depth = 0
        while true {
            switch try peek() {
            case .string: _ = try text()
            case .number: _ = try number()
            case .boolean, .null: try skipWord()
            case .object:
                if try firstMember() != nil {
                    (levels, depth) = (levels << 1 | 1, depth + 1)
                    guard depth <= Self.depthMax else { throw JSONError(.tooDeep, at: position) }
                    continue
                }
            case .array:
                if try firstElement() {
                    (levels, depth) = (levels << 1, depth + 1)
                    guard depth <= Self.depthMax else { throw JSONError(.tooDeep, at: position) }
                    continue
                }
            }
            while depth > 0 {
                let more = levels & 1 == 1 ? try nextMember() != nil : try nextElement()
                if more { break }
                (levels, depth) = (levels >> 1, depth - 1)
            }
            if depth == 0 { return }
        }
    }

    /// True for `true`, false for `false`.
    mutating func boolean() throws(JSONError) -> Bool {
        let value = byte == UInt8(ascii: "t")
        try skipWord()
        return value
    }

    /// Succeeds when nothing but white space is left.
    mutating func end() throws(JSONError) {
        skipSpace()
        guard position == bytes.count else { throw JSONError(.trailingBytes, at: position) }
    }

    // MARK: -

    private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let next = byte, next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 {
            position += 1
        }
    }

    private mutating func open(_ bracket: UInt8, close: UInt8) throws(JSONError) -> Bool {
        guard byte == bracket else { throw JSONError(.notAValue, at: position) }
        position += 1
        skipSpace()
        guard byte == close else { return true }
        position += 1
        return false
    }

    private mutating func next(close: UInt8) throws(JSONError) -> Bool {
        skipSpace()
        switch byte {
        case close:
            position += 1
            return false
        case UInt8(ascii: ","):
            position += 1
            skipSpace()
            return true
        case nil: throw JSONError(.endsEarly, at: position)
        default: throw JSONError(.missingComma, at: position)
        }
    }

    private mutating func memberName() throws(JSONError) -> Text {
        guard byte == UInt8(ascii: "\"") else { throw JSONError(.missingName, at: position) }
        let name = try text()
        skipSpace()
        guard byte == UInt8(ascii: ":") else { throw JSONError(.missingColon, at: position) }
        position += 1
        return name
    }

    private mutating func skipDigits() throws(JSONError) {
        let start = position
        while let next = byte, next >= UInt8(ascii: "0"), next <= UInt8(ascii: "9") {
            position += 1
        }
        guard position > start else { throw JSONError(.badNumber, at: position) }
    }

    private mutating func skipWord() throws(JSONError) {
        for word: StaticString in ["true", "false", "null"] {
            let end = position + word.utf8CodeUnitCount
            guard end <= bytes.count else { continue }
            let matches = word.withUTF8Buffer {
                unsafe bytes[position..<end].elementsEqual($0)
            }
            if matches {
                position = end
                return
            }
        }
        throw JSONError(.notAValue, at: position)
    }

    private mutating func skipEscape() throws(JSONError) {
        guard position + 1 < bytes.count else { throw JSONError(.endsEarly, at: position) }
        switch bytes[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            guard let (_, count) = JSONEscapes.scalar(in: bytes[position...]) else {
                throw JSONError(.badEscape, at: position)
            }
            position += count
        default: throw JSONError(.badEscape, at: position)
        }
    }
}
