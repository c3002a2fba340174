import Meter
import Synchronization

/// A disk that takes everything and keeps nothing: what is measured on it is the engine alone.
final class DiscardingDisk: Disk {
    private let names = Mutex<Set<String>>([])

    func list() throws(DiskError) -> [String] { names.withLock { Array($0) } }

    func create(_ name: String) throws(DiskError) -> any DiskFile {
        names.withLock { _ = $0.insert(name) }
        return DiscardingFile(name)
    }

    func open(_ name: String) throws(DiskError) -> any DiskFile { DiscardingFile(name) }

    func rename(_ name: String, to newName: String) throws(DiskError) {
        names.withLock { names in
            names.remove(name)
            names.insert(newName)
        }
    }

    func remove(_ name: String) throws(DiskError) { names.withLock { _ = $0.remove(name) } }

    func syncDirectory() throws(DiskError) {}
}

private final class DiscardingFile: DiskFile {
    let name: String

    init(_ name: String) { self.name = name }

    func byteCount() throws(DiskError) -> Int { 0 }
    func append(_ bytes: UnsafeRawBufferPointer) throws(DiskError) {}
    func read(
        at offset: Int, into target: UnsafeMutableRawBufferPointer
    ) throws(DiskError) -> Int { 0 }
    func sync() throws(DiskError) {}
}
