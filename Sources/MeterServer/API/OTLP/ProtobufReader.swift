/// Reads protobuf messages from bytes of anyone, one field at a time, without building a tree.
///
/// Messages within messages are ranges of the same bytes, entered by whoever knows what they are; so depth is that of
/// the code that reads, whatever was sent, and nothing is allocated.
struct ProtobufReader {
    struct Malformed: Error, Equatable {
        let reason: Reason
        let offset: Int

        enum Reason: String {
            case endsEarly = "the message ends in the middle of a field"
            case badVarint = "a number has more than 64 bits"
            case badField = "a field has no number, or a type that there is not"
            case notUTF8 = "a text is not UTF-8"
        }
    }

    struct Field {
        let number: UInt64
        let value: Value
    }

    enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        /// Bytes, text or a message.
        case bytes(Range<Int>)
    }

    private let bytes: [UInt8]
    private var position: Int
    private let end: Int

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        position = 0
        end = bytes.count
    }

    private init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    /// The next field; nil at the end of the message.
    mutating func next() throws(Malformed) -> Field? {
        guard position < end else { return nil }
        let start = position
        let tag = try varint()
        let number = tag >> 3
        guard number > 0, number < 1 << 29 else {
            throw Malformed(reason: .badField, offset: start)
        }
        switch tag & 7 {
        case 0: return Field(number: number, value: .varint(try varint()))
        case 1: return Field(number: number, value: .fixed64(try fixed(8)))
        case 2:
            let count = try varint()
            guard count <= UInt64(end - position) else {
                throw Malformed(reason: .endsEarly, offset: start)
            }
            let range = position..<position + Int(count)
            position = range.upperBound
            return Field(number: number, value: .bytes(range))
        case 5:
            return Field(
                number: number,
                value: .fixed32(UInt32(truncatingIfNeeded: try fixed(4)))
            )
        // Groups went out of use before OpenTelemetry began.
        default: throw Malformed(reason: .badField, offset: start)
        }
    }

    /// Reads what stands in a range as a message.
    func message(_ range: Range<Int>) -> ProtobufReader { ProtobufReader(bytes, range) }

    func slice(_ range: Range<Int>) -> ArraySlice<UInt8> { bytes[range] }

    /// A text; protobuf's are valid UTF-8.
    func text(_ range: Range<Int>) throws(Malformed) -> String {
        guard let text = String(validating: bytes[range], as: UTF8.self) else {
            throw Malformed(reason: .notUTF8, offset: range.lowerBound)
        }
        return text
    }

    private mutating func varint() throws(Malformed) -> UInt64 {
        let start = position
        var value: UInt64 = 0
        for index in 0..<10 as Range<UInt64> {
            guard position < end else { throw Malformed(reason: .endsEarly, offset: start) }
            let byte = bytes[position]
            position += 1
            // The tenth byte has room for one bit.
            if index == 9, byte > 1 { break }
            value |= UInt64(byte & 0x7F) << (7 * index)
            if byte < 0x80 { return value }
        }
        throw Malformed(reason: .badVarint, offset: start)
    }

    private mutating func fixed(_ count: Int) throws(Malformed) -> UInt64 {
        guard end - position >= count else { throw Malformed(reason: .endsEarly, offset: position) }
        var value: UInt64 = 0
        for index in 0..<count { value |= UInt64(bytes[position + index]) << UInt64(8 * index) }
        position += count
        return value
    }
}

/// Writes the few fields that answers have.
enum ProtobufWriting {
    static func append(_ number: UInt64, varint value: UInt64, to bytes: inout [UInt8]) {
        append(number << 3, to: &bytes)
        append(value, to: &bytes)
    }

    static func append(_ number: UInt64, _ content: [UInt8], to bytes: inout [UInt8]) {
        append(number << 3 | 2, to: &bytes)
        append(UInt64(content.count), to: &bytes)
        bytes += content
    }

    private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
