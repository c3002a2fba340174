internal import Meter
internal import MeterDisk
internal import Synchronization

/// A disk whose reading is shown as progress: how far into each file anybody has read.
///
/// So whatever reads files (verification, recovery, a recount) shows how far it is without knowing it.
final class WatchedDisk: Disk {
    private let base: any Disk
    private let progress: Progress

    init(_ base: any Disk, _ progress: Progress) {
        self.base = base
        self.progress = progress
    }

    func list() throws(DiskError) -> [String] { try base.list() }

    func create(_ name: String) throws(DiskError) -> any DiskFile { try base.create(name) }

    func open(_ name: String) throws(DiskError) -> any DiskFile {
        let file = try base.open(name)
        return WatchedFile(file, farthest(name))
    }

    func rename(_ name: String, to newName: String) throws(DiskError) {
        try base.rename(name, to: newName)
    }

    func remove(_ name: String) throws(DiskError) { try base.remove(name) }

    func syncDirectory() throws(DiskError) { try base.syncDirectory() }

    /// How far a file was read, by whoever opened it.
    private let positions = Mutex<[String: ReadPosition]>([:])

    private func farthest(_ name: String) -> ReadPosition {
        positions.withLock { positions in
            if let known = positions[name] { return known }
            let new = ReadPosition(progress)
            positions[name] = new
            return new
        }
    }
}

/// The farthest byte of a file that was read; what lies beyond it is progress.
final class ReadPosition: Sendable {
    private let progress: Progress
    private let farthest = Mutex(0)

    init(_ progress: Progress) { self.progress = progress }

    func reached(_ end: Int) {
        let more = farthest.withLock { farthest in
            let more = max(0, end - farthest)
            farthest += more
            return more
        }
        if more > 0 { progress.advance(by: UInt64(more)) }
    }
}

private final class WatchedFile: DiskFile {
    private let base: any DiskFile
    private let position: ReadPosition

    init(_ base: any DiskFile, _ position: ReadPosition) {
        self.base = base
        self.position = position
    }

    var name: String { base.name }

    func byteCount() throws(DiskError) -> Int { try base.byteCount() }

    func append(_ bytes: UnsafeRawBufferPointer) throws(DiskError) {
        try unsafe base.append(bytes)
    }

    func read(
        at offset: Int,
        into target: UnsafeMutableRawBufferPointer
    ) throws(DiskError) -> Int {
        let count = try unsafe base.read(at: offset, into: target)
        position.reached(offset + count)
        return count
    }

    func sync() throws(DiskError) { try base.sync() }
}

extension Progress {
    /// Of reading these files from end to end, or every file where none are named.
    convenience init(
        reading files: [String]?,
        of disk: any Disk,
        _ label: String
    ) throws(DiskError) {
        var total: UInt64 = 0
        let names = if let files { files } else { try disk.list() }
        for name in names {
            // What may not be read is found by whoever reads it.
            total += UInt64((try? disk.open(name).byteCount()) ?? 0)
        }
        self.init(label, total: total, .bytes)
    }
}
