internal import Glibc

/// One directory of a file system, by its descriptor, so that a renamed or covered path changes nothing.
///
/// Every system call of the engine's files is here or in `POSIXFile`; `errno` is read in the statement
/// that follows the call.
package final class POSIXDisk: Disk {
    package enum Access: Sendable {
        case readWrite
        /// For inspection: nothing can be created, appended, renamed or removed.
        case readOnly
    }

    /// As it was given, for messages.
    package let path: String
    private let directory: CInt
    private let access: Access

    /// Opens the directory at `path`; with `.readWrite` it is made, for its owner only, if it is missing.
    package init(path: String, access: Access = .readWrite) throws(DiskError) {
        self.path = path
        self.access = access
        if access == .readWrite { try Self.make(path) }
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw DiskError(.open, file: path, errno: errno) }
        directory = descriptor
    }

    deinit { close(directory) }

    package func list() throws(DiskError) -> [String] {
        // A descriptor of its own: the position in a directory belongs to the open file description.
        let descriptor = unsafe openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw DiskError(.list, file: "", errno: errno) }
        guard let stream = unsafe fdopendir(descriptor) else {
            let number = errno
            close(descriptor)
            throw DiskError(.list, file: "", errno: number)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                let number = errno
                if number != 0 { throw DiskError(.list, file: "", errno: number) }
                return names
            }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 256) { characters in
                    unsafe String(cString: characters)
                }
            }
            // A socket or a folder beside the files is none of them. Some file systems do not say.
            let type = Int32(unsafe entry.pointee.d_type)
            if type == Int32(DT_REG) || type == Int32(DT_UNKNOWN) { names.append(name) }
        }
    }

    package func create(_ name: String) throws(DiskError) -> any DiskFile {
        try requireWriting(.create, name)
        return try openFile(name, .create, flags: O_RDWR | O_APPEND | O_CREAT | O_EXCL)
    }

    package func open(_ name: String) throws(DiskError) -> any DiskFile {
        try openFile(name, .open, flags: access == .readOnly ? O_RDONLY : O_RDWR | O_APPEND)
    }

    package func rename(_ name: String, to newName: String) throws(DiskError) {
        try requireWriting(.rename, name)
        if unsafe renameat(directory, name, directory, newName) != 0 {
            throw DiskError(.rename, file: name, errno: errno)
        }
    }

    package func remove(_ name: String) throws(DiskError) {
        try requireWriting(.remove, name)
        if unsafe unlinkat(directory, name, 0) != 0 {
            throw DiskError(.remove, file: name, errno: errno)
        }
    }

    package func syncDirectory() throws(DiskError) {
        if fsync(directory) != 0 { throw DiskError(.syncDirectory, file: "", errno: errno) }
    }

    private func requireWriting(
        _ operation: DiskError.Operation,
        _ name: String
    ) throws(DiskError) {
        if access == .readOnly { throw DiskError(operation, file: name, errno: EROFS) }
    }

    private func openFile(
        _ name: String,
        _ operation: DiskError.Operation,
        flags: CInt
    ) throws(DiskError) -> any DiskFile {
        while true {
            let descriptor = unsafe openat(
                directory,
                name,
                flags | O_CLOEXEC | O_NOFOLLOW,
                mode_t(0o600)
            )
            if descriptor >= 0 { return POSIXFile(name: name, descriptor: descriptor) }
            let number = errno
            if number != EINTR { throw DiskError(operation, file: name, errno: number) }
        }
    }

    /// Makes the directory and its name durable; that it exists already is well.
    private static func make(_ path: String) throws(DiskError) {
        if unsafe mkdir(path, 0o700) != 0 {
            let number = errno
            if number == EEXIST { return }
            throw DiskError(.create, file: path, errno: number)
        }
        var end = path.endIndex
        while end > path.startIndex, path[path.index(before: end)] == "/" {
            end = path.index(before: end)
        }
        let slash = path[..<end].lastIndex(of: "/")
        let parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = unsafe Glibc.open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw DiskError(.open, file: parent, errno: errno) }
        defer { close(descriptor) }
        if fsync(descriptor) != 0 { throw DiskError(.syncDirectory, file: parent, errno: errno) }
    }
}

extension DiskError {
    /// The system's number, named where the engine acts on it.
    init(_ operation: Operation, file: String, errno number: Int32) {
        let reason: Reason =
            switch number {
            case EEXIST: .exists
            case ENOENT: .notFound
            case ENOSPC, EDQUOT: .noSpace
            default: .system(errno: number)
            }
        self.init(operation, file: file, reason)
    }
}
