internal import FoundationEssentials
internal import GRDB
package import Meter

/// SQLite: an index over book, journal and segments, which can be deleted and is rebuilt.
///
/// It holds nothing that is not in them, so nothing but convenience depends on it. One connection,
/// rollback journal, `synchronous=EXTRA`: the SQLite that Debian 12 ships (3.40.1) can corrupt a database
/// in WAL mode when a checkpoint meets a restart (fixed in 3.51.3). Every call is one transaction and
/// waits for the disk; any thread may call.
package final class Catalog: Sendable {
    /// What `open` found at the path.
    package enum Opening: Equatable, Sendable {
        /// A sound catalog; its book's head says what is to be applied.
        case found
        /// Nothing; it is empty now.
        case made
        /// Something that is not a sound catalog of this version; it was deleted and is empty now.
        case replaced(reason: String)
    }

    private let queue: DatabaseQueue

    private init(_ queue: DatabaseQueue) { self.queue = queue }

    /// Opens the catalog at a path; where there is no sound one of this version, an empty one is made.
    ///
    /// - Throws: ``CatalogError``.
    /// - Complexity: Checks every page.
    package static func open(
        _ path: String
    ) throws(CatalogError) -> (catalog: Catalog, opening: Opening) {
        let existed = FileManager.default.fileExists(atPath: path)
        if existed {
            do {
                let queue = try connect(path)
                if try queue.read(CatalogSchema.isSound) { return (Catalog(queue), .found) }
                try queue.close()
                try remove(path)
                return (try make(path), .replaced(reason: "another version, or damaged"))
            } catch let error as CatalogError {
                throw error
            } catch {
                // Not a database at all, or one that cannot even be read.
                try remove(path)
                return (try make(path), .replaced(reason: "\(error)"))
            }
        }
        // A journal without its database would be rolled back into the new one.
        try remove(path)
        return (try make(path), .made)
    }

    private static func make(_ path: String) throws(CatalogError) -> Catalog {
        try wrapped {
            let queue = try connect(path)
            try queue.write(CatalogSchema.make)
            return Catalog(queue)
        }
    }

    private static func connect(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = true
        configuration.label = "catalog"
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = DELETE")
            try database.execute(sql: "PRAGMA synchronous = EXTRA")
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    private static func remove(_ path: String) throws(CatalogError) {
        for path in [path, path + "-journal", path + "-wal", path + "-shm"] {
            var isDirectory = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
                continue
            }
            if isDirectory { throw .notRemovable(path: path, reason: "it is a directory") }
            do {
                try FileManager.default.removeItem(atPath: path)
            } catch {
                throw .notRemovable(path: path, reason: "\(error)")
            }
        }
    }

    /// The last entry of the book that is in the catalog.
    package var bookHead: BookHead {
        get throws(CatalogError) { try read { try CatalogBook.head($0) } }
    }

    /// Takes entries into account that follow ``bookHead``; those that it already has are passed over.
    ///
    /// - Throws: `bookGap` or `bookDiffers`, and the catalog is as before: rebuild it.
    package func apply(book entries: [BookEntry]) throws(CatalogError) {
        try write { try CatalogBook.apply(entries, $0) }
    }

    /// Makes the list of files this one.
    package func apply(files: [CatalogFile]) throws(CatalogError) {
        try write { try CatalogFiles.apply(files, $0) }
    }

    /// Adds sources, or replaces what was known of them; takes out those that are forgotten.
    package func apply(
        sources: [CatalogSource],
        forgotten: [SourceKey] = []
    ) throws(CatalogError) {
        try write { database in
            for source in sources { try CatalogSources.put(source, database) }
            for key in forgotten { try CatalogSources.remove(key, database) }
        }
    }

    /// Makes the catalog anew from everything that it indexes, in one transaction.
    package func rebuild(
        book entries: some Sequence<BookEntry>,
        files: [CatalogFile],
        sources: [CatalogSource]
    ) throws(CatalogError) {
        try write { database in
            for table in CatalogSchema.names {
                try database.execute(sql: "DELETE FROM \(table)")
            }
            try CatalogBook.apply(entries, database)
            try CatalogFiles.apply(files, database)
            for source in sources { try CatalogSources.put(source, database) }
        }
    }

    /// Every column of every table in a fixed order: equal for equal data, however it came in.
    package func canonicalDump() throws(CatalogError) -> String {
        try read { try CatalogDump.text($0) }
    }

    /// SQLite's own settings that the promises rest on, as they are in force: journal mode and
    /// synchronous level (3 is EXTRA).
    package func durability() throws(CatalogError) -> (journalMode: String, synchronous: Int) {
        try read { database in
            (
                try String.fetchOne(database, sql: "PRAGMA journal_mode") ?? "",
                try Int.fetchOne(database, sql: "PRAGMA synchronous") ?? -1
            )
        }
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(CatalogError) -> Value {
        try Self.wrapped { try queue.read(body) }
    }

    private func write(_ body: (Database) throws -> Void) throws(CatalogError) {
        try Self.wrapped { try queue.write(body) }
    }

    private static func wrapped<Value>(
        _ body: () throws -> Value
    ) throws(CatalogError) -> Value {
        do {
            return try body()
        } catch let error as CatalogError {
            throw error
        } catch let error as DatabaseError {
            throw .database(
                code: error.extendedResultCode.rawValue,
                message: error.message ?? ""
            )
        } catch {
            throw .database(code: -1, message: "\(error)")
        }
    }
}
