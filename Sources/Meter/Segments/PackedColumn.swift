/// Unsigned integers as differences from the least of every 128, in as few bits as most of them need;
/// the few that need more are patched (PFOR: Zukowski et al., ICDE 2006).
///
///     pack of 128 values, or what is left:
///       u8       bits a value (0...64), + 128 if there are exceptions
///       varint   base, the least value
///       bits     value - base: the low 32 bits, packed; beyond 32 bits then the upper bits, packed
///       with exceptions: u8 how many, then for each  u8 index in the pack | varint what is above the bits
///
/// A pack of equal values takes two bytes or little more.
enum PackedColumn {
    private static let exceptionFlag: UInt8 = 0x80

    // MARK: Encoding

    static func encode(_ values: [UInt64], into bytes: inout [UInt8]) {
        var start = 0
        var low = [UInt32](repeating: 0, count: BitPacking.fullCount)
        while start < values.count {
            let end = min(start + BitPacking.fullCount, values.count)
            encodePack(values[start..<end], low: &low, into: &bytes)
            start = end
        }
    }

    private static func encodePack(
        _ values: ArraySlice<UInt64>,
        low: inout [UInt32],
        into bytes: inout [UInt8]
    ) {
        let base = values.min() ?? 0
        let (width, exceptionCount) = cheapestWidth(values, base: base)
        bytes.append(UInt8(width) | (exceptionCount > 0 ? exceptionFlag : 0))
        bytes.append(varint: base)
        for (index, value) in values.enumerated() {
            low[index] = UInt32(truncatingIfNeeded: value - base)
        }
        BitPacking.pack(low[..<values.count], width: min(width, 32), into: &bytes)
        if width > 32 {
            for (index, value) in values.enumerated() {
                low[index] = UInt32(truncatingIfNeeded: (value - base) >> 32)
            }
            BitPacking.pack(low[..<values.count], width: width - 32, into: &bytes)
        }
        if exceptionCount > 0 {
            bytes.append(UInt8(exceptionCount))
            encodeExceptions(values, base: base, width: width, into: &bytes)
        }
    }

    private static func encodeExceptions(
        _ values: ArraySlice<UInt64>,
        base: UInt64,
        width: Int,
        into bytes: inout [UInt8]
    ) {
        for (index, value) in values.enumerated() where bitCount(value - base) > width {
            bytes.append(UInt8(index))
            bytes.append(varint: (value - base) >> UInt64(width))
        }
    }

    private static func bitCount(_ value: UInt64) -> Int { 64 - value.leadingZeroBitCount }

    /// The width for which bits and exceptions together take the fewest bytes, and how many exceptions.
    private static func cheapestWidth(
        _ values: ArraySlice<UInt64>,
        base: UInt64
    ) -> (width: Int, exceptionCount: Int) {
        var histogram = InlineArray<65, Int>(repeating: 0)
        var widest = 0
        for value in values {
            let bits = bitCount(value - base)
            histogram[bits] += 1
            widest = max(widest, bits)
        }
        var best = widest
        var bestExceptionCount = 0
        var bestByteCount = BitPacking.byteCount(values.count, width: widest)
        var exceptionCount = 0
        for width in stride(from: widest - 1, through: 0, by: -1) {
            exceptionCount += histogram[width + 1]
            // At least two bytes an exception: beyond that no narrower width can win.
            let packed = BitPacking.byteCount(values.count, width: width) + 1
            if 2 * exceptionCount >= bestByteCount { break }
            var byteCount = packed
            for bits in width + 1...widest where histogram[bits] > 0 {
                byteCount += histogram[bits] * (1 + (bits - width + 6) / 7)
            }
            if byteCount < bestByteCount {
                best = width
                bestByteCount = byteCount
                bestExceptionCount = exceptionCount
            }
        }
        return (best, bestExceptionCount)
    }

    // MARK: Decoding

    /// Decodes `count` values into `target`, which has room for them, moving `offset` behind them; false
    /// if the bytes end before or contradict themselves.
    static func decode(
        _ count: Int,
        from bytes: UnsafeRawBufferPointer,
        at offset: inout Int,
        into target: UnsafeMutablePointer<UInt64>
    ) -> Bool {
        unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: BitPacking.fullCount) {
            guard let low = $0.baseAddress else { return false }
            var position = offset
            var start = 0
            while start < count {
                let packCount = min(BitPacking.fullCount, count &- start)
                guard
                    unsafe decodePack(
                        packCount,
                        from: bytes,
                        at: &position,
                        low: low,
                        into: target + start
                    )
                else { return false }
                start &+= packCount
            }
            offset = position
            return true
        }
    }

    @inline(__always)
    private static func decodePack(
        _ count: Int,
        from bytes: UnsafeRawBufferPointer,
        at offset: inout Int,
        low: UnsafeMutablePointer<UInt32>,
        into target: UnsafeMutablePointer<UInt64>
    ) -> Bool {
        guard offset < bytes.count, let source = bytes.baseAddress else { return false }
        let head = unsafe bytes[offset]
        offset &+= 1
        let width = Int(head & ~exceptionFlag)
        guard width <= 64, let base = unsafe varint(bytes, at: &offset) else { return false }
        let lowWidth = min(width, 32)
        let lowByteCount = BitPacking.byteCount(count, width: lowWidth)
        let highByteCount = BitPacking.byteCount(count, width: width &- lowWidth)
        guard lowByteCount &+ highByteCount <= bytes.count &- offset else { return false }
        if width == 0 {
            unsafe target.update(repeating: base, count: count)
        } else {
            unsafe BitPacking.unpack(count, width: lowWidth, from: source + offset, into: low)
            for index in 0..<count { unsafe target[index] = base &+ UInt64(low[index]) }
        }
        offset &+= lowByteCount
        if width > 32 {
            unsafe BitPacking.unpack(count, width: width &- 32, from: source + offset, into: low)
            for index in 0..<count {
                unsafe target[index] = target[index] &+ UInt64(low[index]) &<< 32
            }
            offset &+= highByteCount
        }
        if head & exceptionFlag == 0 { return true }
        return unsafe patch(count, width: width, from: bytes, at: &offset, target)
    }

    private static func patch(
        _ count: Int,
        width: Int,
        from bytes: UnsafeRawBufferPointer,
        at offset: inout Int,
        _ target: UnsafeMutablePointer<UInt64>
    ) -> Bool {
        guard offset < bytes.count, width < 64 else { return false }
        let exceptionCount = Int(unsafe bytes[offset])
        offset &+= 1
        for _ in 0..<exceptionCount {
            guard offset < bytes.count else { return false }
            let index = Int(unsafe bytes[offset])
            offset &+= 1
            guard index < count, let high = unsafe varint(bytes, at: &offset) else { return false }
            unsafe target[index] = target[index] &+ high &<< UInt64(width)
        }
        return true
    }

    @inline(__always)
    static func varint(_ bytes: UnsafeRawBufferPointer, at offset: inout Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.count, shift < 64 {
            let byte = unsafe bytes[offset]
            offset &+= 1
            value |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 { return value }
            shift &+= 7
        }
        return nil
    }
}
