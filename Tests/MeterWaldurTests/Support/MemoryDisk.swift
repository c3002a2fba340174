import Meter
import Synchronization

/// A directory in memory that never fails; for tests that are not about disks.
final class MemoryDisk: Disk {
    private let files = Mutex<[String: MemoryFile]>([:])

    func list() throws(DiskError) -> [String] { files.withLock { Array($0.keys) } }

    func create(_ name: String) throws(DiskError) -> any DiskFile {
        let file = MemoryFile(name: name)
        let isNew = files.withLock { files in
            guard files[name] == nil else { return false }
            files[name] = file
            return true
        }
        guard isNew else { throw DiskError(.create, file: name, .exists) }
        return file
    }

    func open(_ name: String) throws(DiskError) -> any DiskFile {
        guard let file = files.withLock({ $0[name] }) else {
            throw DiskError(.open, file: name, .notFound)
        }
        return file
    }

    func rename(_ name: String, to newName: String) throws(DiskError) {
        files.withLock { $0[newName] = $0.removeValue(forKey: name) }
    }

    func remove(_ name: String) throws(DiskError) {
        files.withLock { _ = $0.removeValue(forKey: name) }
    }

    func syncDirectory() throws(DiskError) {}
}

final class MemoryFile: DiskFile {
    let name: String
    private let bytes = Mutex<[UInt8]>([])

    init(name: String) { self.name = name }

    func byteCount() throws(DiskError) -> Int { bytes.withLock { $0.count } }

    func append(_ added: UnsafeRawBufferPointer) throws(DiskError) {
        let copy = unsafe Array(added)
        bytes.withLock { $0 += copy }
    }

    func read(
        at offset: Int,
        into target: UnsafeMutableRawBufferPointer
    ) throws(DiskError) -> Int {
        let found = bytes.withLock { Array($0.dropFirst(offset).prefix(target.count)) }
        unsafe target.copyBytes(from: found)
        return found.count
    }

    func sync() throws(DiskError) {}
}
