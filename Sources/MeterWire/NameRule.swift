/// What a name may be: 1 to 255 bytes of UTF-8 without control characters (U+0000 to U+001F, U+007F to
/// U+009F).
package enum NameRule {
    /// Checks the characters; the length is the caller's to check.
    package static func check(_ bytes: UnsafeRawBufferPointer) throws(FrameError) {
        var isPlain = true
        for index in 0..<bytes.count {
            let byte = unsafe bytes[index]
            if byte < 0x20 || byte >= 0x7F { isPlain = false }
        }
        if !isPlain { try unsafe checkSlowly(bytes) }
    }

    /// Whether bytes may be a name, by length and characters.
    package static func accepts(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 1, bytes.count <= WireLimits.nameByteCountMax else { return false }
        do throws(FrameError) { try unsafe check(bytes) } catch { return false }
        return true
    }

    /// Whether a text may be a name.
    package static func accepts(_ text: String) -> Bool {
        unsafe Array(text.utf8).withUnsafeBytes { unsafe accepts($0) }
    }

    /// UTF-8 by the table of The Unicode Standard, 3-7: no overlong forms, no surrogates, nothing above
    /// U+10FFFF.
    private static func checkSlowly(_ bytes: UnsafeRawBufferPointer) throws(FrameError) {
        var index = 0
        while index < bytes.count {
            let lead = unsafe bytes[index]
            index += 1
            var second: ClosedRange<UInt8> = 0x80...0xBF
            var following = 0
            switch lead {
            case 0x00...0x1F, 0x7F: throw .nameHasControlCharacter
            case 0x20...0x7E: continue
            case 0xC2...0xDF: following = 1
            case 0xE0: (following, second) = (2, 0xA0...0xBF)
            case 0xED: (following, second) = (2, 0x80...0x9F)
            case 0xE1...0xEF: following = 2
            case 0xF0: (following, second) = (3, 0x90...0xBF)
            case 0xF1...0xF3: following = 3
            case 0xF4: (following, second) = (3, 0x80...0x8F)
            default: throw .nameNotUTF8
            }
            guard bytes.count - index >= following else { throw .nameNotUTF8 }
            guard second.contains(unsafe bytes[index]) else { throw .nameNotUTF8 }
            if lead == 0xC2, unsafe bytes[index] < 0xA0 { throw .nameHasControlCharacter }
            for next in 1..<following + 1 where next > 1 {
                guard unsafe bytes[index + next - 1] & 0xC0 == 0x80 else { throw .nameNotUTF8 }
            }
            index += following
        }
    }
}
