internal import Glibc
package import MeterDisk
package import MeterWire
internal import Synchronization

/// A directory of spool files that several processes may share; each source's are one process's at a time.
package protocol SpoolDirectory: AnyObject, Sendable {
    var disk: any Disk { get }
    /// Holds a source's files for this process, until the value that is returned goes. Fails with
    /// `.locked` where they are another's.
    func lock(_ source: SourceID) throws(DiskError) -> any SpoolLock
}

/// The right to a source's files.
package protocol SpoolLock: AnyObject, Sendable {}

/// A spool directory of the file system.
final class POSIXSpoolDirectory: SpoolDirectory {
    let disk: any Disk
    private let path: String

    /// Opens the directory, which is made, for its owner only, if it is missing.
    init(path: String) throws(DiskError) {
        self.path = path
        disk = try POSIXDisk(path: path)
    }

    func lock(_ source: SourceID) throws(DiskError) -> any SpoolLock {
        try ForkGuard.withoutForks { descriptors throws(DiskError) in
            let lock = try FileLock(path: path + "/" + SpoolName.lock(source))
            descriptors.append(lock.descriptor)
            return Held(lock)
        }
    }

    private final class Held: SpoolLock {
        private let lock: Mutex<FileLock?>

        init(_ lock: FileLock) { self.lock = Mutex(lock) }

        deinit {
            ForkGuard.withoutForks { descriptors in
                lock.withLock { lock in
                    descriptors.removeAll { $0 == lock?.descriptor }
                    lock = nil
                }
            }
        }
    }
}

/// Tells one run of the system from the next.
enum BootID {
    /// 16 bytes; zeros where the system does not say.
    static func read() -> [UInt8] {
        let unknown = [UInt8](repeating: 0, count: 16)
        let file = unsafe open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return unknown }
        defer { close(file) }
        var text = [UInt8](repeating: 0, count: 64)
        let count = unsafe Glibc.read(file, &text, text.count)
        guard count > 0 else { return unknown }
        let digits = text[..<count].filter { $0 != UInt8(ascii: "-") && $0 > 0x20 }
        let bytes = Hexadecimal.bytes(String(decoding: digits, as: UTF8.self))
        return bytes?.count == 16 ? bytes ?? unknown : unknown
    }
}
