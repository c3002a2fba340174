internal import Glibc

/// A descriptor opened with `O_APPEND`; closed when the last reference goes.
final class POSIXFile: DiskFile {
    let name: String
    private let descriptor: CInt

    init(name: String, descriptor: CInt) {
        self.name = name
        self.descriptor = descriptor
    }

    // An error of close says nothing that the sync before it did not say.
    deinit { close(descriptor) }

    func byteCount() throws(DiskError) -> Int {
        var status = stat()
        if unsafe fstat(descriptor, &status) != 0 {
            throw DiskError(.read, file: name, errno: errno)
        }
        return Int(status.st_size)
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(DiskError) {
        var written = 0
        while written < bytes.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
            let count = unsafe write(descriptor, rest.baseAddress, rest.count)
            if count > 0 {
                // A short write is finished by the next round, which meets its cause if there is one.
                written += count
                continue
            }
            let number = count == 0 ? EIO : errno
            if number != EINTR { throw DiskError(.append, file: name, errno: number) }
        }
    }

    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(DiskError) -> Int {
        var filled = 0
        while filled < target.count {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: target[filled...])
            let count = unsafe pread(descriptor, rest.baseAddress, rest.count, offset + filled)
            if count > 0 {
                filled += count
                continue
            }
            if count == 0 { return filled }
            let number = errno
            if number != EINTR { throw DiskError(.read, file: name, errno: number) }
        }
        return filled
    }

    func sync() throws(DiskError) {
        // An interrupted sync is a failed one: whether pages were dropped cannot be known.
        if fdatasync(descriptor) != 0 { throw DiskError(.sync, file: name, errno: errno) }
    }
}
