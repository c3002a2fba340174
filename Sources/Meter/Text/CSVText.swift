/// Comma-separated values (RFC 4180) that a spreadsheet only reads and never runs.
///
/// Names come from anybody, and a spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a
/// formula. Such a cell gets an apostrophe in front, as OWASP advises, unless it is a plain number. What
/// would steer a terminal is replaced. Lines end with LF; readers take both.
package struct CSVText {
    /// Every line so far, each with its end.
    package private(set) var text = ""

    /// Begins with the line of the columns' names.
    package init(_ names: [String]) { add(names) }

    /// Adds a line.
    package mutating func add(_ cells: [String]) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { text += "," }
            text += Self.cell(cell)
        }
        text += "\n"
    }

    /// A value as it stands between two commas.
    package static func cell(_ value: String) -> String {
        let guarded = harmless(isFormula(value) ? "'" + value : value)
        let needsQuotes =
            guarded.utf8.contains { ",\"\n\r".utf8.contains($0) } || guarded.first == " "
            || guarded.last == " "
        guard needsQuotes else { return guarded }
        var quoted = "\""
        for scalar in guarded.unicodeScalars {
            if scalar == "\"" { quoted += "\"" }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }

    private static func harmless(_ value: String) -> String {
        guard value.unicodeScalars.contains(where: isControl) else { return value }
        var clean = ""
        for scalar in value.unicodeScalars {
            clean.unicodeScalars.append(isControl(scalar) ? "\u{FFFD}" : scalar)
        }
        return clean
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\t", "\n", "\r": false
        case "\0"..<" ", "\u{7F}"..<"\u{A0}": true
        default: false
        }
    }

    private static func isFormula(_ value: String) -> Bool {
        switch value.unicodeScalars.first {
        // A tab or line end in front is skipped by spreadsheets; wide forms are taken for the plain ones.
        case "=", "+", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠": true
        case "-": !isNumber(value)
        default: false
        }
    }

    /// `-12` or `-0.50`: a minus, digits, at most one point with digits on both sides.
    private static func isNumber(_ value: String) -> Bool {
        let parts = value.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
        return parts.count <= 2
            && parts.allSatisfy { part in
                !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
            }
    }
}
