/// The sign, digits and exponent that Python's `Decimal(text)` reads, on which Waldur's amount
/// checks are defined: `1.230` has three decimals there, and `1e3` none.
struct PythonDecimal: Equatable, Sendable {
    var isNegative: Bool
    var digits: [UInt8]
    var exponent: Int

    /// nil for what Python refuses and for NaN and infinities, which Waldur refuses likewise.
    init?(_ text: String) {
        var bytes = Array(text.utf8)
        while let first = bytes.first, Self.isSpace(first) { bytes.removeFirst() }
        while let last = bytes.last, Self.isSpace(last) { bytes.removeLast() }
        bytes.removeAll { $0 == UInt8(ascii: "_") }
        var rest = bytes[...]
        isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        let whole = rest.prefix(while: Self.isDigit)
        rest = rest.dropFirst(whole.count)
        var fraction: ArraySlice<UInt8> = []
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix(while: Self.isDigit)
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }
        var power = 0
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            guard let value = Int(String(decoding: rest.dropFirst(), as: UTF8.self)),
                abs(value) < 1_000_000
            else { return nil }
            power = value
            rest = []
        }
        guard rest.isEmpty else { return nil }
        let all = (Array(whole) + Array(fraction)).map { $0 - UInt8(ascii: "0") }
        let significant = Array(all.drop { $0 == 0 })
        digits = significant.isEmpty ? [0] : significant
        exponent = power - fraction.count
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (byte >= 0x09 && byte <= 0x0d)
    }

    /// The complaint of a Django REST `DecimalField(max_digits=, decimal_places=)`, or nil.
    func complaint(maxDigits: Int, places: Int) -> String? {
        let total: Int
        let whole: Int
        let decimals: Int
        if exponent >= 0 {
            (total, whole, decimals) = (digits.count + exponent, digits.count + exponent, 0)
        } else if digits.count > -exponent {
            (total, whole, decimals) = (digits.count, digits.count + exponent, -exponent)
        } else {
            (total, whole, decimals) = (-exponent, 0, -exponent)
        }
        if total > maxDigits {
            return "Ensure that there are no more than \(maxDigits) digits in total."
        }
        if decimals > places {
            return "Ensure that there are no more than \(places) decimal places."
        }
        let limit = maxDigits - places
        if whole > limit {
            return "Ensure that there are no more than \(limit) digits before the decimal point."
        }
        return nil
    }
}
