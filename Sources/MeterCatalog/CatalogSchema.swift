internal import GRDB

/// The tables. None has row ids of its own: every row is named by what it is about, so that two catalogs of the
/// same data are equal in every column.
///
/// Numbers that may leave 63 bits are text: sums as decimal digits, journal positions as 16 hexadecimal
/// digits, which sort like the positions. Times are milliseconds since 1970, minutes are minutes.
enum CatalogSchema {
    /// Raised with every change here: a catalog of another version is deleted and rebuilt.
    static let version = 1

    static let tables = """
        CREATE TABLE book (
            one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
            number INTEGER NOT NULL, hash TEXT NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE decisions (
            number INTEGER NOT NULL PRIMARY KEY, time INTEGER NOT NULL, author TEXT NOT NULL,
            kind TEXT NOT NULL, hash TEXT NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE principals (
            id INTEGER NOT NULL PRIMARY KEY, kind TEXT NOT NULL, tenants TEXT, label TEXT NOT NULL,
            entry INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE keys (
            id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, principal INTEGER NOT NULL,
            scopes TEXT NOT NULL, label TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER,
            revoked INTEGER
        ) WITHOUT ROWID;
        CREATE INDEX keys_principal ON keys (principal);
        CREATE TABLE components (
            name TEXT NOT NULL PRIMARY KEY, unit TEXT NOT NULL, reported_unit TEXT NOT NULL,
            units_per_reported TEXT NOT NULL, entry INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE accesses (
            id TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, agent TEXT NOT NULL, label TEXT,
            entry INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX accesses_agent ON accesses (tenant, agent);
        CREATE TABLE bindings (
            access TEXT NOT NULL, from_minute INTEGER NOT NULL, to_minute INTEGER,
            tenant TEXT NOT NULL, agent TEXT NOT NULL, waldur TEXT NOT NULL,
            resource TEXT NOT NULL, class TEXT NOT NULL, entry INTEGER NOT NULL,
            PRIMARY KEY (access, from_minute)
        ) WITHOUT ROWID;
        CREATE INDEX bindings_resource ON bindings (waldur, resource);
        CREATE TABLE resources (
            waldur TEXT NOT NULL, resource TEXT NOT NULL, offering TEXT, customer TEXT,
            state TEXT, components TEXT NOT NULL, seen INTEGER NOT NULL,
            PRIMARY KEY (waldur, resource)
        ) WITHOUT ROWID;
        CREATE TABLE plan_periods (
            waldur TEXT NOT NULL, resource TEXT NOT NULL, id TEXT NOT NULL, plan TEXT,
            plan_name TEXT, start INTEGER NOT NULL, end INTEGER, seen INTEGER NOT NULL,
            PRIMARY KEY (waldur, resource, id)
        ) WITHOUT ROWID;
        CREATE TABLE submissions (
            number INTEGER NOT NULL, component TEXT NOT NULL, waldur TEXT NOT NULL,
            resource TEXT NOT NULL, plan_period TEXT NOT NULL, month TEXT NOT NULL,
            position TEXT NOT NULL, total TEXT NOT NULL, amount TEXT NOT NULL,
            state TEXT NOT NULL, intended INTEGER NOT NULL, settled INTEGER, status INTEGER,
            note TEXT, PRIMARY KEY (number, component)
        ) WITHOUT ROWID;
        CREATE INDEX submissions_row ON submissions (waldur, resource, month, component);
        CREATE TABLE files (
            name TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, from_position TEXT NOT NULL,
            to_position TEXT, byte_count INTEGER NOT NULL, row_count INTEGER,
            first_minute INTEGER, last_minute INTEGER
        ) WITHOUT ROWID;
        CREATE INDEX files_kind ON files (kind, from_position);
        CREATE TABLE file_sums (
            file TEXT NOT NULL REFERENCES files (name) ON DELETE CASCADE,
            component TEXT NOT NULL, sum TEXT NOT NULL, count TEXT NOT NULL,
            PRIMARY KEY (file, component)
        ) WITHOUT ROWID;
        CREATE TABLE sources (
            principal INTEGER NOT NULL, source TEXT NOT NULL, first_seen INTEGER NOT NULL,
            last_seen INTEGER NOT NULL, watermark TEXT NOT NULL, state TEXT NOT NULL,
            PRIMARY KEY (principal, source)
        ) WITHOUT ROWID;
        CREATE TABLE source_ranges (
            principal INTEGER NOT NULL, source TEXT NOT NULL, kind TEXT NOT NULL,
            from_number TEXT NOT NULL, to_number TEXT NOT NULL,
            PRIMARY KEY (principal, source, kind, from_number),
            FOREIGN KEY (principal, source) REFERENCES sources (principal, source)
                ON DELETE CASCADE
        ) WITHOUT ROWID;
        """

    /// In an order in which each can be emptied.
    static let names = [
        "source_ranges", "sources", "file_sums", "files", "submissions", "plan_periods",
        "resources", "bindings", "accesses", "components", "keys", "principals", "decisions",
        "book",
    ]

    /// Whether this is a catalog of this version whose pages hold together.
    static func isSound(_ database: Database) throws -> Bool {
        let version = try Int.fetchOne(database, sql: "PRAGMA user_version")
        guard version == Self.version else { return false }
        return try String.fetchAll(database, sql: "PRAGMA integrity_check(1)") == ["ok"]
    }

    static func make(_ database: Database) throws {
        try database.execute(sql: tables)
        try database.execute(sql: "PRAGMA user_version = \(version)")
    }
}
