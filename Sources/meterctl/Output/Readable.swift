/// Numbers as people read them.
enum Readable {
    /// `18204551` as `18 204 551`, `-1234.50` as `-1 234.50`, `2.00` as `2`; other text as it is.
    static func grouped(_ number: String) -> String {
        guard isNumber(number) else { return TextWidth.printable(number) }
        let unsigned = number.drop { $0 == "-" || $0 == "+" }
        let parts = unsigned.split(separator: ".")
        let whole = parts.first ?? ""
        var text = String(number.prefix(number.count - unsigned.count))
        for (index, digit) in whole.enumerated() {
            if index > 0, (whole.count - index).isMultiple(of: 3) { text += " " }
            text.append(digit)
        }
        guard parts.count == 2, parts[1].contains(where: { $0 != "0" }) else { return text }
        return text + "." + parts[1]
    }

    /// A sign or none, digits, and a point with digits or none.
    static func isNumber(_ text: String) -> Bool {
        let unsigned = text.first == "-" || text.first == "+" ? text.dropFirst() : text[...]
        let parts = unsigned.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count <= 2 && parts.allSatisfy(isDigits)
    }

    static func grouped(_ number: some BinaryInteger) -> String { grouped(String(number)) }

    private static func isDigits(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// `1.9 GB`, `512 B`; decimal, as disks are sold.
    static func bytes(_ count: UInt64) -> String {
        scaled(count, ["B", "kB", "MB", "GB", "TB", "PB", "EB"])
    }

    /// `8.8 k`, `12 M`; below a thousand the number itself.
    static func count(_ count: UInt64) -> String {
        scaled(count, ["", "k", "M", "G", "T", "P", "E"])
    }

    /// `1 warning`, `2 warnings`.
    static func plural(_ count: Int, _ one: String) -> String {
        "\(count) \(one)" + (count == 1 ? "" : "s")
    }

    /// `4 s`, `1 min 05 s`, `2 h 07 min`, `3 d 4 h`.
    static func seconds(_ seconds: Int64) -> String {
        switch seconds {
        case ..<60: "\(seconds) s"
        case ..<3_600: "\(seconds / 60) min \(twoDigits(seconds % 60)) s"
        case ..<86_400: "\(seconds / 3_600) h \(twoDigits(seconds / 60 % 60)) min"
        default: "\(seconds / 86_400) d \(seconds / 3_600 % 24) h"
        }
    }

    /// Two digits that count where there is room for them: `1.9`, `19`, `190`.
    private static func scaled(_ count: UInt64, _ units: [String]) -> String {
        var divisor: UInt64 = 1
        var unit = 0
        while count / divisor >= 1_000, unit < units.count - 1 {
            divisor *= 1_000
            unit += 1
        }
        var text = "\(count / divisor)"
        if unit > 0, count / divisor < 10 { text += ".\(count % divisor / (divisor / 10))" }
        return units[unit].isEmpty ? text : text + " " + units[unit]
    }

    private static func twoDigits(_ number: Int64) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }
}
