/// Keeps a second engine out of a data directory, for as long as this value lives: the lock of its file
/// `lock`.
package final class DirectoryLock: Sendable {
    private let lock: FileLock

    /// Takes the lock of the directory at `path`, which must exist.
    ///
    /// - Throws: ``DiskError`` with `.locked` and the holder's process number (nil if it has not written
    ///   it yet) if the directory is in use.
    package init(path: String) throws(DiskError) {
        lock = try FileLock(path: path + "/lock", place: path)
    }
}
