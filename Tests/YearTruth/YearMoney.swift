/// Quantities and money by whole numbers: what the double and Meter say is compared with these.
package enum YearMoney {
    /// Of one unit of Waldur's currency, in a price.
    static let priceUnits = Int128(10_000_000_000)

    /// Reads `0.0000031250` as a count of 1e-10.
    package static func price(_ text: String) -> Int128 {
        let parts = text.split(separator: ".")
        let fraction = parts.count > 1 ? String(parts[1]) : ""
        let padded = fraction + String(repeating: "0", count: 10 - fraction.utf8.count)
        guard let whole = Int128(parts[0]), let rest = Int128(padded) else {
            preconditionFailure("\(text) is no price")
        }
        return whole * priceUnits + rest
    }

    /// Reads `12.50` as hundredths.
    package static func hundredths(_ text: String) -> Int128 {
        let isNegative = text.hasPrefix("-")
        let value = price(isNegative ? String(text.dropFirst()) : text) / (priceUnits / 100)
        return isNegative ? -value : value
    }

    /// What Waldur asks for an item, in hundredths: a started hundredth is a whole one.
    static func itemPrice(_ price: Int128, quantity: Int128) -> Int128 {
        (price * quantity + priceUnits - 1) / priceUnits
    }

    /// Hundredths with two decimals.
    package static func text(_ hundredths: Int128) -> String {
        let magnitude = hundredths.magnitude
        let cents = magnitude % 100
        return (hundredths < 0 ? "-" : "") + "\(magnitude / 100)." + (cents < 10 ? "0" : "")
            + "\(cents)"
    }
}
