internal import Meter
internal import MeterWaldur

/// Rows under columns: all that verbs show. One set of rows becomes a table for people, CSV for
/// spreadsheets and JSON for programs.
struct Table {
    /// What the rows are, as a member of JSON: `sources`.
    let name: String
    let columns: [Column]
    /// As many cells as there are columns; an empty cell is a value that is not there.
    private(set) var rows: [[String]]

    /// - Parameter elements: Of the server's answer; a row each.
    init(_ name: String, _ columns: [Column], of elements: [JSONValue] = []) {
        self.name = name
        self.columns = columns
        rows = elements.map { element in columns.map { $0.cell(of: element) } }
    }

    /// One thing as a list of its figures, a row each.
    ///
    /// - Parameter figures: What each is called, and its path in the answer.
    init(figures: [(what: String, path: String)], of answer: JSONValue) {
        self.init("figures", [.text("what"), .value("value")])
        for figure in figures { add(figure.what, answer.cell(figure.path)) }
    }

    var isEmpty: Bool { rows.isEmpty }

    /// Adds a row; what is missing stays empty, what is too much is not shown.
    mutating func add(_ cells: String...) { add(cells) }

    mutating func add(_ cells: [String]) {
        rows.append(columns.indices.map { $0 < cells.count ? cells[$0] : "" })
    }

    /// One document: the rows as objects under the table's name, every cell a string, empty ones null.
    var json: String {
        let objects = rows.map { row in
            RequestBody.object(
                zip(columns, row).map { column, cell in
                    (column.key, cell.isEmpty ? "null" : RequestBody.string(cell))
                }
            )
        }
        return "{\(JSONText.quoted(name)):[\(objects.joined(separator: ","))]}\n"
    }

    /// The columns' keys, then a line for each row; figures as bare digits.
    var csv: String {
        var csv = CSVText(columns.map(\.key), lineEnd: .unix)
        for row in rows {
            csv.add(
                zip(columns, row).map { column, cell in
                    if cell.isEmpty { return .none }
                    return column.kind == .number && Readable.isNumber(cell)
                        ? .plain(cell) : .text(cell)
                }
            )
        }
        return String(decoding: csv.bytes, as: UTF8.self)
    }
}
