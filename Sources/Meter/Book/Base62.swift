/// Bytes as the digits 0-9, A-Z, a-z in a fixed width: nothing that a shell, a URL or a double click breaks.
enum Base62 {
    private static let digits = Array(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8
    )

    /// `bytes` as one big-endian number in `width` digits; the caller gives room for all of it.
    static func text(_ bytes: [UInt8], width: Int) -> String {
        var number = bytes
        var text = [UInt8](repeating: digits[0], count: width)
        for index in text.indices.reversed() {
            var remainder = 0
            for position in number.indices {
                let value = remainder << 8 | Int(number[position])
                number[position] = UInt8(truncatingIfNeeded: value / 62)
                remainder = value % 62
            }
            text[index] = digits[remainder]
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The number that the digits stand for, as `count` bytes; nil for another character or if it does
    /// not fit.
    static func bytes(_ text: ArraySlice<UInt8>, count: Int) -> [UInt8]? {
        var number = [UInt8](repeating: 0, count: count)
        for character in text {
            guard var carry = value(character) else { return nil }
            for position in number.indices.reversed() {
                carry += Int(number[position]) * 62
                number[position] = UInt8(truncatingIfNeeded: carry)
                carry >>= 8
            }
            guard carry == 0 else { return nil }
        }
        return number
    }

    private static func value(_ character: UInt8) -> Int? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(character - UInt8(ascii: "0"))
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(character - UInt8(ascii: "A")) + 10
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(character - UInt8(ascii: "a")) + 36
        default: nil
        }
    }
}
