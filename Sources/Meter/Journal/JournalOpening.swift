internal import MeterWire

/// Opening a journal: find its end, keep aside what never finished, begin a new file there.
///
/// A journal is never continued in the file in which it ended: what the page cache shows of that file
/// after its last claimed position may not be on the disk, and no later sync would tell.
struct JournalOpening {
    let disk: any Disk
    let checkpoint: UInt64
    private(set) var recovery = JournalRecovery()
    private var files = JournalFiles()

    init(_ disk: any Disk, checkpoint: UInt64) {
        self.disk = disk
        self.checkpoint = checkpoint
    }

    /// Leaves the journal with a new file, which ends with everything whole that was found, durable.
    mutating func run(
        random: inout some RandomNumberGenerator,
        transferBytes: Int
    ) throws(JournalError) -> (JournalWriter, JournalTail) {
        guard checkpoint <= JournalFormat.positionMax else { throw .notAPosition(checkpoint) }
        files = try JournalFiles.read(disk)
        recovery.damaged = files.damaged
        recovery.keptAside = files.keptAside
        let journalID = files.files.first?.header.journalID ?? random.next()
        let idSeed = random.next()
        do throws(DiskError) {
            for name in files.unfinished + files.stillborn { try disk.remove(name) }
            return try begin(journalID: journalID, idSeed: idSeed, transferBytes: transferBytes)
        } catch {
            throw .disk(error)
        }
    }

    private mutating func begin(
        journalID: UInt64,
        idSeed: UInt64,
        transferBytes: Int
    ) throws(DiskError) -> (JournalWriter, JournalTail) {
        let newest = files.files.last
        let survey: JournalSurvey? =
            if let newest { try JournalSurvey(disk, newest, from: checkpoint) } else { nil }
        var start = survey?.durable ?? checkpoint
        var source = newest
        if let headless = files.headless {
            // What it held lies after everything else, where exactly is lost with its header. None of
            // those positions is given out again.
            start = max(checkpoint, (survey?.tailEnd ?? 0) + headless.byteCount)
            source = nil
        } else if let newest, let survey {
            try keepTornTail(of: newest, survey)
            recovery.zeroByteCount = survey.zeroByteCount
        } else if checkpoint > 0 {
            recovery.damaged.append(
                JournalDamage(
                    file: JournalFiles.name(1),
                    from: checkpoint,
                    to: checkpoint,
                    cause: .missing
                )
            )
        }
        recovery.wasUnclean = files.headless != nil || survey.map { !$0.isFinished } ?? false
        var writer = JournalWriter(disk, files: files, journalID: journalID, idSeed: idSeed)
        let fileID = writer.nextFileID
        var tail = JournalTail(fileID: fileID, start: start, transferBytes: transferBytes)
        try writer.begin(
            fileID: fileID,
            at: start,
            newest == nil ? .created : .recovered
        ) { (file) throws(DiskError) in
            if let source, let survey, survey.tailEnd > start {
                try tail.copy(source, to: survey.tailEnd, from: disk, into: file)
            }
        }
        recovery.end = tail.end
        return (writer, tail)
    }

    private mutating func keepTornTail(
        of file: JournalFile,
        _ survey: JournalSurvey
    ) throws(DiskError) {
        guard survey.isTorn else { return }
        let name = file.name + JournalFiles.keptSuffix
        let unfinished = name + JournalFiles.unfinishedSuffix
        var reader = try JournalReader(
            try disk.open(file.name),
            file.header,
            from: survey.tailEnd,
            to: survey.fileEnd
        )
        let copy = try disk.create(unfinished)
        try reader.copy(from: survey.tailEnd, to: survey.fileEnd, into: copy)
        if let failure = reader.readFailure { throw failure }
        try copy.sync()
        try disk.rename(unfinished, to: name)
        try disk.syncDirectory()
        recovery.tornTail = JournalTornTail(
            file: file.name,
            position: survey.tailEnd,
            byteCount: survey.fileEnd - survey.tailEnd,
            keptAs: name
        )
        if !recovery.keptAside.contains(name) { recovery.keptAside.append(name) }
    }
}

/// Records that are written behind the header of a new file before it is used.
struct JournalTail {
    let fileID: UInt64
    let start: UInt64
    private(set) var end: UInt64
    private(set) var chain = JournalChain()
    private var buffer: JournalBuffer

    init(fileID: UInt64, start: UInt64, transferBytes: Int) {
        self.fileID = fileID
        self.start = start
        end = start
        buffer = JournalBuffer(capacity: max(4096, transferBytes))
    }

    /// Copies the records in `[start, limit)` of another file, and a mark behind them.
    mutating func copy(
        _ source: JournalFile,
        to limit: UInt64,
        from disk: any Disk,
        into target: any DiskFile
    ) throws(DiskError) {
        var reader = try JournalReader(
            try disk.open(source.name),
            source.header,
            from: start,
            to: limit
        )
        reading: while true {
            switch reader.next() {
            case .record(let record): try add(record, into: target)
            case .mark: continue
            case .bad, .zeros, .end: break reading
            }
        }
        if let failure = reader.readFailure { throw failure }
        guard chain.recordCount > 0 else { return }
        let mark = JournalMark(
            durable: start,
            recordCount: chain.recordCount,
            chain: chain.checksum
        )
        buffer.append(mark, kind: JournalFormat.commitKind, position: end, fileID: fileID)
        end += UInt64(JournalFormat.markBytes)
        try buffer.write(to: target)
        buffer.removeAll()
    }

    private mutating func add(
        _ record: JournalRecord,
        into target: any DiskFile
    ) throws(DiskError) {
        let payloadBytes = unsafe record.payload.count
        if !buffer.hasRoom(forPayloadBytes: payloadBytes) {
            try buffer.write(to: target)
            buffer.removeAll()
            let needed =
                payloadBytes + JournalFormat.recordHeaderBytes + JournalFormat.markBytes
            if buffer.capacity < needed { buffer = JournalBuffer(capacity: needed) }
        }
        let checksum = unsafe buffer.append(
            kind: record.kind,
            position: end,
            fileID: fileID,
            record.payload,
            UnsafeRawBufferPointer(start: nil, count: 0),
            payloadChecksum: Checksum.crc32c(record.payload)
        )
        chain.add(checksum)
        end += UInt64(JournalFormat.recordHeaderBytes + payloadBytes)
    }
}
