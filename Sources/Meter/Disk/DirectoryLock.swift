internal import Glibc

/// Keeps a second engine out of a data directory, for as long as this value lives.
///
/// `flock` on the file `lock`: the kernel releases it when the process ends however it ends, so a stale
/// file means nothing. The file holds the number of the process that has the lock, for the message of the
/// one that is refused.
package final class DirectoryLock: Sendable {
    private let descriptor: CInt

    /// Takes the lock of the directory at `path`, which must exist.
    ///
    /// - Throws: ``DiskError`` with `.locked` and the holder's process number (nil if it has not written
    ///   it yet) if the directory is in use.
    package init(path: String) throws(DiskError) {
        let file = path + "/lock"
        let opened = unsafe Glibc.open(
            file,
            O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
            mode_t(0o600)
        )
        if opened < 0 { throw DiskError(.lock, file: file, errno: errno) }
        var result: CInt
        var number: CInt
        repeat {
            result = flock(opened, LOCK_EX | LOCK_NB)
            number = errno
        } while result != 0 && number == EINTR
        if result != 0 {
            let holder = number == EWOULDBLOCK ? Self.process(in: opened) : nil
            close(opened)
            throw number == EWOULDBLOCK
                ? DiskError(.lock, file: path, .locked(byProcess: holder))
                : DiskError(.lock, file: file, errno: number)
        }
        let text = Array("\(getpid())\n".utf8)
        // The number is a courtesy: the lock holds without it, on a full disk too.
        if ftruncate(opened, 0) == 0 {
            _ = unsafe text.withUnsafeBytes { bytes in
                unsafe pwrite(opened, bytes.baseAddress, bytes.count, 0)
            }
        }
        descriptor = opened
    }

    deinit { close(descriptor) }

    private static func process(in descriptor: CInt) -> Int32? {
        unsafe withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { buffer in
            let count = unsafe pread(descriptor, buffer.baseAddress, buffer.count, 0)
            guard count > 0 else { return nil }
            let digits = unsafe buffer[..<count].prefix { $0 >= 0x30 && $0 <= 0x39 }
            return unsafe Int32(String(decoding: digits, as: UTF8.self))
        }
    }
}
