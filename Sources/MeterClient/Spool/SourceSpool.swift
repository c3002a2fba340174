internal import MeterDisk
internal import MeterWire

/// One source's spool files, which this process holds.
///
/// Frames and claims are appended in the order in which they are sealed, to files of about a mebibyte. Each
/// file begins with a claim, so that the oldest can be removed and what they said is still known; and one
/// that has nothing but claims goes when the next begins, so that claims alone never fill the disk.
final class SourceSpool {
    /// Where a frame lies.
    struct Location: Equatable {
        var file: UInt64
        var offset: Int
        var byteCount: Int
    }

    private struct File {
        var name: SpoolName
        var byteCount: Int
        /// Above every sequence in it and in those before.
        var endSequence: UInt64
        var hasEvents = false
        /// Kept aside where others are removed.
        var isDamaged = false
    }

    let source: SourceID
    private let spool: Spool
    private let lock: any SpoolLock
    private var files: [File] = []
    private var nextNumber: UInt64 = 1
    /// The newest file while it may be appended to.
    private var writing: (any DiskFile)?
    private var reading: (number: UInt64, file: any DiskFile)?
    private var isUnsynced = false
    private var hasUnsyncedName = false

    init(_ source: SourceID, spool: Spool, lock: any SpoolLock) {
        self.source = source
        self.spool = spool
        self.lock = lock
    }

    deinit { spool.byteCount -= byteCount }

    var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }

    /// The next record begins a file: it must be a claim.
    var needsHead: Bool {
        guard writing != nil, let newest = files.last else { return true }
        return newest.byteCount >= spool.fileByteCount
    }

    // MARK: Writing

    /// Appends a claim; begins a file with it if it is time to.
    func write(claim: [UInt8], endSequence: UInt64) throws(DiskError) {
        guard needsHead else {
            _ = try append(claim, endSequence)
            return
        }
        try beginFile(endSequence)
        _ = try append(claim, endSequence)
        // Only what is safe may stand for what goes.
        try sync()
        for file in files.dropLast() where !file.hasEvents && remove(file) {
            files.removeAll { $0.name == file.name }
        }
    }

    /// Appends a frame of events; only while ``needsHead`` is false.
    func write(frame: [UInt8], endSequence: UInt64) throws(DiskError) -> Location {
        let location = try append(frame, endSequence)
        files[files.count - 1].hasEvents = true
        return location
    }

    private func beginFile(_ endSequence: UInt64) throws(DiskError) {
        try sync()
        writing = nil
        let name = SpoolName(source: source, number: nextNumber)
        nextNumber += 1
        let file = try spool.disk.create(name.text)
        files.append(File(name: name, byteCount: 0, endSequence: endSequence))
        writing = file
        hasUnsyncedName = true
        let header = SpoolFormat.Header(isSynced: spool.isSynced, bootID: spool.bootID)
        try append(bytes: SpoolFormat.header(header))
    }

    private func append(_ frame: [UInt8], _ endSequence: UInt64) throws(DiskError) -> Location {
        let record = SpoolFormat.record(frame)
        let newest = files.count - 1
        guard newest >= 0 else { throw DiskError(.append, file: "", .notFound) }
        let location = Location(
            file: files[newest].name.number,
            offset: files[newest].byteCount + SpoolFormat.recordHeadByteCount,
            byteCount: frame.count
        )
        try append(bytes: record)
        files[newest].endSequence = max(files[newest].endSequence, endSequence)
        return location
    }

    private func append(bytes: [UInt8]) throws(DiskError) {
        guard let writing else { throw DiskError(.append, file: "", .notFound) }
        var failure: DiskError?
        unsafe bytes.withUnsafeBytes { bytes in
            do throws(DiskError) { try unsafe writing.append(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
        files[files.count - 1].byteCount += bytes.count
        spool.byteCount += bytes.count
        isUnsynced = true
    }

    /// Makes what was written durable, where the options ask for it.
    func sync() throws(DiskError) {
        guard spool.isSynced, isUnsynced, let writing else { return }
        try writing.sync()
        if hasUnsyncedName { try spool.disk.syncDirectory() }
        isUnsynced = false
        hasUnsyncedName = false
    }

    /// After a failure nothing more is appended to the newest file, and its name says that frames are sent
    /// that are not in it.
    func stopWriting() {
        writing = nil
        reading = nil
        isUnsynced = false
        guard let newest = files.last, !newest.name.isPartial else { return }
        var name = newest.name
        name.isPartial = true
        do throws(DiskError) {
            try spool.disk.rename(newest.name.text, to: name.text)
            files[files.count - 1].name = name
            if spool.isSynced { try spool.disk.syncDirectory() }
        } catch {
            spool.note(error)
        }
    }

    // MARK: Reading

    /// The bytes of a frame, as they were written; nil where the disk has other ones.
    func read(_ location: Location) throws(DiskError) -> [UInt8]? {
        let headByteCount = SpoolFormat.recordHeadByteCount
        let bytes = try bytes(
            of: location.file,
            at: location.offset - headByteCount,
            count: headByteCount + location.byteCount
        )
        let frame = Array(bytes.dropFirst(headByteCount))
        return bytes == SpoolFormat.record(frame) && frame.count == location.byteCount
            ? frame : nil
    }

    private func bytes(of number: UInt64, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        if reading?.number != number {
            guard let file = files.first(where: { $0.name.number == number }) else {
                throw DiskError(.open, file: "", .notFound)
            }
            reading = (number, try spool.disk.open(file.name.text))
        }
        guard let file = reading?.file else { return [] }
        return try Spool.bytes(of: file, at: offset, count: count)
    }

    // MARK: Removing

    /// Removes the files of which every sequence is below `sequence`, but for the newest, which says how
    /// the source stands.
    func remove(before sequence: UInt64) {
        while files.count > 1, let oldest = files.first, oldest.endSequence <= sequence {
            guard remove(oldest) else { return }
            files.removeFirst()
        }
    }

    /// Removes every file and the lock: nothing of the source is needed any more.
    func removeAll() {
        writing = nil
        while let oldest = files.first {
            guard remove(oldest) else { return }
            files.removeFirst()
        }
        do throws(DiskError) {
            try spool.disk.remove(SpoolName.lock(source))
        } catch {
            if error.reason != .notFound { spool.note(error) }
        }
    }

    private func remove(_ file: File) -> Bool {
        do throws(DiskError) {
            if reading?.number == file.name.number { reading = nil }
            if file.isDamaged {
                try spool.disk.rename(file.name.text, to: file.name.damagedText)
            } else {
                try spool.disk.remove(file.name.text)
            }
        } catch {
            if error.reason != .notFound {
                spool.note(error)
                return false
            }
        }
        spool.byteCount -= file.byteCount
        return true
    }

    // MARK: Adopting

    /// A file that an earlier process has left.
    func adopt(
        _ name: SpoolName,
        byteCount: Int,
        endSequence: UInt64,
        hasEvents: Bool,
        isDamaged: Bool
    ) {
        var file = File(name: name, byteCount: byteCount, endSequence: endSequence)
        file.endSequence = max(files.last?.endSequence ?? 0, endSequence)
        file.hasEvents = hasEvents
        file.isDamaged = isDamaged
        files.append(file)
        if isDamaged { spool.damagedFileCount += 1 }
        spool.byteCount += byteCount
        nextNumber = max(nextNumber, name.number + 1)
    }
}
