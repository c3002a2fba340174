internal import Meter
internal import MeterDisk
internal import Synchronization

/// A directory that is only read, with a memory on top that takes what is written.
///
/// So recovery itself, which begins a new journal file and copies doubtful ends, can be run as a check:
/// nothing on the disk changes.
final class OverlayDisk: Disk {
    private let base: any Disk
    /// What of the directory is visible; nil for everything.
    private let only: Set<String>?
    private let written = Mutex<[String: MemoryFile]>([:])

    init(_ base: any Disk, only: Set<String>? = nil) {
        self.base = base
        self.only = only
    }

    func list() throws(DiskError) -> [String] {
        let names = try base.list().filter { only?.contains($0) ?? true }
        let new = written.withLock { $0.keys.sorted() }
        return names + new.filter { !names.contains($0) }
    }

    func create(_ name: String) throws(DiskError) -> any DiskFile {
        guard !(try list().contains(name)) else {
            throw DiskError(.create, file: name, .exists)
        }
        let file = MemoryFile(name: name)
        written.withLock { $0[name] = file }
        return file
    }

    func open(_ name: String) throws(DiskError) -> any DiskFile {
        if let file = written.withLock({ $0[name] }) { return file }
        guard only?.contains(name) ?? true else { throw DiskError(.open, file: name, .notFound) }
        return try base.open(name)
    }

    func rename(_ name: String, to newName: String) throws(DiskError) {
        let moved = written.withLock { written in
            guard let file = written.removeValue(forKey: name) else { return false }
            written[newName] = file
            return true
        }
        guard moved else { throw DiskError(.rename, file: name, .notFound) }
    }

    /// A file of the directory stays; one of the memory goes.
    func remove(_ name: String) throws(DiskError) {
        written.withLock { _ = $0.removeValue(forKey: name) }
    }

    func syncDirectory() throws(DiskError) {}
}

/// A file that was written over a directory that is only read.
final class MemoryFile: DiskFile {
    let name: String
    private let bytes = Mutex<[UInt8]>([])

    init(name: String) { self.name = name }

    func byteCount() throws(DiskError) -> Int { bytes.withLock { $0.count } }

    func append(_ more: UnsafeRawBufferPointer) throws(DiskError) {
        let copy = unsafe Array(more)
        bytes.withLock { $0 += copy }
    }

    func read(
        at offset: Int,
        into target: UnsafeMutableRawBufferPointer
    ) throws(DiskError) -> Int {
        let wanted = target.count
        let part = bytes.withLock { bytes in
            Array(bytes.dropFirst(max(0, offset)).prefix(wanted))
        }
        unsafe target.copyBytes(from: part)
        return part.count
    }

    func sync() throws(DiskError) {}
}
