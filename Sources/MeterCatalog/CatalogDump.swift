internal import GRDB
internal import MeterWire

/// The catalog as text: whatever tables and columns there are, so that none can be forgotten.
enum CatalogDump {
    static func text(_ database: Database) throws -> String {
        let tables = try String.fetchAll(
            database,
            sql: """
                SELECT name FROM sqlite_master
                WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name
                """
        )
        var text = ""
        for table in tables {
            let columns = try String.fetchAll(
                database,
                sql: "SELECT name FROM pragma_table_info(?) ORDER BY cid",
                arguments: [table]
            )
            let order = columns.indices.map { String($0 + 1) }.joined(separator: ", ")
            text += "\(table): \(columns.joined(separator: ", "))\n"
            let rows = try Row.fetchCursor(
                database,
                sql: "SELECT * FROM \"\(table)\" ORDER BY \(order)"
            )
            while let row = try rows.next() {
                text += row.databaseValues.map { value($0) }.joined(separator: " | ") + "\n"
            }
        }
        return text
    }

    /// Different values never look alike: text is quoted, with what could end it escaped.
    private static func value(_ value: DatabaseValue) -> String {
        switch value.storage {
        case .null: "NULL"
        case .int64(let number): String(number)
        case .double(let number): "double \(number.bitPattern)"
        case .blob(let bytes): "x'\(Hexadecimal.text(bytes))'"
        case .string(let text):
            "'"
                + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
                .replacing("\n", with: "\\n").replacing("\r", with: "\\r") + "'"
        }
    }
}
