internal import Synchronization

extension Journal {
    /// Reads every record in `[position, durable)` in order.
    ///
    /// Damaged ranges are in the result, and the good records around them are read.
    ///
    /// - Parameter position: a record's position or end, or a position that no file holds any more (the
    ///   missing range is reported).
    /// - Throws: `.body` with what `body` threw, which ends the reading; `.journal` if a file cannot be
    ///   opened.
    package func replay<Failure: Error>(
        from position: UInt64,
        _ body: (JournalRecord) throws(Failure) -> Void
    ) throws(ReplayError<Failure>) -> JournalReading {
        let (files, end) = back.withLock { back in (back.writer.files, durable) }
        return try JournalReplay(disk: disk, files: files, end: end).run(from: position, body)
    }

    /// Bytes of all files of the journal.
    package var byteCount: Int { back.withLock { back in back.writer.byteCount } }

    /// Where the oldest record that is still kept may begin.
    package var keptFrom: UInt64 {
        back.withLock { back in back.writer.files.files.first?.header.start ?? durable }
    }

    /// Removes whole files, from the oldest, that end at or below `position`, as long as at least
    /// `keptBytes` of journal remain.
    ///
    /// - Returns: the names of the removed files.
    /// - Throws: what the disk refused; the journal goes on, and it can be tried again.
    @discardableResult
    package func removeFiles(
        below position: UInt64,
        keepingBytes keptBytes: Int
    ) throws(DiskError) -> [String] {
        try back.withLock { back throws(DiskError) in
            try back.writer.remove(below: min(position, durable)) { $1 >= keptBytes }
        }
    }

    /// Removes whole files, from the oldest, that end at or below `position`, as long as `isReleased` says of
    /// a file's span that it is needed no more.
    ///
    /// - Returns: the names of the removed files.
    /// - Throws: what the disk refused; the journal goes on, and it can be tried again.
    func removeFiles(
        below position: UInt64,
        where isReleased: (JournalSpan) -> Bool
    ) throws(DiskError) -> [String] {
        try back.withLock { back throws(DiskError) in
            try back.writer.remove(below: min(position, durable)) { file, _ in
                let start = file.header.start
                return isReleased(JournalSpan(from: start, to: file.end ?? start))
            }
        }
    }
}
