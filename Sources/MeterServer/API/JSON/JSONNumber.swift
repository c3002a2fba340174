/// A number as it was written: the digits decide, never a floating-point reading of them.
struct JSONNumber {
    /// Valid by JSON's grammar.
    let written: ArraySlice<UInt8>
    /// Without fraction and exponent.
    let isWhole: Bool

    /// Why a number is not an amount.
    enum Refusal: Error, Equatable {
        case notAnInteger
        case negative
        case tooLarge
    }

    /// The number as an integer of `0...2^63-1`. `-0` is 0.
    func natural() throws(Refusal) -> UInt64 {
        guard isWhole else { throw .notAnInteger }
        guard written.first == UInt8(ascii: "-") else { return try Self.natural(written) }
        let digits = written.dropFirst()
        guard digits.allSatisfy({ $0 == UInt8(ascii: "0") }) else { throw .negative }
        return 0
    }

    /// Reads a decimal string of an integer: digits without sign, spaces or leading zeros.
    static func natural(decimalString text: ArraySlice<UInt8>) throws(Refusal) -> UInt64 {
        guard let first = text.first else { throw .notAnInteger }
        if first == UInt8(ascii: "-"), text.count > 1 {
            _ = try natural(decimalString: text.dropFirst())
            throw .negative
        }
        guard text.count == 1 || first != UInt8(ascii: "0"),
            text.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") })
        else { throw .notAnInteger }
        return try natural(text)
    }

    private static func natural(_ digits: ArraySlice<UInt8>) throws(Refusal) -> UInt64 {
        var value: UInt64 = 0
        for digit in digits {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            // At most 10 * (2^63 - 1) fits only after the check, so the sum cannot overflow.
            guard !overflow, tens <= UInt64(Int64.max) else { throw .tooLarge }
            value = tens + UInt64(digit - UInt8(ascii: "0"))
            guard value <= UInt64(Int64.max) else { throw .tooLarge }
        }
        return value
    }
}
