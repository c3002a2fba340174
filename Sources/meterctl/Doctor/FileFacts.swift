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
    /// Which file it is, whatever it is called.
    var inode: UInt64 { UInt64(status.st_ino) }
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

/// Who has the `flock` of a file, as the kernel lists them; nothing is locked to find out.
enum FileLockHolder: Equatable {
    case nobody
    case held(process: String)
    case unknown

    static func find(_ path: String) -> FileLockHolder {
        guard let inode = FileFacts(path)?.inode,
            let table = try? LocalFile.bytes("/proc/locks")
        else { return .unknown }
        return find(inode: inode, in: String(decoding: table, as: UTF8.self))
    }

    /// Looks through lines such as `3: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF`.
    static func find(inode: UInt64, in table: String) -> FileLockHolder {
        for line in table.split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            // One that waits has an arrow before its kind.
            guard words.count >= 6, words[1] == "FLOCK",
                words[5].split(separator: ":").last.flatMap({ UInt64($0) }) == inode
            else { continue }
            return .held(process: String(words[4]))
        }
        return .nobody
    }
}
