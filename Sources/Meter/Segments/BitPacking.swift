/// Unsigned integers of one width, 0 to 32 bits, packed without gaps.
///
/// A full pack is 128 values in four lanes of 32-bit words: value `i` is in lane `i % 4`, the lanes' words
/// alternate, and each lane is a stream of bits, the lowest first. So four values are unpacked by
/// one shift, one mask and at most one "or" of a vector. Fewer than 128 values are one stream of bits. Both take
/// `count * width` bits, rounded up to a byte. Words are little-endian, as every host of Swift on Linux.
enum BitPacking {
    static let fullCount = 128
    static let widthMax = 32

    static func byteCount(_ count: Int, width: Int) -> Int { (count * width + 7) / 8 }

    /// Appends the low `width` bits of each value.
    static func pack(_ values: ArraySlice<UInt32>, width: Int, into bytes: inout [UInt8]) {
        guard width > 0 else { return }
        if values.count == fullCount {
            packLanes(values, width: width, into: &bytes)
        } else {
            packStream(values, width: width, into: &bytes)
        }
    }

    private static func packLanes(
        _ values: ArraySlice<UInt32>,
        width: Int,
        into bytes: inout [UInt8]
    ) {
        var lane = SIMD4<UInt32>(repeating: 0)
        let mask = UInt32(truncatingIfNeeded: (1 as UInt64) << UInt64(width) - 1)
        var filled: UInt32 = 0
        var index = values.startIndex
        while index < values.endIndex {
            let next =
                SIMD4(values[index], values[index + 1], values[index + 2], values[index + 3])
                & SIMD4(repeating: mask)
            lane |= next &<< SIMD4(repeating: filled)
            filled += UInt32(width)
            if filled >= 32 {
                for word in 0..<4 { bytes.append(littleEndian: lane[word]) }
                filled -= 32
                let consumed = UInt32(width) - filled
                lane =
                    filled == 0
                    ? SIMD4(repeating: 0) : next &>> SIMD4(repeating: consumed)
            }
            index += 4
        }
    }

    private static func packStream(
        _ values: ArraySlice<UInt32>,
        width: Int,
        into bytes: inout [UInt8]
    ) {
        let mask = (1 as UInt64) << UInt64(width) - 1
        var pending: UInt64 = 0
        var filled: UInt64 = 0
        for value in values {
            pending |= (UInt64(value) & mask) << filled
            filled += UInt64(width)
            while filled >= 8 {
                bytes.append(UInt8(truncatingIfNeeded: pending))
                pending >>= 8
                filled -= 8
            }
        }
        if filled > 0 { bytes.append(UInt8(truncatingIfNeeded: pending)) }
    }

    /// Unpacks `count` values; `source` has at least `byteCount(count, width:)` bytes, `target` room for
    /// `count`.
    @inline(__always)
    static func unpack(
        _ count: Int,
        width: Int,
        from source: UnsafeRawPointer,
        into target: UnsafeMutablePointer<UInt32>
    ) {
        if width == 0 {
            unsafe target.update(repeating: 0, count: count)
        } else if count == fullCount {
            unsafe unpackLanes(width: width, from: source, into: target)
        } else {
            unsafe unpackStream(count, width: width, from: source, into: target)
        }
    }

    private static func unpackLanes(
        width: Int,
        from source: UnsafeRawPointer,
        into target: UnsafeMutablePointer<UInt32>
    ) {
        let mask = SIMD4(
            repeating: UInt32(truncatingIfNeeded: (1 as UInt64) &<< UInt64(width) &- 1)
        )
        let output = UnsafeMutableRawPointer(target)
        let bits = UInt32(truncatingIfNeeded: width)
        var word = unsafe source.loadUnaligned(as: SIMD4<UInt32>.self)
        var nextOffset = 16
        let end = 16 &* width
        var shift: UInt32 = 0
        var index = 0
        while index < 512 {
            var values = word &>> SIMD4(repeating: shift)
            shift &+= bits
            if shift >= 32 {
                shift &-= 32
                if nextOffset < end {
                    word = unsafe source.loadUnaligned(
                        fromByteOffset: nextOffset,
                        as: SIMD4<UInt32>.self
                    )
                    nextOffset &+= 16
                    if shift > 0 { values |= word &<< SIMD4(repeating: bits &- shift) }
                }
            }
            unsafe output.storeBytes(
                of: values & mask,
                toByteOffset: index,
                as: SIMD4<UInt32>.self
            )
            index &+= 16
        }
    }

    private static func unpackStream(
        _ count: Int,
        width: Int,
        from source: UnsafeRawPointer,
        into target: UnsafeMutablePointer<UInt32>
    ) {
        let mask = (1 as UInt64) &<< UInt64(width) &- 1
        var pending: UInt64 = 0
        var filled = 0
        var offset = 0
        for index in 0..<count {
            while filled < width {
                let byte = unsafe source.load(fromByteOffset: offset, as: UInt8.self)
                pending |= UInt64(byte) &<< UInt64(filled)
                filled &+= 8
                offset &+= 1
            }
            unsafe target[index] = UInt32(truncatingIfNeeded: pending & mask)
            pending &>>= UInt64(width)
            filled &-= width
        }
    }
}
