internal import Glibc

/// What the kernel says of a file.
struct FileFacts {
    private let status: stat

    /// - Returns: Nil if it is not there, or this user may not look.
    init?(_ path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        self.status = status
    }

    var isDirectory: Bool { status.st_mode & S_IFMT == S_IFDIR }
    var byteCount: UInt64 { UInt64(max(0, status.st_size)) }
    /// Seconds since 1970.
    var modified: Int64 { Int64(status.st_mtim.tv_sec) }
    /// Whether the group or anybody may do something with it.
    var isOpenToOthers: Bool { status.st_mode & 0o077 != 0 }
    /// As chmod takes it.
    var modeText: String { "0" + String(status.st_mode & 0o777, radix: 8) }
}

/// How long the disk takes to make a small write durable.
enum SyncProbe {
    private static let count = 9
    /// `O_TMPFILE`, which glibc defines as a macro that Swift does not see.
    private static let unnamedFile = 0o20000000 | O_DIRECTORY

    /// Writes and syncs a page in a file without a name, which is gone when it is closed.
    ///
    /// - Returns: Microseconds of the middle one; nil where the file system has no such files, or the
    ///   directory may not be written.
    static func median(in directory: String) -> Int64? {
        let descriptor = unsafe open(directory, unnamedFile | O_RDWR | O_CLOEXEC, mode_t(0o600))
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let page = [UInt8](repeating: 0x5A, count: 4_096)
        var times: [Int64] = []
        for _ in 0..<count {
            let began = Clocks.monotonic()
            let written = unsafe page.withUnsafeBytes { bytes in
                unsafe write(descriptor, bytes.baseAddress, bytes.count)
            }
            guard written == page.count, fdatasync(descriptor) == 0 else { return nil }
            times.append(Clocks.monotonic() - began)
        }
        return times.sorted()[count / 2]
    }
}
