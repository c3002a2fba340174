package import MeterWire

/// Moments as Waldur and HTTP write them.
package enum WaldurTime {
    /// Reads `2026-11-22T08:07:09.755542Z`, also with an offset such as `+02:00`; what is finer than a
    /// millisecond is dropped. nil for anything else.
    package static func parse(_ text: some StringProtocol) -> Timestamp? {
        let bytes = Array(text.utf8)
        guard (20...40).contains(bytes.count), bytes[4] == UInt8(ascii: "-"),
            bytes[7] == UInt8(ascii: "-"),
            bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: " "),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let year = number(bytes[0..<4]), let month = number(bytes[5..<7]),
            let day = number(bytes[8..<10]), let hour = number(bytes[11..<13]),
            let minute = number(bytes[14..<16]), let second = number(bytes[17..<19])
        else { return nil }
        var index = 19
        var milliseconds = 0
        if bytes[index] == UInt8(ascii: ".") {
            index += 1
            var count = 0
            while index < bytes.count, let digit = digit(bytes[index]) {
                if count < 3 { milliseconds = milliseconds * 10 + digit }
                count += 1
                index += 1
            }
            guard count > 0 else { return nil }
            for _ in min(count, 3)..<3 { milliseconds *= 10 }
        }
        guard let zone = ZoneOffset(String(decoding: bytes[index...], as: UTF8.self)),
            let seconds = seconds(
                year: year,
                month: month,
                day: day,
                hour: hour,
                minute: minute,
                second: second
            )
        else { return nil }
        return Timestamp(milliseconds: seconds * 1000 + Int64(milliseconds) - zone.milliseconds)
    }

    /// Reads HTTP's `Sun, 22 Nov 2026 08:08:02 GMT` (RFC 9110 §5.6.7); nil for anything else.
    package static func parseHTTPDate(_ text: some StringProtocol) -> Timestamp? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT",
            let day = number(Array(parts[1].utf8)[...]),
            let month = months.firstIndex(of: String(parts[2])),
            let year = number(Array(parts[3].utf8)[...])
        else { return nil }
        let clock = parts[4].split(separator: ":", omittingEmptySubsequences: false)
            .map { number(Array($0.utf8)[...]) }
        guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2],
            let seconds = seconds(
                year: year,
                month: month + 1,
                day: day,
                hour: hour,
                minute: minute,
                second: second
            )
        else { return nil }
        return Timestamp(milliseconds: seconds * 1000)
    }

    /// `2026-11-22T08:08:02Z`, for people.
    package static func text(_ time: Timestamp) -> String {
        let seconds = time.milliseconds.flooredQuotient(by: 1000)
        let days = seconds.flooredQuotient(by: 86_400)
        let (year, month, day) = CivilDate.date(ofDay: days)
        let ofDay = Int(seconds - days * 86_400)
        func two(_ value: Int) -> String { (value < 10 ? "0" : "") + String(value) }
        return "\(year)-\(two(month))-\(two(day))T\(two(ofDay / 3600)):\(two(ofDay / 60 % 60)):"
            + "\(two(ofDay % 60))Z"
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func seconds(
        year: Int,
        month: Int,
        day: Int,
        hour: Int,
        minute: Int,
        second: Int
    ) -> Int64? {
        guard (1970...9999).contains(year), (1...12).contains(month), (1...31).contains(day),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        return CivilDate.day(year: year, month: month, day: day) * 86_400
            + Int64(hour * 3600 + minute * 60 + second)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard !bytes.isEmpty, bytes.count <= 4 else { return nil }
        var value = 0
        for byte in bytes {
            guard let digit = digit(byte) else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    private static func digit(_ byte: UInt8) -> Int? {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) ? Int(byte - UInt8(ascii: "0")) : nil
    }
}
