/// The files of an open journal and the newest of them, to which the committer writes.
struct JournalWriter: Sendable {
    private let disk: any Disk
    private let journalID: UInt64
    private let idSeed: UInt64
    private(set) var files: JournalFiles
    private var file: (any DiskFile)?
    private(set) var fileBytes = 0

    init(_ disk: any Disk, files: JournalFiles, journalID: UInt64, idSeed: UInt64) {
        self.disk = disk
        self.files = files
        self.journalID = journalID
        self.idSeed = idSeed
    }

    /// The id of the next file: distinct for distinct numbers, and between runs as far as 64 bits reach.
    var nextFileID: UInt64 {
        var mixed = idSeed &+ files.nextNumber &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Begins a file at `start`, where all files before it end.
    ///
    /// The file gets its name only when its header and what `fill` puts behind it are durable, and is
    /// used only when the name is durable: whoever finds the file finds it whole. A failed attempt spends
    /// its number; what it left behind is empty or has no name.
    mutating func begin(
        fileID: UInt64,
        at start: UInt64,
        _ reason: JournalFileReason,
        fill: (any DiskFile) throws(DiskError) -> Void = { _ in }
    ) throws(DiskError) {
        let previous = files.previous(of: start)
        let header = JournalFileHeader(
            number: files.nextNumber,
            fileID: fileID,
            journalID: journalID,
            start: start,
            previousNumber: previous.number,
            previousID: previous.id,
            reason: reason
        )
        let name = JournalFiles.name(header.number)
        let unfinished = name + JournalFiles.unfinishedSuffix
        files.nextNumber += 1
        let begun: any DiskFile
        do throws(DiskError) {
            let file = try disk.create(unfinished)
            let sector = header.encoded()
            try Self.append(sector + sector, to: file)
            try fill(file)
            try file.sync()
            try disk.rename(unfinished, to: name)
            try disk.syncDirectory()
            begun = try disk.open(name)
            fileBytes = try begun.byteCount()
        } catch {
            // It takes space that a full disk needs; if it stays, the next start removes it.
            try? disk.remove(unfinished)
            throw error
        }
        file = begun
        files.add(JournalFile(name: name, header: header))
    }

    /// Writes a group of records and makes it durable.
    mutating func write(_ group: JournalBuffer) throws(DiskError) {
        guard let file else { preconditionFailure("a file is begun before it is written to") }
        try group.write(to: file)
        try file.sync()
        fileBytes += group.count
    }

    /// Removes files from the oldest on that end at or below `position`, as long as `isRemovable` says so of
    /// the oldest and of the bytes that would remain.
    mutating func remove(
        below position: UInt64,
        where isRemovable: (JournalFile, Int) -> Bool
    ) throws(DiskError) -> [String] {
        var removed: [String] = []
        var bytes = byteCount
        while let first = files.files.first, let end = first.end, end <= position {
            let size = Self.byteCount(first, end: end)
            guard isRemovable(first, bytes - size) else { break }
            do throws(DiskError) {
                try disk.remove(first.name)
            } catch  where error.reason == .notFound {
                // An attempt whose directory sync failed has removed it.
            }
            // One by one: a power cut must not bring back a file whose neighbour is gone for good.
            try disk.syncDirectory()
            bytes -= size
            files.removeFirst()
            removed.append(first.name)
        }
        return removed
    }

    /// Bytes of all files, without what was given up in them.
    var byteCount: Int {
        files.files.reduce(0) { sum, file in
            sum + (file.end.map { Self.byteCount(file, end: $0) } ?? fileBytes)
        }
    }

    private static func byteCount(_ file: JournalFile, end: UInt64) -> Int {
        JournalFormat.headerBytes + Int(clamping: max(end, file.header.start) - file.header.start)
    }

    private static func append(_ bytes: [UInt8], to file: any DiskFile) throws(DiskError) {
        var failure: DiskError?
        unsafe bytes.withUnsafeBytes { bytes in
            do throws(DiskError) { try unsafe file.append(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
