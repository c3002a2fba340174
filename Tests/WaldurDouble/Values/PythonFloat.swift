/// Floating-point text as Python writes it.
///
/// Waldur sends plan prices and item prices as JSON floats, so a price of 0.000003125 arrives as
/// `3.125e-06`; and it reads a JSON number through a float before it counts decimals. Nothing is
/// computed here: the conversion is the server's own loss, kept.
enum PythonFloat {
    /// `repr(value)`.
    static func text(_ value: Double) -> String {
        guard value.isFinite else {
            return value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
        }
        // Swift and Python both print the shortest digits that read back the same; only the
        // place of the exponent differs.
        let description = value.magnitude.description
        let parts = description.split(separator: "e")
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let fraction = mantissa.count > 1 && mantissa[1] != "0" ? String(mantissa[1]) : ""
        var digits = String(mantissa[0]) + fraction
        var point = mantissa[0].count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        let leading = digits.prefix { $0 == "0" }.count
        digits = String(digits.dropFirst(leading))
        point -= leading
        while digits.hasSuffix("0") { digits.removeLast() }
        let sign = value.sign == .minus ? "-" : ""
        if digits.isEmpty { return sign + "0.0" }
        if point > 16 || point < -3 {
            let exponent = point - 1
            let size = String(exponent.magnitude)
            let tail = digits.count > 1 ? "." + digits.dropFirst() : ""
            return sign + digits.prefix(1) + tail + "e" + (exponent < 0 ? "-" : "+")
                + (size.count < 2 ? "0" : "") + size
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if digits.count <= point {
            return sign + digits + String(repeating: "0", count: point - digits.count) + ".0"
        }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }

    /// The float that a decimal becomes on its way into JSON.
    static func json(_ value: Decimal10) -> JSON {
        .number(text(Double(value.shortest) ?? 0))
    }
}
