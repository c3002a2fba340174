internal import GRDB
internal import Meter
internal import MeterWire

/// The list of sources, with what is missing of each.
enum CatalogSources {
    static func put(_ source: CatalogSource, _ database: Database) throws {
        try remove(source.key, database)
        let (principal, id) = columns(source.key)
        try database.execute(
            sql: "INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [
                principal, id, source.firstSeen.milliseconds, source.lastSeen.milliseconds,
                String(source.watermark), source.state,
            ]
        )
        for (kind, ranges) in [("hole", source.holes), ("given-up", source.givenUp)] {
            for range in ranges {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO source_ranges VALUES (?, ?, ?, ?, ?)",
                    arguments: [
                        principal, id, kind, Hexadecimal.text(range.lowerBound),
                        Hexadecimal.text(range.upperBound),
                    ]
                )
            }
        }
    }

    static func remove(_ key: SourceKey, _ database: Database) throws {
        let (principal, id) = columns(key)
        try database.execute(
            sql: "DELETE FROM sources WHERE principal = ? AND source = ?",
            arguments: [principal, id]
        )
    }

    private static func columns(_ key: SourceKey) -> (Int64, String) {
        (Int64(bitPattern: key.principal.rawValue), key.source.description)
    }
}
