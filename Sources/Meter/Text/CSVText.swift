/// A table as CSV (RFC 4180): a line of names, then the rows.
///
/// Names come from anybody, and spreadsheets run what begins like a formula: such text gets an apostrophe
/// in front, which they do not show. What would steer a terminal is replaced. Numbers that Meter made are
/// written as they are.
package struct CSVText: Sendable {
    package enum Cell: Sendable, Equatable {
        /// Somebody's text.
        case text(String)
        /// A number, time or word of Meter's own.
        case plain(String)
        /// Empty: there is none.
        case none
    }

    /// How lines end: as the RFC has it, or as programs beside `cut` and `awk` want it.
    package enum LineEnd: String, Sendable {
        case network = "\r\n"
        case unix = "\n"
    }

    package private(set) var bytes: [UInt8] = []
    private let columnCount: Int
    private let lineEnd: LineEnd

    package init(_ columns: [String], lineEnd: LineEnd = .network) {
        columnCount = columns.count
        self.lineEnd = lineEnd
        line(columns.map { .plain($0) })
    }

    /// Adds a row, which has a cell for each column.
    package mutating func add(_ row: [Cell]) {
        precondition(row.count == columnCount, "a row has a cell for each column")
        line(row)
    }

    private mutating func line(_ cells: [Cell]) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            switch cell {
            case .text(let text): write(Self.harmless(Self.isFormula(text) ? "'" + text : text))
            case .plain(let text): write(text)
            case .none: break
            }
        }
        bytes.append(contentsOf: lineEnd.rawValue.utf8)
    }

    private mutating func write(_ text: String) {
        let special: Set<UInt8> = [0x22, 0x2C, 0x0D, 0x0A]
        guard text.utf8.contains(where: special.contains) else {
            bytes.append(contentsOf: text.utf8)
            return
        }
        bytes.append(0x22)
        for byte in text.utf8 {
            if byte == 0x22 { bytes.append(0x22) }
            bytes.append(byte)
        }
        bytes.append(0x22)
    }

    /// What spreadsheets take for a formula, also behind white space, which some of them skip, and in the
    /// wide forms of East Asia, which some of them take for the plain ones.
    private static func isFormula(_ text: String) -> Bool {
        switch text.unicodeScalars.first(where: { $0 != " " }) {
        case "=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠": true
        default: false
        }
    }

    private static func harmless(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var clean = ""
        for scalar in text.unicodeScalars {
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
}

extension CSVText.Cell {
    /// Somebody's name, or nothing.
    package static func optional(_ text: (some CustomStringConvertible)?) -> CSVText.Cell {
        text.map { .text($0.description) } ?? .none
    }

    package static func number(_ number: some BinaryInteger) -> CSVText.Cell {
        .plain(String(number))
    }
}
