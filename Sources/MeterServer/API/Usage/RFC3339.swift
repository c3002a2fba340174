package import MeterWire

/// Times as text (RFC 3339): `2026-11-22T10:30:00.125Z`, `2026-11-22T11:30:00+01:00`.
package enum RFC3339 {
    /// Reads a time with its offset, which must be there; nil for anything else and outside 1970...9999.
    ///
    /// Fractions beyond milliseconds are cut off. A leap second is the last millisecond of its minute,
    /// so that it stays in its minute, day and month.
    package static func time(_ text: some Collection<UInt8>) -> Timestamp? {
        var reader = Reader(rest: Array(text)[...])
        guard let year = reader.digits(4), reader.take("-"), let month = reader.digits(2),
            reader.take("-"), let day = reader.digits(2), reader.take("T") || reader.take("t"),
            let hour = reader.digits(2), reader.take(":"), let minute = reader.digits(2),
            reader.take(":"), let second = reader.digits(2), hour < 24, minute < 60, second <= 60,
            let days = CivilDate(year: year, month: month, day: day)?.daysSince1970
        else { return nil }
        var millisecond = 0
        if reader.take(".") {
            guard let fraction = reader.fraction() else { return nil }
            millisecond = fraction
        }
        guard let offset = reader.offset(), reader.rest.isEmpty else { return nil }
        if second == 60 { millisecond = 999 }
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + min(second, 59) - offset
        guard seconds >= 0, seconds < 253_402_300_800 else { return nil }
        return Timestamp(milliseconds: Int64(seconds) * 1_000 + Int64(millisecond))
    }

    /// Reads a time from a string.
    package static func time(_ text: String) -> Timestamp? { time(text.utf8) }

    /// Writes a time in UTC; without a fraction where it is a whole second.
    package static func text(_ time: Timestamp) -> String {
        let second = Int(time.milliseconds.flooredQuotient(by: 1_000))
        let millisecond = Int(time.milliseconds - Int64(second) * 1_000)
        let days = second.flooredQuotient(by: 86_400)
        let rest = second - days * 86_400
        let date = CivilDate(daysSince1970: days)
        var text = date.text + "T" + two(rest / 3_600) + ":" + two(rest / 60 % 60)
        text += ":" + two(rest % 60)
        if millisecond > 0 {
            let digits = String(millisecond)
            text += "." + String(repeating: "0", count: 3 - digits.count) + digits
        }
        return text + "Z"
    }

    /// Writes the first moment of a minute.
    package static func text(_ minute: Minute) -> String { text(minute.start) }

    static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard let byte = rest.first, UInt32(byte) == character.value else { return false }
            rest = rest.dropFirst()
            return true
        }

        mutating func digits(_ count: Int) -> Int? {
            guard rest.count >= count else { return nil }
            var value = 0
            for byte in rest.prefix(count) {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
            }
            rest = rest.dropFirst(count)
            return value
        }

        mutating func fraction() -> Int? {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard !digits.isEmpty, digits.count <= 9 else { return nil }
            rest = rest.dropFirst(digits.count)
            var value = 0
            for index in 0..<3 {
                let digit = index < digits.count ? digits[digits.startIndex + index] : 0x30
                value = value * 10 + Int(digit - 0x30)
            }
            return value
        }

        mutating func offset() -> Int? {
            if take("Z") || take("z") { return 0 }
            let sign = take("+") ? 1 : take("-") ? -1 : 0
            guard sign != 0, let hours = digits(2), take(":"), let minutes = digits(2),
                hours < 24, minutes < 60
            else { return nil }
            return sign * (hours * 3_600 + minutes * 60)
        }
    }
}

extension BinaryInteger {
    /// The quotient rounded towards minus infinity; `divisor` is positive.
    func flooredQuotient(by divisor: Self) -> Self {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
