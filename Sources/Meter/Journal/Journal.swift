internal import MeterWire
internal import Synchronization

/// The write-ahead log: opaque records, made durable in groups.
///
/// A record is in memory when `append` returns and durable when `durable` has reached its end. Any number
/// of threads append; one, the committer, commits. Positions are byte offsets over the whole life of the
/// journal, marks included; they are handed out in the order of the records and never go back below
/// `durable`.
///
/// ```
///  append ──► active buffer ─┐          ┌─► append to the file, sync ──► durable
///  append ──►   (a memcpy)   ├─ commit ─┤
///  append ──► ...            ┘  (swap)  └─► on an error: failed, nothing more is taken
/// ```
///
/// After a failed commit the journal refuses until `restart`, and what it held above `durable` never
/// comes back. The file that failed is never written or synced again: the kernel marks the pages of a
/// failed sync clean, so a second sync would succeed without having written them.
package final class Journal: Sendable {
    package struct Options: Sendable {
        /// The commit that makes a file reach this many bytes is its last.
        package var fileBytesMax: Int
        /// Appended bytes that one commit takes at most, and the largest record with what surrounds it
        /// (64 bytes). Two buffers of this size are reserved.
        package var bufferBytesMax: Int

        package init(fileBytesMax: Int = 256 << 20, bufferBytesMax: Int = 16 << 20) {
            self.fileBytesMax = fileBytesMax
            self.bufferBytesMax = bufferBytesMax
        }
    }

    /// Kinds that records may have; the others are the journal's own.
    package static let kinds: ClosedRange<UInt8> = 1...(JournalFormat.reservedKind - 1)

    private enum State: Sendable {
        case open
        case failed(DiskError)
        case finished
    }

    /// What appenders share.
    private struct Front: Sendable {
        var state = State.open
        var active: JournalBuffer
        /// Of the file to which the active buffer will be written.
        var fileID: UInt64
        var chain: JournalChain
        var appended: UInt64
        var isCommitterAsleep = false
        var isStopping = false
    }

    /// What the committer owns. Its lock is taken before the front's, and held over disk calls.
    private struct Back: Sendable {
        var writer: JournalWriter
        /// Empty between commits.
        var spare: JournalBuffer
        /// Set when the active buffer is for a file that is not begun yet.
        var nextFileID: UInt64?
    }

    private let disk: any Disk
    private let options: Options
    private let front: Mutex<Front>
    private let back: Mutex<Back>
    private let appendedPosition: Atomic<UInt64>
    private let durablePosition: Atomic<UInt64>
    private let sleeper = JournalSleeper()

    private init(
        _ disk: any Disk,
        _ options: Options,
        _ writer: JournalWriter,
        _ tail: JournalTail
    ) {
        self.disk = disk
        self.options = options
        front = Mutex(
            Front(
                active: JournalBuffer(capacity: options.bufferBytesMax),
                fileID: tail.fileID,
                chain: tail.chain,
                appended: tail.end
            )
        )
        back = Mutex(
            Back(writer: writer, spare: JournalBuffer(capacity: options.bufferBytesMax))
        )
        appendedPosition = Atomic(tail.end)
        durablePosition = Atomic(tail.end)
    }

    // MARK: - Opening

    /// Opens the journal in a directory, or creates it, and replays every record from `checkpoint` on.
    ///
    /// What is replayed is durable: whole records at the end for which no mark claims that they were
    /// synced are copied into the new file, which every opening begins. A torn end is copied into a file
    /// of its own and named in the result, and so is every damaged range; good records around damage are
    /// replayed.
    ///
    /// - Parameters:
    ///   - checkpoint: a record's position or end, or 0; everything before it is known to be covered
    ///     elsewhere, and to have been durable.
    ///   - random: for the ids of the files, three numbers at most.
    /// - Throws: `.journal` if the disk refuses; nothing is lost, and it can be tried again. `.body` with
    ///   what `replay` threw.
    /// - Complexity: reads the newest file twice and the others from the checkpoint on once.
    package static func open<Failure: Error>(
        disk: any Disk,
        from checkpoint: UInt64,
        options: Options = Options(),
        random: inout some RandomNumberGenerator,
        replay body: (JournalRecord) throws(Failure) -> Void
    ) throws(ReplayError<Failure>) -> (Journal, JournalRecovery) {
        precondition(
            options.bufferBytesMax > 64,
            "a buffer has room for a record and what surrounds it"
        )
        var opening = JournalOpening(disk, checkpoint: checkpoint)
        let journal: Journal
        do throws(JournalError) {
            let (writer, tail) = try opening.run(
                random: &random,
                transferBytes: min(options.bufferBytesMax, 1 << 20)
            )
            journal = Journal(disk, options, writer, tail)
        } catch {
            throw .journal(error)
        }
        let reading = try journal.replay(from: checkpoint, body)
        var recovery = opening.recovery
        recovery.recordCount = reading.recordCount
        recovery.damaged += reading.damaged
        return (journal, recovery)
    }

    // MARK: - Appending

    /// Where the next record begins: all that was appended ends here.
    package var appended: UInt64 { appendedPosition.load(ordering: .acquiring) }

    /// Up to where everything is synced.
    package var durable: UInt64 { durablePosition.load(ordering: .acquiring) }

    /// Why the journal takes no more records until `restart`; nil while all is well.
    package var failure: DiskError? {
        front.withLock { front in
            if case .failed(let error) = front.state { error } else { nil }
        }
    }

    /// The largest payload that `append` can ever take.
    package var payloadBytesMax: Int {
        let overhead = JournalFormat.recordHeaderBytes + JournalFormat.markBytes
        return min(options.bufferBytesMax - overhead, JournalFormat.payloadBytesMax)
    }

    /// Copies one record into the buffer of the next commit.
    ///
    /// The payload is `head` followed by `body`, so that a caller need not join them; together at most
    /// `payloadBytesMax` bytes.
    ///
    /// - Returns: the record's end, durable when `durable` has reached it; nil when the buffer is full
    ///   (a commit makes room), or the journal has failed or is finished.
    /// - Complexity: one pass for the checksum outside the lock, one copy inside; allocates nothing.
    package func append(
        kind: UInt8,
        _ head: UnsafeRawBufferPointer,
        _ body: UnsafeRawBufferPointer
    ) -> UInt64? {
        precondition(Self.kinds.contains(kind), "the kind of a record is one of Journal.kinds")
        let payloadBytes = head.count + body.count
        precondition(payloadBytes <= payloadBytesMax, "a payload has at most payloadBytesMax bytes")
        let checksum = unsafe Checksum.crc32c(body, continuing: Checksum.crc32c(head))
        let (end, isCommitterAsleep) = front.withLock { front -> (UInt64?, Bool) in
            guard case .open = front.state,
                front.active.hasRoom(forPayloadBytes: payloadBytes)
            else { return (nil, false) }
            let recordChecksum = unsafe front.active.append(
                kind: kind,
                position: front.appended,
                fileID: front.fileID,
                head,
                body,
                payloadChecksum: checksum
            )
            front.chain.add(recordChecksum)
            front.appended += UInt64(JournalFormat.recordHeaderBytes + payloadBytes)
            appendedPosition.store(front.appended, ordering: .releasing)
            defer { front.isCommitterAsleep = false }
            return (front.appended, front.isCommitterAsleep)
        }
        if isCommitterAsleep { sleeper.wake() }
        return end
    }

    // MARK: - Committing

    /// Writes and syncs everything appended so far; only the committer calls this.
    ///
    /// - Returns: `durable`, which now covers all that was appended before the call.
    /// - Throws: what the disk refused. The journal has failed: `append` returns nil and `commit` throws
    ///   the same error until `restart`.
    @discardableResult
    package func commit() throws(DiskError) -> UInt64 {
        try back.withLock { back throws(DiskError) in
            try commit(&back)
            return durable
        }
    }

    /// Sleeps until there is something to commit; only the committer calls this.
    ///
    /// - Returns: true if there are appended records, or the journal has failed; false if there are none
    ///   and `stopWaiting` was called.
    package func waitForAppend() -> Bool {
        while true {
            let answer = front.withLock { front -> Bool? in
                if case .failed = front.state { return true }
                if front.active.count > 0 { return true }
                if front.isStopping { return false }
                front.isCommitterAsleep = true
                return nil
            }
            if let answer { return answer }
            sleeper.sleep()
        }
    }

    /// Makes `waitForAppend` return false from now on when there is nothing left to commit.
    package func stopWaiting() {
        let isCommitterAsleep = front.withLock { front in
            front.isStopping = true
            defer { front.isCommitterAsleep = false }
            return front.isCommitterAsleep
        }
        if isCommitterAsleep { sleeper.wake() }
    }

    /// After a failed commit: gives up everything above `durable` and goes on in a new file, whose header
    /// says that the old one ends there.
    ///
    /// Afterwards `appended` is `durable`. The caller rebuilds what it has derived from records above it,
    /// with `replay`, before it appends again. Does nothing if the journal has not failed.
    ///
    /// - Throws: what the disk refused; the journal is still failed, and it can be tried again.
    package func restart() throws(DiskError) {
        try back.withLock { back throws(DiskError) in
            guard failure != nil else { return }
            let fileID = back.writer.nextFileID
            let start = durable
            try back.writer.begin(fileID: fileID, at: start, .givenUp)
            back.nextFileID = nil
            front.withLock { front in
                front.active.removeAll()
                front.fileID = fileID
                front.chain = JournalChain()
                front.appended = start
                appendedPosition.store(start, ordering: .releasing)
                front.state = .open
            }
        }
    }

    /// Commits, and marks the end, so that the next opening knows that nothing is torn. Nothing can be
    /// appended afterwards. Does nothing the second time.
    ///
    /// - Throws: what the disk refused; the journal has failed, and all below `durable` is safe.
    package func finish() throws(DiskError) {
        try back.withLock { back throws(DiskError) in
            let isFirst = try front.withLock { front throws(DiskError) in
                switch front.state {
                case .failed(let error): throw error
                case .finished: return false
                case .open: front.state = .finished
                }
                return true
            }
            guard isFirst else { return }
            try commit(&back)
            do throws(DiskError) {
                try beginNextFile(&back)
                let end = front.withLock { front in
                    let mark = JournalMark(
                        durable: front.appended,
                        recordCount: front.chain.recordCount,
                        chain: front.chain.checksum
                    )
                    back.spare.append(
                        mark,
                        kind: JournalFormat.finishKind,
                        position: front.appended,
                        fileID: front.fileID
                    )
                    front.appended += UInt64(JournalFormat.markBytes)
                    appendedPosition.store(front.appended, ordering: .releasing)
                    return front.appended
                }
                try back.writer.write(back.spare)
                back.spare.removeAll()
                durablePosition.store(end, ordering: .releasing)
            } catch {
                fail(error, &back)
                throw error
            }
        }
    }

    // MARK: - Reading

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
            try back.writer.remove(below: min(position, durable), keeping: keptBytes)
        }
    }

    // MARK: -

    private func commit(_ back: inout Back) throws(DiskError) {
        let isEmpty = try front.withLock { front throws(DiskError) in
            if case .failed(let error) = front.state { throw error }
            return front.active.count == 0
        }
        if isEmpty { return }
        do throws(DiskError) {
            try beginNextFile(&back)
            let end = takeGroup(&back)
            try back.writer.write(back.spare)
            back.spare.removeAll()
            durablePosition.store(end, ordering: .releasing)
        } catch {
            fail(error, &back)
            throw error
        }
    }

    /// Begins the file for which the active buffer's records are made, if the one before it was full.
    private func beginNextFile(_ back: inout Back) throws(DiskError) {
        guard let fileID = back.nextFileID else { return }
        try back.writer.begin(fileID: fileID, at: durable, .rotated)
        back.nextFileID = nil
    }

    /// Puts a mark behind the appended records and exchanges the buffers; returns the mark's end.
    private func takeGroup(_ back: inout Back) -> UInt64 {
        let durable = durable
        let fileBytes = back.writer.fileBytes
        let nextFileID = back.writer.nextFileID
        let spare = back.spare
        let (group, end, isLastOfFile) = front.withLock { front in
            let group = front.active
            let mark = JournalMark(
                durable: durable,
                recordCount: front.chain.recordCount,
                chain: front.chain.checksum
            )
            group.append(
                mark,
                kind: JournalFormat.commitKind,
                position: front.appended,
                fileID: front.fileID
            )
            front.appended += UInt64(JournalFormat.markBytes)
            appendedPosition.store(front.appended, ordering: .releasing)
            front.active = spare
            let isLastOfFile = fileBytes + group.count >= options.fileBytesMax
            if isLastOfFile {
                front.fileID = nextFileID
                front.chain = JournalChain()
            }
            return (group, front.appended, isLastOfFile)
        }
        back.spare = group
        back.nextFileID = isLastOfFile ? nextFileID : nil
        return end
    }

    private func fail(_ error: DiskError, _ back: inout Back) {
        back.spare.removeAll()
        front.withLock { front in front.state = .failed(error) }
    }
}
