/// A table as people read it.
///
/// Where the screen is too narrow, first sentences are broken into lines, then columns are left out that are
/// marked as of little use; where that is not enough, every row becomes a block with a line for each column.
/// Nothing is ever cut off: an amount or an id that is not whole is worse than none.
struct TableText {
    private var columns: [Column]
    private var heads: [String]
    private var rows: [[String]]
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

    private init(columns: [Column], heads: [String], rows: [[String]], screen: Screen) {
        self.columns = columns
        self.heads = heads
        self.rows = rows
        self.screen = screen
    }

    /// The lines, each with its end; none at all where there are no rows.
    var text: String {
        guard !rows.isEmpty else { return "" }
        var widths = widths
        if let room = screen.width, !fit(&widths, into: room) {
            return narrower?.text ?? blocks
        }
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

    /// The same table without the last column that it can do without; nil if it fits in no such way.
    private var narrower: TableText? {
        guard let index = columns.lastIndex(where: \.isForWideScreens) else { return nil }
        var rest = TableText(columns: columns, heads: heads, rows: rows, screen: screen)
        rest.columns.remove(at: index)
        rest.heads.remove(at: index)
        for row in rest.rows.indices { rest.rows[row].remove(at: index) }
        return rest.fitsAtLast ? rest : nil
    }

    /// It fits, or does without columns that it can do without.
    private var fitsAtLast: Bool {
        var widths = widths
        guard let room = screen.width, !fit(&widths, into: room) else { return true }
        return narrower != nil
    }

    private var widths: [Int] {
        columns.indices.map { index in
            rows.reduce(TextWidth.of(heads[index])) { max($0, TextWidth.of($1[index])) }
        }
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
