import Meter
import Synchronization

/// A disk in memory that never fails by itself; tests look into its files and change them.
final class MemoryDisk: Disk {
    private let files = Mutex<[String: MemoryFile]>([:])

    func list() throws(DiskError) -> [String] { files.withLock { Array($0.keys) } }

    func create(_ name: String) throws(DiskError) -> any DiskFile {
        let file = MemoryFile(name)
        let isNew = files.withLock { files in
            if files[name] != nil { return false }
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
        return MemoryFile(name, sharing: file)
    }

    func rename(_ name: String, to newName: String) throws(DiskError) {
        let isThere = files.withLock { files in
            guard let file = files.removeValue(forKey: name) else { return false }
            files[newName] = file
            return true
        }
        guard isThere else { throw DiskError(.rename, file: name, .notFound) }
    }

    func remove(_ name: String) throws(DiskError) {
        guard files.withLock({ $0.removeValue(forKey: name) }) != nil else {
            throw DiskError(.remove, file: name, .notFound)
        }
    }

    func syncDirectory() throws(DiskError) {}

    subscript(name: String) -> [UInt8] {
        get { files.withLock { $0[name] }?.content.bytes.withLock { $0 } ?? [] }
        set {
            let file = MemoryFile(name)
            file.content.bytes.withLock { $0 = newValue }
            files.withLock { $0[name] = file }
        }
    }

    /// Changes one bit, for every file handle that is open.
    func flip(bit: Int, of name: String) {
        files.withLock { $0[name] }?.content.bytes.withLock { $0[bit / 8] ^= 1 << (bit % 8) }
    }
}

final class MemoryFile: DiskFile {
    final class Content: Sendable {
        let bytes = Mutex<[UInt8]>([])
    }

    let name: String
    let content: Content

    init(_ name: String, sharing other: MemoryFile? = nil) {
        self.name = name
        content = other?.content ?? Content()
    }

    func byteCount() throws(DiskError) -> Int { content.bytes.withLock { $0.count } }

    func append(_ bytes: UnsafeRawBufferPointer) throws(DiskError) {
        let copy = unsafe Array(bytes)
        content.bytes.withLock { $0 += copy }
    }

    func read(
        at offset: Int,
        into target: UnsafeMutableRawBufferPointer
    ) throws(DiskError) -> Int {
        let bytes = content.bytes.withLock { $0 }
        guard offset >= 0, offset <= bytes.count else { return 0 }
        let count = min(target.count, bytes.count - offset)
        unsafe target.copyBytes(from: bytes[offset..<offset + count])
        return count
    }

    func sync() throws(DiskError) {}
}
