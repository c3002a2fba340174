/// JSON's `\`-escapes and the bytes they stand for.
enum JSONEscapes {
    /// Replaces the escapes of a string that the scanner has passed; what it would not pass stays.
    static func resolve(_ written: ArraySlice<UInt8>) -> [UInt8] {
        var resolved: [UInt8] = []
        resolved.reserveCapacity(written.count)
        var rest = written
        while let byte = rest.first {
            guard byte == UInt8(ascii: "\\"), rest.count > 1 else {
                resolved.append(byte)
                rest = rest.dropFirst()
                continue
            }
            let letter = rest[rest.startIndex + 1]
            if letter == UInt8(ascii: "u"), let (scalar, count) = Self.scalar(in: rest) {
                resolved.append(contentsOf: Array(String(Character(scalar)).utf8))
                rest = rest.dropFirst(count)
            } else {
                resolved.append(character(letter))
                rest = rest.dropFirst(2)
            }
        }
        return resolved
    }

    /// The scalar that `\uXXXX`, or a pair of them, at the start of `written` stands for, and how many
    /// bytes it takes; nil for half a pair.
    static func scalar(in written: ArraySlice<UInt8>) -> (Unicode.Scalar, Int)? {
        guard let first = unit(written) else { return nil }
        if let scalar = Unicode.Scalar(first) { return (scalar, 6) }
        guard (0xD800..<0xDC00).contains(first), let second = unit(written.dropFirst(6)),
            (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x1_0000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { return nil }
        return (scalar, 12)
    }

    private static func unit(_ written: ArraySlice<UInt8>) -> UInt32? {
        guard written.count >= 6, written[written.startIndex] == UInt8(ascii: "\\"),
            written[written.startIndex + 1] == UInt8(ascii: "u")
        else { return nil }
        var value: UInt32 = 0
        for byte in written.dropFirst(2).prefix(4) {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                value = value << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"):
                value = value << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        return value
    }

    private static func character(_ letter: UInt8) -> UInt8 {
        switch letter {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: letter
        }
    }
}
