/// One call of a trace: when, and how many tokens went in and out.
struct TraceCall: Equatable {
    /// Microseconds after the first call of the trace.
    var offset: Int64
    var inputTokens: UInt64
    var outputTokens: UInt64
}

/// Why a file is not a trace.
struct TraceError: Error, Equatable, CustomStringConvertible {
    /// Counted from 1.
    let line: Int
    let reason: String

    var description: String { "line \(line): \(reason)" }
}

/// A trace of LLM calls as Azure publishes them: `TIMESTAMP,ContextTokens,GeneratedTokens`, a line each,
/// times like `2023-11-16 18:17:03.9799600`, ascending.
struct Trace {
    static let header = "TIMESTAMP,ContextTokens,GeneratedTokens"

    let calls: [TraceCall]

    /// From the first call to the last, in microseconds.
    var duration: Int64 { calls.last?.offset ?? 0 }

    /// Reads a whole file; line ends may be LF or CRLF, the last may be missing.
    init(_ file: [UInt8]) throws(TraceError) {
        var calls: [TraceCall] = []
        var first: Int64?
        var number = 0
        for line in file.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            let text = line.last == 0x0D ? line.dropLast() : line
            if number == 1 {
                guard text.elementsEqual(Self.header.utf8) else {
                    throw TraceError(line: 1, reason: "the header must be \(Self.header)")
                }
                continue
            }
            if text.isEmpty { continue }
            let fields = text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            guard fields.count == 3 else {
                throw TraceError(line: number, reason: "three fields are needed")
            }
            guard let time = Self.microseconds(fields[0]) else {
                throw TraceError(
                    line: number,
                    reason: "the time must be YYYY-MM-DD hh:mm:ss.fffffff"
                )
            }
            guard let input = Self.natural(fields[1]), let output = Self.natural(fields[2]) else {
                throw TraceError(line: number, reason: "tokens must be whole numbers")
            }
            let start = first ?? time
            first = start
            guard time >= start, time - start >= calls.last?.offset ?? 0 else {
                throw TraceError(line: number, reason: "the time is before that of the line above")
            }
            calls.append(
                TraceCall(offset: time - start, inputTokens: input, outputTokens: output)
            )
        }
        guard !calls.isEmpty else { throw TraceError(line: 1, reason: "there are no calls") }
        self.calls = calls
    }

    private static func natural(_ digits: ArraySlice<UInt8>) -> UInt64? {
        guard (1...18).contains(digits.count) else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            value = value * 10 + UInt64(digit - 0x30)
        }
        return value
    }

    /// Microseconds since 1970; a seventh decimal is cut off.
    private static func microseconds(_ text: ArraySlice<UInt8>) -> Int64? {
        let shape = Array("dddd-dd-dd dd:dd:dd".utf8)
        guard text.count >= shape.count else { return nil }
        var numbers: [Int64] = [0]
        for (byte, expected) in zip(text, shape) {
            if expected == UInt8(ascii: "d") {
                guard (0x30...0x39).contains(byte) else { return nil }
                numbers[numbers.count - 1] = numbers[numbers.count - 1] * 10 + Int64(byte - 0x30)
            } else {
                guard byte == expected else { return nil }
                numbers.append(0)
            }
        }
        var fraction: Int64 = 0
        var rest = text.dropFirst(shape.count)
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            guard (1...9).contains(rest.count), natural(rest) != nil else { return nil }
            for index in 0..<6 {
                let digit = index < rest.count ? rest[rest.startIndex + index] - 0x30 : 0
                fraction = fraction * 10 + Int64(digit)
            }
        } else if !rest.isEmpty {
            return nil
        }
        let (year, month, day) = (numbers[0], numbers[1], numbers[2])
        let (hour, minute, second) = (numbers[3], numbers[4], numbers[5])
        guard year >= 1970, (1...12).contains(month), (1...31).contains(day), hour < 24,
            minute < 60, second < 60
        else { return nil }
        let days = daysSince1970(year, month, day)
        return ((days * 86_400) + hour * 3_600 + minute * 60 + second) * 1_000_000 + fraction
    }

    /// After H. Hinnant's `days_from_civil`; years begin in March.
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
