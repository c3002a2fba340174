/// Columns for people: names in capitals, numbers to the right, three digits at a time.
struct Table {
    enum Alignment { case left, right }

    private let columns: [(name: String, alignment: Alignment)]
    private var rows: [[String]] = []

    /// Columns whose name begins with `>` are set to the right.
    init(_ names: String...) { self.init(columns: names) }

    init(columns names: [String]) {
        columns = names.map { name in
            name.hasPrefix(">") ? (String(name.dropFirst()), .right) : (name, .left)
        }
    }

    var isEmpty: Bool { rows.isEmpty }

    /// Adds a row; what is missing stays empty, what is too much is not shown.
    mutating func add(_ cells: String...) { add(cells) }

    mutating func add(_ cells: [String]) {
        rows.append(
            columns.indices.map { $0 < cells.count ? Self.printable(cells[$0]) : "" }
        )
    }

    /// The lines, each with its end; none at all where there are no rows.
    var text: String {
        guard !rows.isEmpty else { return "" }
        let head = columns.map { $0.name.uppercased() }
        let widths = columns.indices.map { index in
            ([head] + rows).map { Self.width($0[index]) }.max() ?? 0
        }
        return ([head] + rows).map { cells in
            var line = ""
            for (index, cell) in cells.enumerated() {
                let space = String(repeating: " ", count: widths[index] - Self.width(cell))
                if index > 0 { line += "  " }
                line += columns[index].alignment == .right ? space + cell : cell + space
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    /// `18204551` as `18 204 551`; other text as it is.
    static func grouped(_ number: String) -> String {
        let digits = number.drop { $0 == "-" || $0 == "+" }
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else {
            return number
        }
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text += " " }
            text.append(digit)
        }
        return number.prefix(number.count - digits.count) + text
    }

    /// Names come from anybody: nothing in them reaches the terminal as a command.
    static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var clean = ""
        for scalar in text.unicodeScalars {
            clean.unicodeScalars.append(isControl(scalar) ? "\u{FFFD}" : scalar)
        }
        return clean
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
            || scalar.properties.generalCategory == .format
    }

    /// Cells on a terminal: two for the wide letters of East Asia, one for others.
    private static func width(_ text: String) -> Int {
        text.reduce(0) { width, character in
            guard let scalar = character.unicodeScalars.first else { return width }
            switch scalar.value {
            case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF,
                0xFE30...0xFE4F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F,
                0x1F900...0x1F9FF, 0x20000...0x3FFFD:
                return width + 2
            default: return width + 1
            }
        }
    }
}
