/// One life of one emitter process: 128 random bits, drawn at each start and after a fork.
public struct SourceID: Hashable, Sendable, BitwiseCopyable {
    /// The first eight bytes on the wire, big-endian.
    public let high: UInt64
    /// The last eight bytes on the wire, big-endian.
    public let low: UInt64

    /// Makes the identifier from its two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// One agent as one project of a tenant ordered it; a uuid.
public struct AccessID: Hashable, Sendable, BitwiseCopyable {
    /// The first eight bytes of the uuid, big-endian.
    public let high: UInt64
    /// The last eight bytes of the uuid, big-endian.
    public let low: UInt64

    /// Makes the identifier from its two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads 32 hexadecimal digits, with or without dashes; nil for anything else.
    public init?(_ text: some StringProtocol) {
        guard let (high, low) = Hexadecimal.halves(text) else { return nil }
        self.init(high: high, low: low)
    }
}

/// Names one wire key; stands in every frame so that the receiver finds the key before any other work.
public struct KeyID: Hashable, Sendable, BitwiseCopyable, Comparable {
    /// The eight bytes on the wire, big-endian.
    public let rawValue: UInt64

    /// Wraps the number.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Orders by number.
    public static func < (left: KeyID, right: KeyID) -> Bool { left.rawValue < right.rawValue }
}

extension SourceID: CustomStringConvertible, Comparable {
    /// 32 lower-case hexadecimal digits.
    public var description: String { Hexadecimal.text(high) + Hexadecimal.text(low) }

    /// Reads 32 hexadecimal digits, with or without dashes; nil for anything else.
    public init?(_ text: some StringProtocol) {
        guard let (high, low) = Hexadecimal.halves(text) else { return nil }
        self.init(high: high, low: low)
    }

    /// Orders by the bytes on the wire.
    public static func < (left: SourceID, right: SourceID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension AccessID: CustomStringConvertible, Comparable {
    /// 32 lower-case hexadecimal digits, as Waldur writes uuids.
    public var description: String { Hexadecimal.text(high) + Hexadecimal.text(low) }

    /// Orders by the bytes on the wire.
    public static func < (left: AccessID, right: AccessID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension KeyID: CustomStringConvertible {
    /// 16 lower-case hexadecimal digits.
    public var description: String { Hexadecimal.text(rawValue) }
}

/// Hexadecimal digits to and from integers, without Foundation.
package enum Hexadecimal {
    /// Sixteen lower-case digits of `value`.
    package static func text(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Two lower-case digits for each byte.
    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            if byte < 16 { text += "0" }
            text += String(byte, radix: 16)
        }
        return text
    }

    /// The bytes that an even number of digits stand for; nil for anything else.
    package static func bytes(_ text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text.utf8 {
            guard let digit = digit(character) else { return nil }
            if let pending = high {
                bytes.append(pending << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return high == nil ? bytes : nil
    }

    static func halves(_ text: some StringProtocol) -> (UInt64, UInt64)? {
        var halves: (UInt64, UInt64) = (0, 0)
        var count = 0
        for character in text.utf8 where character != UInt8(ascii: "-") {
            guard count < 32, let digit = digit(character) else { return nil }
            if count < 16 {
                halves.0 = halves.0 << 4 | UInt64(digit)
            } else {
                halves.1 = halves.1 << 4 | UInt64(digit)
            }
            count += 1
        }
        return count == 32 ? halves : nil
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
