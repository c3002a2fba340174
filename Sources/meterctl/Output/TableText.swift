/// A table as people read it.
///
/// Where the screen is too narrow, first sentences are broken into lines; where that is not enough, every
/// row becomes a block with a line for each column. Nothing is ever cut off: an amount or an id that is
/// not whole is worse than none.
struct TableText {
    private let columns: [Column]
    private let heads: [String]
    private let rows: [[String]]
    private let screen: Screen

    private static let gap = 2
    private static let nothing = "-"
    /// Sentences are not made narrower than this.
    private static let proseWidthMin = 28

    init(_ table: Table, on screen: Screen) {
        let shown = table.columns.indices.filter { !table.columns[$0].isForProgramsOnly }
        let columns = shown.map { table.columns[$0] }
        self.columns = columns
        heads = columns.map { $0.title.uppercased() }
        rows = table.rows.map { row in
            zip(columns, shown).map { column, index in
                if row[index].isEmpty { return Self.nothing }
                return column.kind == .number || column.kind == .value
                    ? Readable.grouped(row[index]) : TextWidth.printable(row[index])
            }
        }
        self.screen = screen
    }

    /// The lines, each with its end; none at all where there are no rows.
    var text: String {
        guard !rows.isEmpty else { return "" }
        var widths = columns.indices.map { index in
            rows.reduce(TextWidth.of(heads[index])) { max($0, TextWidth.of($1[index])) }
        }
        if let room = screen.width, !fit(&widths, into: room) { return blocks }
        var text = line(heads, widths, styles: columns.map { _ in .heading })
        for row in rows {
            let broken = zip(row, zip(columns, widths)).map { cell, layout in
                layout.0.isBreakable ? TextWidth.broken(cell, into: layout.1) : [cell]
            }
            let height = broken.map(\.count).max() ?? 1
            for index in 0..<height {
                text += line(
                    broken.map { index < $0.count ? $0[index] : "" },
                    widths,
                    styles: zip(columns, row).map(Self.style)
                )
            }
        }
        return text
    }

    /// Makes columns with sentences narrower, always the widest of them, until everything fits; false where
    /// that does not help.
    private func fit(_ widths: inout [Int], into room: Int) -> Bool {
        let gaps = Self.gap * (columns.count - 1)
        let breakable = columns.indices.filter { columns[$0].isBreakable }
        for _ in 0..<max(0, widths.reduce(gaps, +) - room) {
            guard let widest = breakable.max(by: { widths[$0] < widths[$1] }),
                widths[widest] > Self.proseWidthMin
            else { return false }
            widths[widest] -= 1
        }
        return true
    }

    private func line(_ cells: [String], _ widths: [Int], styles: [Style?]) -> String {
        var line = ""
        var pending = 0
        for (index, cell) in cells.enumerated() {
            let space = widths[index] - TextWidth.of(cell)
            let isRight = columns[index].kind == .number
            if index > 0 { pending += Self.gap }
            if isRight { pending += space }
            if !cell.isEmpty {
                line += String(repeating: " ", count: pending) + screen.styled(cell, styles[index])
                pending = 0
            }
            if !isRight { pending += space }
        }
        return line + "\n"
    }

    /// A block for each row, with an empty line between. What says nothing has no line in it: only a figure
    /// that is missing says something.
    private var blocks: String {
        let width = heads.map(TextWidth.of).max() ?? 0
        let room = max(Self.proseWidthMin, (screen.width ?? .max) - width - Self.gap)
        return rows.map { row in
            zip(columns.indices, row).map { index, cell in
                if cell == Self.nothing, columns[index].kind != .number { return "" }
                let style = Self.style(columns[index], cell)
                let margin = String(repeating: " ", count: width - TextWidth.of(heads[index]))
                let lines = TextWidth.broken(cell, into: room)
                let rest = lines.dropFirst().map {
                    String(repeating: " ", count: width + Self.gap) + screen.styled($0, style)
                        + "\n"
                }
                return screen.styled(heads[index], .heading) + margin
                    + String(repeating: " ", count: Self.gap)
                    + screen.styled(lines.first ?? "", style) + "\n" + rest.joined()
            }.joined()
        }.joined(separator: "\n")
    }

    private static func style(_ column: Column, _ cell: String) -> Style? {
        column.kind == .state ? Style(ofState: cell) : nil
    }
}

extension Column {
    fileprivate var isBreakable: Bool { kind == .prose || kind == .value }
}
