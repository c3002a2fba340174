package import Meter

/// A decimal number as it was written, without a detour over floating point.
///
/// Waldur writes amounts as strings (`"12.34"`), prices as JSON numbers that came out of Python's `float`
/// (`0.003125`, `1e-05`) and quantities with ten decimals; all of them fit here exactly. Arithmetic is exact
/// or throws: money and quantities neither wrap nor saturate.
package struct ExactDecimal: Hashable, Sendable {
    /// The digits as one integer: the value times ten to the `scale`, without trailing zeros.
    package let digits: Int128
    /// How many of the digits stand behind the point.
    package let scale: Int

    /// Zero.
    package static let zero = ExactDecimal(digits: 0, scale: 0)

    /// The value `digits / 10^scale`.
    package init(digits: Int128, scale: Int) {
        var digits = digits
        var scale = scale
        while scale > 0, digits % 10 == 0 {
            digits /= 10
            scale -= 1
        }
        self.digits = digits
        self.scale = scale
    }

    /// Reads `-12.34`, `7`, `1e-05` and the like; nil for anything else, for more than 36 digits and for
    /// exponents that would need more.
    package init?(_ text: some StringProtocol) {
        var digits: Int128 = 0
        var count = 0
        var scale = 0
        var negative = false
        var seenPoint = false
        var seenDigit = false
        var bytes = text.utf8.makeIterator()
        var next = bytes.next()
        if next == UInt8(ascii: "-") {
            negative = true
            next = bytes.next()
        } else if next == UInt8(ascii: "+") {
            next = bytes.next()
        }
        scan: while let byte = next {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                seenDigit = true
                if digits != 0 || byte != UInt8(ascii: "0") { count += 1 }
                guard count <= Self.digitsMax, scale <= Self.digitsMax else { return nil }
                digits = digits * 10 + Int128(byte - UInt8(ascii: "0"))
                if seenPoint { scale += 1 }
            case UInt8(ascii: "."):
                guard !seenPoint else { return nil }
                seenPoint = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                break scan
            default:
                return nil
            }
            next = bytes.next()
        }
        guard seenDigit else { return nil }
        if next != nil {
            var exponentText = ""
            while let byte = bytes.next() {
                guard exponentText.utf8.count < 4 else { return nil }
                exponentText.unicodeScalars.append(Unicode.Scalar(byte))
            }
            guard let exponent = Int(exponentText) else { return nil }
            scale -= exponent
        }
        while scale < 0 {
            guard count < Self.digitsMax else { return nil }
            if digits != 0 { count += 1 }
            digits *= 10
            scale += 1
        }
        guard scale <= Self.digitsMax else { return nil }
        self.init(digits: negative ? -digits : digits, scale: scale)
    }

    /// The value as Waldur stores usage; nil where it has more than two decimals.
    package var hundredths: Hundredths? {
        guard scale <= 2 else { return nil }
        var value = digits
        for _ in scale..<2 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            value = product
        }
        return Hundredths(value)
    }

    /// The same below zero instead of above it.
    package var negated: ExactDecimal {
        get throws(LedgerError) { try ExactDecimal.zero.subtracting(self) }
    }

    /// The exact product.
    package func multiplied(by other: ExactDecimal) throws(LedgerError) -> ExactDecimal {
        let (product, overflow) = digits.multipliedReportingOverflow(by: other.digits)
        guard !overflow else { throw .overflow }
        return ExactDecimal(digits: product, scale: scale + other.scale)
    }

    /// Rounded to so many decimals, away from zero, as Waldur rounds what an item costs.
    package func roundedAway(places: Int) -> ExactDecimal {
        guard scale > places else { return self }
        var divisor: Int128 = 1
        for _ in places..<scale {
            let (next, overflow) = divisor.multipliedReportingOverflow(by: 10)
            // Larger than any number there is: what is not zero is less than one step.
            guard !overflow else { return ExactDecimal(digits: digits.signum(), scale: places) }
            divisor = next
        }
        let (quotient, remainder) = digits.quotientAndRemainder(dividingBy: divisor)
        let step: Int128 = remainder == 0 ? 0 : digits < 0 ? -1 : 1
        return ExactDecimal(digits: quotient + step, scale: places)
    }

    /// The exact difference.
    package func subtracting(_ other: ExactDecimal) throws(LedgerError) -> ExactDecimal {
        let scale = max(scale, other.scale)
        let (digits, overflow) = try digits(at: scale)
            .subtractingReportingOverflow(try other.digits(at: scale))
        guard !overflow else { throw .overflow }
        return ExactDecimal(digits: digits, scale: scale)
    }

    /// A ledger's amount, in smallest units.
    package init(_ amount: LedgerAmount) { self.init(digits: amount.rawValue, scale: 2) }

    /// What a ledger's amount comes to in the reported unit; nil where no decimal of 30 places is that.
    package init?(_ amount: LedgerAmount, unitsPerReported: UInt64) {
        let units = Int128(max(unitsPerReported, 1))
        var digits = amount.rawValue
        for scale in 2...30 {
            if digits % units == 0 {
                self.init(digits: digits / units, scale: scale)
                return
            }
            let (product, overflow) = digits.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            digits = product
        }
        return nil
    }

    /// The exact sum.
    package static func sum(
        _ numbers: some Sequence<ExactDecimal>
    ) throws(LedgerError) -> ExactDecimal {
        var sum = ExactDecimal.zero
        for number in numbers { sum = try sum.adding(number) }
        return sum
    }

    /// The exact sum of two.
    package func adding(_ other: ExactDecimal) throws(LedgerError) -> ExactDecimal {
        let scale = max(scale, other.scale)
        let (digits, overflow) = try digits(at: scale)
            .addingReportingOverflow(try other.digits(at: scale))
        guard !overflow else { throw .overflow }
        return ExactDecimal(digits: digits, scale: scale)
    }

    /// The digits with so many of them behind the point, which are no fewer than there are.
    private func digits(at scale: Int) throws(LedgerError) -> Int128 {
        var digits = digits
        for _ in self.scale..<scale where digits != 0 {
            let (next, overflow) = digits.multipliedReportingOverflow(by: 10)
            guard !overflow else { throw .overflow }
            digits = next
        }
        return digits
    }

    private static let digitsMax = 36
}

extension ExactDecimal: CustomStringConvertible {
    /// Written with so many decimals at least, such as money with two.
    package func text(placesMin: Int) -> String {
        guard scale < placesMin else { return description }
        return description + (scale == 0 ? "." : "")
            + String(repeating: "0", count: placesMin - scale)
    }

    /// The shortest way to write it without an exponent.
    package var description: String {
        let magnitude = String(digits.magnitude)
        let sign = digits < 0 ? "-" : ""
        guard scale > 0 else { return sign + magnitude }
        let padded = String(repeating: "0", count: max(0, scale + 1 - magnitude.count)) + magnitude
        return sign + padded.dropLast(scale) + "." + padded.suffix(scale)
    }
}
