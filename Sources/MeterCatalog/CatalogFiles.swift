internal import GRDB
internal import Meter
internal import MeterWire

/// The list of files that count.
enum CatalogFiles {
    /// Adds what is new, replaces what differs and removes what is gone.
    static func apply(_ files: [CatalogFile], _ database: Database) throws {
        let known = Dictionary(
            try fetch(database).map { ($0.name, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        var live: Set<String> = []
        for file in files {
            live.insert(file.name)
            if known[file.name] == sorted(file) { continue }
            try remove(file.name, database)
            try put(file, database)
        }
        for name in known.keys where !live.contains(name) { try remove(name, database) }
    }

    private static func remove(_ name: String, _ database: Database) throws {
        try database.execute(sql: "DELETE FROM files WHERE name = ?", arguments: [name])
    }

    private static func put(_ file: CatalogFile, _ database: Database) throws {
        try database.execute(
            sql: "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                file.name, file.kind, Hexadecimal.text(file.from),
                file.to.map { Hexadecimal.text($0) }, Int64(clamping: file.byteCount),
                file.rowCount.map { Int64(clamping: $0) },
                file.minutes.map { Int64($0.lowerBound.rawValue) },
                file.minutes.map { Int64($0.upperBound.rawValue) },
            ]
        )
        for sum in file.sums {
            try database.execute(
                sql: "INSERT INTO file_sums VALUES (?, ?, ?, ?)",
                arguments: [
                    file.name, sum.component.description, String(sum.sum), String(sum.count),
                ]
            )
        }
    }

    /// Every file in the catalog, by name, with its sums by component.
    static func fetch(_ database: Database) throws -> [CatalogFile] {
        var sums: [String: [CatalogFile.Sum]] = [:]
        let sumRows = try Row.fetchAll(
            database,
            sql: "SELECT * FROM file_sums ORDER BY file, component"
        )
        for row in sumRows {
            guard let sum = UInt128(row["sum"] as String),
                let count = UInt64(row["count"] as String)
            else { continue }
            sums[row["file"], default: []].append(
                CatalogFile.Sum(
                    component: Name(row["component"] as String),
                    sum: sum,
                    count: count
                )
            )
        }
        return try Row.fetchAll(database, sql: "SELECT * FROM files ORDER BY name").map { row in
            var minutes: ClosedRange<Minute>?
            if let first = row["first_minute"] as Int64?, let last = row["last_minute"] as Int64?,
                let from = UInt32(exactly: first), let to = UInt32(exactly: last), from <= to
            {
                minutes = Minute(rawValue: from)...Minute(rawValue: to)
            }
            return CatalogFile(
                name: row["name"],
                kind: row["kind"],
                from: UInt64(row["from_position"] as String, radix: 16) ?? 0,
                to: (row["to_position"] as String?).flatMap { UInt64($0, radix: 16) },
                byteCount: UInt64(clamping: row["byte_count"] as Int64),
                rowCount: (row["row_count"] as Int64?).map { UInt64(clamping: $0) },
                minutes: minutes,
                sums: sums[row["name"]] ?? []
            )
        }
    }

    /// The file as it comes back from the catalog.
    private static func sorted(_ file: CatalogFile) -> CatalogFile {
        CatalogFile(
            name: file.name,
            kind: file.kind,
            from: file.from,
            to: file.to,
            byteCount: file.byteCount,
            rowCount: file.rowCount,
            minutes: file.minutes,
            sums: file.sums.sorted { $0.component < $1.component }
        )
    }
}
