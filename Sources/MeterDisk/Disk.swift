/// The only door to files: one flat directory, whose files are appended to or read, never overwritten.
///
/// Two implementations: `POSIXDisk` and the tests' `SimulatedDisk`. What is promised about durability is
/// what POSIX promises and no more: bytes are durable when `sync` of the file returned after they were
/// appended, a name is durable when `syncDirectory` returned after it was made, renamed or removed.
package protocol Disk: AnyObject, Sendable {
    /// The name of every regular file in the directory, in no order.
    func list() throws(DiskError) -> [String]
    /// Makes an empty file for appending; fails with `.exists` if the name is taken.
    func create(_ name: String) throws(DiskError) -> any DiskFile
    /// Opens an existing file for reading and appending.
    func open(_ name: String) throws(DiskError) -> any DiskFile
    /// Gives a file another name, replacing a file of that name in one step.
    func rename(_ name: String, to newName: String) throws(DiskError)
    /// Removes a name.
    func remove(_ name: String) throws(DiskError)
    /// Makes names durable.
    func syncDirectory() throws(DiskError)
}

/// One open file; closed when the last reference goes.
package protocol DiskFile: AnyObject, Sendable {
    var name: String { get }
    /// Bytes in the file now.
    func byteCount() throws(DiskError) -> Int
    /// Appends all of the bytes or fails; after a failure nobody knows how many of them are there.
    func append(_ bytes: UnsafeRawBufferPointer) throws(DiskError)
    /// Fills `target` from `offset` on; returns how many bytes there were, fewer only at the end.
    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(DiskError) -> Int
    /// Makes every appended byte durable. After a failure nothing may be assumed of the bytes since the
    /// last success, and a later success says nothing of them: the kernel marks failed pages clean.
    func sync() throws(DiskError)
}

/// What the disk refused, where, and the system's number for it.
package struct DiskError: Error, Equatable, Sendable {
    package enum Operation: String, Sendable {
        case list, create, open, append, read, sync, rename, remove, syncDirectory, lock
    }

    package enum Reason: Equatable, Sendable {
        case exists
        case notFound
        case noSpace
        /// Another process holds the directory.
        case locked(byProcess: Int32?)
        case system(errno: Int32)
    }

    package let operation: Operation
    package let file: String
    package let reason: Reason

    package init(_ operation: Operation, file: String, _ reason: Reason) {
        self.operation = operation
        self.file = file
        self.reason = reason
    }
}
