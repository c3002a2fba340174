/// An exact decimal with ten places, the precision of Waldur's prices and quantities.
///
/// Held as a count of 1e-10, so sums and comparisons are integer arithmetic.
struct Decimal10: Hashable, Comparable, Sendable {
    static let one: Int128 = 10_000_000_000
    static let zero = Decimal10(units: 0)

    /// Number of 1e-10.
    var units: Int128

    init(units: Int128) { self.units = units }
    init(_ whole: Int) { units = Int128(whole) * Decimal10.one }
    init(hundredths: Int128) { units = hundredths * (Decimal10.one / 100) }

    static func < (a: Decimal10, b: Decimal10) -> Bool { a.units < b.units }
    static func + (a: Decimal10, b: Decimal10) -> Decimal10 { Decimal10(units: a.units + b.units) }
    static func - (a: Decimal10, b: Decimal10) -> Decimal10 { Decimal10(units: a.units - b.units) }
    static func += (a: inout Decimal10, b: Decimal10) { a.units += b.units }
    static func * (a: Decimal10, b: Int) -> Decimal10 { Decimal10(units: a.units * Int128(b)) }

    /// The product rounded to 0.01 away from zero, Waldur's rule for the price of an item.
    func timesRoundedUp(_ other: Decimal10) -> Decimal10 {
        product(other, dividingBy: 1_000_000_000_000_000_000, up: true).map(
            Decimal10.init(hundredths:)
        ) ?? .zero
    }

    /// The product cut to ten places.
    func timesCut(_ other: Decimal10) -> Decimal10 {
        product(other, dividingBy: 10_000_000_000, up: false).map(Decimal10.init(units:)) ?? .zero
    }

    /// The product of the counts of 1e-10 divided by `divisor`; nil when it is out of all range,
    /// which prices and quantities below 1e12 cannot reach.
    private func product(_ other: Decimal10, dividingBy divisor: UInt128, up: Bool) -> Int128? {
        let full = units.magnitude.multipliedFullWidth(by: other.units.magnitude)
        guard full.high < divisor else { return nil }
        var (quotient, remainder) = divisor.dividingFullWidth(full)
        if up && remainder > 0 { quotient += 1 }
        guard let magnitude = Int128(exactly: quotient) else { return nil }
        return (units < 0) == (other.units < 0) ? magnitude : -magnitude
    }

    /// `amount / parts` rounded up to 0.01.
    static func ratioRoundedUp(_ amount: Int, _ parts: Int) -> Decimal10 {
        Decimal10(hundredths: Int128((amount * 100 + parts - 1) / parts))
    }

    /// The text with exactly `places` decimals, halves rounded to even as Django's serializers do.
    func text(places: Int) -> String {
        var divisor: UInt128 = 1
        for _ in places..<10 { divisor *= 10 }
        var (quotient, remainder) = units.magnitude.quotientAndRemainder(dividingBy: divisor)
        let half = divisor / 2
        if divisor > 1, remainder > half || (remainder == half && quotient % 2 == 1) {
            quotient += 1
        }
        var digits = String(quotient)
        if digits.count <= places {
            digits = String(repeating: "0", count: places + 1 - digits.count) + digits
        }
        let whole = digits.dropLast(places)
        let fraction = places == 0 ? "" : "." + digits.suffix(places)
        return (units < 0 ? "-" : "") + whole + fraction
    }

    /// Rounded to so many decimals, halves to even, as a column of the database does.
    func rounded(places: Int) -> Decimal10 { Decimal10(text(places: places)) ?? self }

    /// The shortest text that names this value, without an exponent.
    var shortest: String {
        var text = text(places: 10)
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }

    /// Reads plain decimal text (`-12.5`); nil for anything else or for more than ten places.
    init?(_ text: String) {
        guard let parsed = PythonDecimal(text), parsed.exponent >= -10, parsed.exponent <= 20,
            parsed.digits.count <= 30
        else { return nil }
        var units: Int128 = 0
        for digit in parsed.digits { units = units * 10 + Int128(digit) }
        for _ in 0..<(parsed.exponent + 10) {
            let (product, overflow) = units.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            units = product
        }
        self.units = parsed.isNegative ? -units : units
    }
}
