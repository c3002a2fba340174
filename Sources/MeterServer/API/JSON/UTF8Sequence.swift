/// Well-formed UTF-8 of more than one byte (Unicode 15, table 3-7): no overlong forms, no surrogates.
enum UTF8Sequence {
    /// How many bytes the sequence at `position` has; nil if it is not well formed.
    static func length(in bytes: [UInt8], at position: Int) -> Int? {
        let first = bytes[position]
        let count: Int
        let second: ClosedRange<UInt8>
        switch first {
        case 0xC2...0xDF: (count, second) = (2, 0x80...0xBF)
        case 0xE0: (count, second) = (3, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE...0xEF: (count, second) = (3, 0x80...0xBF)
        case 0xED: (count, second) = (3, 0x80...0x9F)
        case 0xF0: (count, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (count, second) = (4, 0x80...0xBF)
        case 0xF4: (count, second) = (4, 0x80...0x8F)
        default: return nil
        }
        guard bytes.count - position >= count, second.contains(bytes[position + 1]) else {
            return nil
        }
        for offset in 2..<max(count, 2) where !(0x80...0xBF).contains(bytes[position + offset]) {
            return nil
        }
        return count
    }
}
