/// How many smallest units make one measured unit, exactly: `1000`, or `7/3`.
package struct UnitRatio: Hashable, Sendable, CustomStringConvertible {
    package let numerator: UInt64
    package let denominator: UInt64

    /// The reduced ratio; nil where one of the two is 0.
    package init?(_ numerator: UInt64, per denominator: UInt64 = 1) {
        guard numerator > 0, denominator > 0 else { return nil }
        let common = Self.commonDivisor(numerator, denominator)
        self.numerator = numerator / common
        self.denominator = denominator / common
    }

    /// Reads `1000` or `7/3`; nil for anything else.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = UInt64(parts[0]) else { return nil }
        if parts.count == 1 {
            self.init(first)
        } else if let second = UInt64(parts[1]) {
            self.init(first, per: second)
        } else {
            return nil
        }
    }

    package var description: String {
        denominator == 1 ? "\(numerator)" : "\(numerator)/\(denominator)"
    }

    static func commonDivisor(_ a: UInt64, _ b: UInt64) -> UInt64 {
        var (a, b) = (a, b)
        while b != 0 { (a, b) = (b, a % b) }
        return a
    }

    /// The ratio between two units by their names: `token` and `ktok` is 1000. nil where the names do not
    /// tell it; nothing is guessed.
    package static func between(smallest: String, measured: String) -> UnitRatio? {
        if smallest == measured { return UnitRatio(1) }
        guard let small = NamedUnit(smallest), let large = NamedUnit(measured),
            small.quantity == large.quantity
        else { return nil }
        return UnitRatio(large.size, per: small.size)
    }
}

/// A unit whose name says what it measures and how much of it: `ktok`, `1k tokens`, `min`, `MiB`.
private struct NamedUnit {
    let quantity: String
    let size: UInt64

    private static let words: [String: (quantity: String, size: UInt64)] = [
        "tok": ("token", 1), "toks": ("token", 1), "token": ("token", 1), "tokens": ("token", 1),
        "call": ("call", 1), "calls": ("call", 1), "request": ("request", 1),
        "requests": ("request", 1), "B": ("byte", 1), "byte": ("byte", 1), "bytes": ("byte", 1),
        "char": ("character", 1), "chars": ("character", 1), "character": ("character", 1),
        "characters": ("character", 1), "image": ("image", 1), "images": ("image", 1),
        "img": ("image", 1), "ms": ("time", 1), "millisecond": ("time", 1),
        "milliseconds": ("time", 1), "s": ("time", 1000), "sec": ("time", 1000),
        "secs": ("time", 1000), "second": ("time", 1000), "seconds": ("time", 1000),
        "min": ("time", 60_000), "minute": ("time", 60_000), "minutes": ("time", 60_000),
        "h": ("time", 3_600_000), "hour": ("time", 3_600_000), "hours": ("time", 3_600_000),
    ]

    private static let multiples: [(name: String, size: UInt64)] = [
        ("thousand", 1000), ("million", 1_000_000), ("billion", 1_000_000_000), ("Ki", 1024),
        ("Mi", 1 << 20), ("Gi", 1 << 30), ("k", 1000), ("K", 1000), ("M", 1_000_000),
        ("G", 1_000_000_000),
    ]

    init?(_ text: String) {
        var rest = text[...]
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        var factor: UInt64 = 1
        if !digits.isEmpty {
            guard let number = UInt64(digits), number > 0 else { return nil }
            factor = number
            rest = rest.dropFirst(digits.count)
        }
        rest = rest.drop { $0 == " " }
        if let unit = Self.words[String(rest)] {
            self.init(unit, factor)
            return
        }
        for multiple in Self.multiples where rest.hasPrefix(multiple.name) {
            let word = rest.dropFirst(multiple.name.count).drop { $0 == " " }
            // Nobody measures in kiloseconds; `min` is a word of its own above.
            guard let unit = Self.words[String(word)], unit.quantity != "time" else { continue }
            let (size, overflow) = factor.multipliedReportingOverflow(by: multiple.size)
            guard !overflow else { return nil }
            self.init(unit, size)
            return
        }
        return nil
    }

    private init?(_ unit: (quantity: String, size: UInt64), _ factor: UInt64) {
        let (size, overflow) = unit.size.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        self.quantity = unit.quantity
        self.size = size
    }
}
