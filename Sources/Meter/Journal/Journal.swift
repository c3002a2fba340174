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

    enum State: Sendable {
        case open
        case failed(DiskError)
        case finished
    }

    /// What appenders share.
    struct Front: Sendable {
        var state = State.open
        var active: JournalBuffer
        /// Of the file to which the active buffer will be written.
        var fileID: UInt64
        var chain: JournalChain
        var appended: UInt64
        var isCommitterAsleep = false
        var isStopping = false
        /// The next wait for an append is to return at once.
        var isCommitterCalled = false
    }

    /// What the committer owns. Its lock is taken before the front's, and held over disk calls.
    struct Back: Sendable {
        var writer: JournalWriter
        /// Empty between commits.
        var spare: JournalBuffer
        /// Set when the active buffer is for a file that is not begun yet.
        var nextFileID: UInt64?
    }

    let disk: any Disk
    let options: Options
    let front: Mutex<Front>
    let back: Mutex<Back>
    let appendedPosition: Atomic<UInt64>
    let durablePosition: Atomic<UInt64>
    let sleeper = JournalSleeper()

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
}
