/// A cursor over bytes that came from outside: every read is checked against the end.
///
/// The one place where payload bytes are loaded. The caller keeps the bytes alive while it reads.
@safe
package struct WireReader {
    private let start: UnsafeRawPointer
    private var position: UnsafeRawPointer
    private let end: UnsafeRawPointer

    /// Fails with `.truncated` if there are fewer bytes than `count`, at least one.
    @inline(__always)
    package init(_ bytes: UnsafeRawBufferPointer, atLeast count: Int = 1) throws(FrameError) {
        guard bytes.count >= Swift.max(count, 1), let base = bytes.baseAddress else {
            throw .truncated(needed: Swift.max(count, 1), available: bytes.count)
        }
        unsafe start = base
        unsafe position = base
        unsafe end = base + bytes.count
    }

    @inline(__always) var offset: Int { unsafe position - start }

    /// Bytes that were not read yet.
    @inline(__always) package var bytesLeft: Int { unsafe end - position }

    @inline(__always)
    package mutating func byte() throws(FrameError) -> UInt8 {
        guard unsafe position < end else { throw .truncated(needed: 1, available: 0) }
        let byte = unsafe position.load(as: UInt8.self)
        unsafe position += 1
        return byte
    }

    @inline(__always)
    package mutating func fixed64() throws(FrameError) -> UInt64 {
        guard bytesLeft >= 8 else { throw .truncated(needed: 8, available: bytesLeft) }
        let value = unsafe UInt64(bigEndian: position.loadUnaligned(as: UInt64.self))
        unsafe position += 8
        return value
    }

    @inline(__always)
    package mutating func fixed32() throws(FrameError) -> UInt32 {
        guard bytesLeft >= 4 else { throw .truncated(needed: 4, available: bytesLeft) }
        let value = unsafe UInt32(bigEndian: position.loadUnaligned(as: UInt32.self))
        unsafe position += 4
        return value
    }

    /// A varint of up to 64 bits in its shortest form. One byte, which nearly every index is, is read
    /// here.
    @inline(__always)
    package mutating func varint() throws(FrameError) -> UInt64 {
        if bytesLeft >= 1 {
            let first = unsafe position.load(as: UInt8.self)
            if first < 0x80 {
                unsafe position += 1
                return UInt64(first)
            }
        }
        return try wideVarint()
    }

    /// A varint whose length nobody can foretell, such as an amount: up to eight bytes are taken at once,
    /// without a branch on how many there are.
    @inline(__always)
    package mutating func wideVarint() throws(FrameError) -> UInt64 {
        guard bytesLeft >= 8 else { return try longVarint() }
        let word = unsafe UInt64(littleEndian: position.loadUnaligned(as: UInt64.self))
        let ends = ~word & 0x8080_8080_8080_8080
        guard ends != 0 else { return try longVarint() }
        // Position of the bit that ends the varint: 7, 15, ... 63.
        let last = ends.trailingZeroBitCount
        var value = word & (ends ^ (ends &- 1)) & 0x7F7F_7F7F_7F7F_7F7F
        // Shortest form: the last byte is not zero, unless it is the only one.
        guard (value &>> (last &- 7)) != 0 || last == 7 else { throw .varintNotMinimal }
        value = (value & 0x7F00_7F00_7F00_7F00) >> 1 | (value & 0x007F_007F_007F_007F)
        value = (value & 0x3FFF_0000_3FFF_0000) >> 2 | (value & 0x0000_3FFF_0000_3FFF)
        value = (value & 0x0FFF_FFFF_0000_0000) >> 4 | (value & 0x0000_0000_0FFF_FFFF)
        unsafe position += (last >> 3) + 1
        return value
    }

    @inline(__always)
    private mutating func longVarint() throws(FrameError) -> UInt64 {
        let (value, byteCount) = try unsafe Self.longVarint(position, end)
        unsafe position += byteCount
        return value
    }

    /// Takes the cursor's fields by value, so that they stay in registers on the way that is hot.
    @inline(never)
    private static func longVarint(
        _ position: UnsafeRawPointer,
        _ end: UnsafeRawPointer
    ) throws(FrameError) -> (value: UInt64, byteCount: Int) {
        let bytesLeft = unsafe end - position
        var value: UInt64 = 0
        for index in 0..<10 {
            guard index < bytesLeft else { throw .truncated(needed: 1, available: 0) }
            let byte = unsafe position.load(fromByteOffset: index, as: UInt8.self)
            if index == 9, byte > 1 { throw .varintTooLong }
            value |= UInt64(byte & 0x7F) << UInt64(7 * index)
            if byte < 0x80 {
                if byte == 0, index > 0 { throw .varintNotMinimal }
                return (value, index + 1)
            }
        }
        throw .varintTooLong
    }

    /// A varint of up to 128 bits in its shortest form.
    package mutating func varint128() throws(FrameError) -> UInt128 {
        var value: UInt128 = 0
        var shift: UInt128 = 0
        while true {
            let byte = try self.byte()
            if shift == 126, byte > 3 { throw .varintTooLong }
            value |= UInt128(byte & 0x7F) << shift
            if byte < 0x80 {
                if byte == 0, shift > 0 { throw .varintNotMinimal }
                return value
            }
            shift += 7
        }
    }

    /// A varint that must be below 2^63.
    package mutating func varint63() throws(FrameError) -> UInt64 {
        let value = try varint()
        guard value <= WireLimits.valueMax else { throw .valueOutOfRange }
        return value
    }

    @inline(__always)
    package mutating func zigzag() throws(FrameError) -> Int64 { Varint.unzigzag(try wideVarint()) }

    /// The number of elements of a list whose elements have at least `elementByteCount` bytes each, so
    /// that no list can ask for more memory than a small multiple of the bytes that came.
    package mutating func listCount(elementByteCount: Int) throws(FrameError) -> Int {
        let count = try varint()
        guard count <= UInt64(bytesLeft / elementByteCount) else {
            throw .listTooLong(count: count, bytesLeft: bytesLeft)
        }
        return Int(count)
    }

    /// A name behind its length: checked, and passed over. Returns where its bytes are.
    package mutating func name() throws(FrameError) -> (offset: Int, byteCount: Int) {
        let length = try varint()
        guard length >= 1, length <= UInt64(WireLimits.nameByteCountMax) else {
            throw .nameLength(length)
        }
        let byteCount = Int(length)
        guard byteCount <= bytesLeft else {
            throw .truncated(needed: byteCount, available: bytesLeft)
        }
        let bytes = unsafe UnsafeRawBufferPointer(start: position, count: byteCount)
        try unsafe NameRule.check(bytes)
        let found = offset
        unsafe position += byteCount
        return (found, byteCount)
    }

    /// A name as a value of its own.
    package mutating func nameValue() throws(FrameError) -> Name {
        let (offset, byteCount) = try name()
        return Name(
            bytes: unsafe Array(UnsafeRawBufferPointer(start: start + offset, count: byteCount))
        )
    }

    /// The next `count` bytes, in place.
    package mutating func bytes(_ count: Int) throws(FrameError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= bytesLeft else {
            throw .truncated(needed: count, available: bytesLeft)
        }
        let bytes = unsafe UnsafeRawBufferPointer(start: position, count: count)
        unsafe position += count
        return unsafe bytes
    }

    /// Fails unless everything was read.
    package func finish() throws(FrameError) {
        guard bytesLeft == 0 else { throw .trailingBytes(bytesLeft) }
    }
}
