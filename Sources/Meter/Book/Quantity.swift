/// A sum of amounts in a component's smallest unit; decimal text in JSON.
package struct Quantity: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package let rawValue: UInt128

    package init(_ rawValue: UInt128) { self.rawValue = rawValue }

    package var description: String { String(rawValue) }

    package static func < (left: Quantity, right: Quantity) -> Bool {
        left.rawValue < right.rawValue
    }

    package init(from decoder: any Decoder) throws {
        self = try decodeText(decoder, as: Quantity.self) { text in
            UInt128(text).flatMap { String($0) == text ? Quantity($0) : nil }
        }
    }

    package func encode(to encoder: any Encoder) throws { try encodeText(description, to: encoder) }
}

/// What Waldur is told: hundredths of the unit that it bills, since it keeps two decimals.
package struct Hundredths: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package let rawValue: Int128

    package static let zero = Hundredths(0)

    package init(_ rawValue: Int128) { self.rawValue = rawValue }

    /// Always two decimals, such as `12.30` or `-0.05`.
    package var description: String {
        let digits = String(rawValue.magnitude)
        let padded = String(repeating: "0", count: max(0, 3 - digits.count)) + digits
        return (rawValue < 0 ? "-" : "") + padded.dropLast(2) + "." + padded.suffix(2)
    }

    /// Reads decimal text with at most two decimals, as Waldur writes its amounts; nil for anything else.
    package init?(_ text: some StringProtocol) {
        let negative = text.hasPrefix("-")
        let parts = (negative ? text.dropFirst() : text[...])
            .split(separator: ".", omittingEmptySubsequences: false)
        guard let whole = parts.first, !whole.isEmpty, parts.count <= 2,
            whole.utf8.count <= 30, parts.allSatisfy({ $0.utf8.allSatisfy(isDigit) })
        else { return nil }
        var decimals = parts.count == 2 ? String(parts[1]) : "00"
        guard (1...2).contains(decimals.utf8.count) else { return nil }
        if decimals.utf8.count == 1 { decimals += "0" }
        guard let value = Int128(whole + decimals) else { return nil }
        self.init(negative ? -value : value)
    }

    package static func < (left: Hundredths, right: Hundredths) -> Bool {
        left.rawValue < right.rawValue
    }

    package init(from decoder: any Decoder) throws {
        self = try decodeText(decoder, as: Hundredths.self) { Hundredths($0) }
    }

    package func encode(to encoder: any Encoder) throws { try encodeText(description, to: encoder) }
}

private func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}
