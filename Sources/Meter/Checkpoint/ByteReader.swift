/// Reads the fixed-width integers and varints of Meter's files; every read is checked against the end.
struct ByteReader {
    /// The bytes end before what they announce, or a number is too large for its place.
    struct Malformed: Error {}

    private let bytes: [UInt8]
    private(set) var offset: Int

    init(_ bytes: [UInt8], offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    var remaining: Int { bytes.count - offset }
    var isAtEnd: Bool { offset == bytes.count }

    /// A little-endian integer.
    mutating func integer<Value: FixedWidthInteger & UnsignedInteger>(
        _: Value.Type = Value.self
    ) throws(Malformed) -> Value {
        let byteCount = Value.bitWidth / 8
        guard remaining >= byteCount else { throw Malformed() }
        var value: Value = 0
        for index in 0..<byteCount {
            value |= Value(truncatingIfNeeded: bytes[offset + index]) << Value(8 * index)
        }
        offset += byteCount
        return value
    }

    /// Seven bits a byte, the lowest first; refused beyond `limit`.
    mutating func varint(upTo limit: UInt64 = .max) throws(Malformed) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard offset < bytes.count, shift < 64 else { throw Malformed() }
            let byte = bytes[offset]
            offset += 1
            let low = UInt64(byte & 0x7F)
            guard shift < 63 || low <= 1 else { throw Malformed() }
            value |= low << shift
            if byte < 0x80 { break }
            shift += 7
        }
        guard value <= limit else { throw Malformed() }
        return value
    }

    /// A varint that counts something of which each takes at least `byteCountMin` of the bytes left, so
    /// that a false count is refused before room is made for it.
    mutating func count(eachAtLeast byteCountMin: Int) throws(Malformed) -> Int {
        let value = try varint(upTo: UInt64(Int.max))
        guard value <= UInt64(remaining / max(1, byteCountMin)) else { throw Malformed() }
        return Int(value)
    }

    mutating func slice(_ count: Int) throws(Malformed) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else { throw Malformed() }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }
}

extension [UInt8] {
    /// Appends a little-endian integer.
    mutating func append<Value: FixedWidthInteger & UnsignedInteger>(littleEndian value: Value) {
        var rest = value
        for _ in 0..<Value.bitWidth / 8 {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    /// The little-endian integer at an offset that the caller knows to be inside.
    func littleEndian<Value: FixedWidthInteger & UnsignedInteger>(
        at offset: Int,
        as _: Value.Type = Value.self
    ) -> Value {
        (0..<Value.bitWidth / 8).reduce(0) { value, index in
            value | Value(truncatingIfNeeded: self[offset + index]) << Value(8 * index)
        }
    }

    /// Appends seven bits a byte, the lowest first.
    mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}
