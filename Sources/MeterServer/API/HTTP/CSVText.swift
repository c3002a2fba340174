/// A table as CSV (RFC 4180): a line of names, then the rows, each ended by CR LF.
///
/// Names come from anybody, and spreadsheets run what begins like a formula: such text gets an apostrophe
/// in front, which they do not show. Numbers that Meter made are written as they are.
package struct CSVText: Sendable {
    package enum Cell: Sendable, Equatable {
        /// Somebody's text.
        case text(String)
        /// A number, time or word of Meter's own.
        case plain(String)
        /// Empty: there is none.
        case none
    }

    package private(set) var bytes: [UInt8] = []
    private let columnCount: Int

    package init(_ columns: [String]) {
        columnCount = columns.count
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
            case .text(let text): write(Self.isFormula(text) ? "'" + text : text)
            case .plain(let text): write(text)
            case .none: break
            }
        }
        bytes.append(contentsOf: [0x0D, 0x0A])
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

    /// What spreadsheets take for a formula, also behind white space, which some of them skip.
    private static func isFormula(_ text: String) -> Bool {
        guard let first = text.utf8.first(where: { $0 != 0x20 }) else { return false }
        return [
            UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "@"), 0x09, 0x0D,
        ].contains(first)
    }
}

extension CSVText.Cell {
    /// Somebody's name, or nothing.
    static func optional(_ text: (some CustomStringConvertible)?) -> CSVText.Cell {
        text.map { .text($0.description) } ?? .none
    }

    static func number(_ number: some BinaryInteger) -> CSVText.Cell { .plain(String(number)) }
}
