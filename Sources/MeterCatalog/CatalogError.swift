/// Why the catalog could not be read or written. Nothing is lost by it: the catalog is an index that can be
/// deleted and is rebuilt.
package enum CatalogError: Error, Equatable, Sendable, CustomStringConvertible {
    /// SQLite refused, with its extended result code.
    case database(code: Int32, message: String)
    /// The entries do not continue what the catalog has; rebuild it.
    case bookGap(has: UInt64, given: UInt64)
    /// The book is another than the one that the catalog indexes; rebuild it.
    case bookDiffers(at: UInt64)
    /// The file at the path is no catalog and cannot be removed.
    case notRemovable(path: String, reason: String)

    package var description: String {
        switch self {
        case .database(let code, let message):
            "the catalog failed (SQLite \(code): \(message)); delete it, it is rebuilt at the next start"
        case .bookGap(let has, let given):
            "the catalog has the book up to entry \(has), entry \(given) cannot follow; rebuild it"
        case .bookDiffers(let number):
            "the catalog indexes another book than this one (they differ at entry \(number)); rebuild it"
        case .notRemovable(let path, let reason):
            "\(path) is not a catalog and cannot be removed: \(reason)"
        }
    }
}
