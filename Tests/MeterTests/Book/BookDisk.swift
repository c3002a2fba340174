import Meter
import Synchronization

/// Files in memory, that remember what was synced and fail when told to.
final class BookDisk: Disk {
    struct Contents {
        var bytes: [UInt8] = []
        var syncedCount = 0
    }

    enum Failure {
        /// The append writes this many bytes and fails.
        case append(after: Int)
        case sync
        case create
        case syncDirectory
    }

    private struct State {
        var files: [String: Contents] = [:]
        var failures: [Failure] = []
    }

    private let state = Mutex(State())

    init(_ files: [String: [UInt8]] = [:]) {
        state.withLock { state in
            for (name, bytes) in files {
                state.files[name] = Contents(bytes: bytes, syncedCount: bytes.count)
            }
        }
    }

    /// Every file's bytes now.
    var files: [String: [UInt8]] { state.withLock { $0.files.mapValues(\.bytes) } }

    /// Every file's bytes as a power cut that loses all unsynced bytes leaves them.
    var syncedFiles: [String: [UInt8]] {
        state.withLock { $0.files.mapValues { Array($0.bytes.prefix($0.syncedCount)) } }
    }

    /// The next operation of this kind fails.
    func fail(_ failure: Failure) { state.withLock { $0.failures.append(failure) } }

    func list() throws(DiskError) -> [String] { Array(files.keys) }

    func create(_ name: String) throws(DiskError) -> any DiskFile {
        try state.withLock { state throws(DiskError) in
            if case .create? = state.failures.first {
                state.failures.removeFirst()
                throw DiskError(.create, file: name, .noSpace)
            }
            guard state.files[name] == nil else { throw DiskError(.create, file: name, .exists) }
            state.files[name] = Contents()
        }
        return File(name: name, disk: self)
    }

    func open(_ name: String) throws(DiskError) -> any DiskFile {
        guard files[name] != nil else { throw DiskError(.open, file: name, .notFound) }
        return File(name: name, disk: self)
    }

    func rename(_ name: String, to newName: String) throws(DiskError) {
        state.withLock { state in
            state.files[newName] = state.files.removeValue(forKey: name)
        }
    }

    func remove(_ name: String) throws(DiskError) { state.withLock { $0.files[name] = nil } }

    func syncDirectory() throws(DiskError) {
        try state.withLock { state throws(DiskError) in
            guard case .syncDirectory? = state.failures.first else { return }
            state.failures.removeFirst()
            throw DiskError(.syncDirectory, file: ".", .system(errno: 5))
        }
    }

    private final class File: DiskFile {
        let name: String
        private let disk: BookDisk

        init(name: String, disk: BookDisk) {
            self.name = name
            self.disk = disk
        }

        func byteCount() throws(DiskError) -> Int { disk.files[name]?.count ?? 0 }

        func append(_ bytes: UnsafeRawBufferPointer) throws(DiskError) {
            let copy = unsafe Array(bytes)
            try disk.state.withLock { state throws(DiskError) in
                if case .append(let count)? = state.failures.first {
                    state.failures.removeFirst()
                    state.files[name]?.bytes += copy.prefix(count)
                    throw DiskError(.append, file: name, .noSpace)
                }
                state.files[name]?.bytes += copy
            }
        }

        func read(
            at offset: Int,
            into target: UnsafeMutableRawBufferPointer
        ) throws(DiskError) -> Int {
            let bytes = disk.files[name] ?? []
            let part = bytes.dropFirst(offset).prefix(target.count)
            for (index, byte) in part.enumerated() { unsafe target[index] = byte }
            return part.count
        }

        func sync() throws(DiskError) {
            try disk.state.withLock { state throws(DiskError) in
                if case .sync? = state.failures.first {
                    state.failures.removeFirst()
                    throw DiskError(.sync, file: name, .system(errno: 5))
                }
                let count = state.files[name]?.bytes.count ?? 0
                state.files[name]?.syncedCount = count
            }
        }
    }
}
