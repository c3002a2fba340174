/// Integers to bytes: big-endian where fixed, otherwise varints of seven bits, least significant first.
extension [UInt8] {
    package mutating func appendFixed64(_ value: UInt64) {
        appendFixed32(UInt32(truncatingIfNeeded: value >> 32))
        appendFixed32(UInt32(truncatingIfNeeded: value))
    }

    package mutating func appendFixed32(_ value: UInt32) {
        append(UInt8(truncatingIfNeeded: value >> 24))
        append(UInt8(truncatingIfNeeded: value >> 16))
        append(UInt8(truncatingIfNeeded: value >> 8))
        append(UInt8(truncatingIfNeeded: value))
    }

    package mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    package mutating func appendVarint(_ value: Int) {
        appendVarint(UInt64(truncatingIfNeeded: value))
    }

    package mutating func appendVarint128(_ value: UInt128) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// Zigzag: 0, -1, 1, -2 become 0, 1, 2, 3.
    package mutating func appendZigzag(_ value: Int64) {
        appendVarint(Varint.zigzag(value))
    }
}

/// Sizes and forms of varints.
package enum Varint {
    /// Bytes of `value` as a varint.
    package static func byteCount(_ value: UInt64) -> Int {
        value == 0 ? 1 : (70 - value.leadingZeroBitCount) / 7
    }

    package static func zigzag(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: (value << 1) ^ (value >> 63))
    }

    package static func unzigzag(_ value: UInt64) -> Int64 {
        Int64(bitPattern: (value >> 1) ^ (0 &- (value & 1)))
    }
}
