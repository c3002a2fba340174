/// Reads the records of all files in order, each file up to where the next one says that it ends.
struct JournalReplay {
    let disk: any Disk
    let files: JournalFiles
    let end: UInt64

    func run<Failure: Error>(
        from position: UInt64,
        _ body: (JournalRecord) throws(Failure) -> Void
    ) throws(ReplayError<Failure>) -> JournalReading {
        var reading = JournalReading()
        if let first = files.files.first, position < first.header.start {
            reading.damaged.append(
                JournalDamage(
                    file: first.name,
                    from: position,
                    to: first.header.start,
                    cause: .missing
                )
            )
        }
        for index in files.files.indices {
            try read(index, from: position, into: &reading, body)
        }
        return reading
    }

    /// Reads what one file has from a position on.
    func read<Failure: Error>(
        _ index: Int,
        from position: UInt64,
        into reading: inout JournalReading,
        _ body: (JournalRecord) throws(Failure) -> Void
    ) throws(ReplayError<Failure>) {
        let file = files.files[index]
        let from = max(position, file.header.start)
        let to = files.end(index, newestEnd: end)
        guard from < to else { return }
        if files.isReplaced(index) {
            reading.damaged.append(
                JournalDamage(file: file.name, from: from, to: to, cause: .foreign)
            )
            return
        }
        try read(file, from: from, to: to, into: &reading, body)
    }

    private func read<Failure: Error>(
        _ file: JournalFile,
        from: UInt64,
        to: UInt64,
        into reading: inout JournalReading,
        _ body: (JournalRecord) throws(Failure) -> Void
    ) throws(ReplayError<Failure>) {
        var reader: JournalReader
        do throws(DiskError) {
            reader = try JournalReader(try disk.open(file.name), file.header, from: from, to: to)
        } catch {
            throw .journal(.disk(error))
        }
        while true {
            switch reader.next() {
            case .record(let record):
                do throws(Failure) { try body(record) } catch { throw .body(error) }
                reading.recordCount += 1
            case .mark(_, let groupStart, let position, _, _, let agrees):
                if !agrees {
                    reading.damaged.append(
                        JournalDamage(
                            file: file.name,
                            from: groupStart,
                            to: position,
                            cause: .sequence
                        )
                    )
                }
            case .bad(let from, let to, let cause):
                reading.damaged.append(
                    JournalDamage(file: file.name, from: from, to: to, cause: cause)
                )
            case .zeros(let from, let to):
                reading.damaged.append(
                    JournalDamage(file: file.name, from: from, to: to, cause: .checksum)
                )
            case .end:
                return
            }
        }
    }
}
