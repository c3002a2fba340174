internal import Glibc

/// A file's `flock`, held for as long as this value lives.
///
/// The kernel releases it when the process ends however it ends, so a stale file means nothing. The file
/// holds the number of the process that has the lock, for the message of the one that is refused.
package final class FileLock: Sendable {
    /// Inherited by the child of a `fork`, where it keeps the lock until it is closed there, too.
    package let descriptor: CInt

    /// Takes the lock of the file at `path`, which is made if it is missing.
    ///
    /// - Parameter place: What is said to be in use; the file itself by default.
    /// - Throws: ``DiskError`` with `.locked` and the holder's process number (nil if it has not written
    ///   it yet) if another has the lock, or removed the file while this one waited for it.
    package init(path: String, place: String? = nil) throws(DiskError) {
        let place = place ?? path
        let opened = unsafe Glibc.open(
            path,
            O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
            mode_t(0o600)
        )
        if opened < 0 { throw DiskError(.lock, file: path, errno: errno) }
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
                ? DiskError(.lock, file: place, .locked(byProcess: holder))
                : DiskError(.lock, file: path, errno: number)
        }
        // The holder before may have removed the file in between: this would lock nothing.
        var status = stat()
        guard unsafe fstat(opened, &status) == 0, status.st_nlink > 0 else {
            close(opened)
            throw DiskError(.lock, file: place, .locked(byProcess: nil))
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
