package import MeterWire
internal import Synchronization

/// The append-only, hash-chained log of every decision: *what was decided*.
///
/// It is the audit log, and its open intents are the reporter's outbox. Nothing counts before it is
/// durable: ``append(_:author:at:)-(Decision,_,_)`` returns when the decision is synced, and ``state`` shows only such
/// decisions. After a failed write or sync the file is never written again; the next append begins a new
/// one, whose head says where the old one ends.
///
/// Any thread may append (one at a time) and read the state (without waiting for the disk).
package final class Book: Sendable {
    fileprivate struct Writer {
        /// What the next append goes to; nil when a new file must be begun.
        var file: (any DiskFile)?
        /// Where that file's bytes end.
        var byteCount = 0
        /// Where the last durable entry ends, for the head of the next file.
        var end: (file: UInt32, offset: Int)?
        var newestFile: UInt32?
        var damage: BookDamage?
    }

    private let disk: any Disk
    // Held over the sync; `current` only for the time of a copy.
    private let writer: Mutex<Writer>
    private let current: Mutex<BookState>

    private init(disk: any Disk, writer: Writer, state: BookState) {
        self.disk = disk
        self.writer = Mutex(writer)
        current = Mutex(state)
    }

    /// Every decision that is durable, as of now; a value that never changes.
    package var state: BookState { current.withLock { $0 } }

    /// Reads the book and makes it ready for appending.
    ///
    /// A book that does not exist is empty; its file is made by the first append. Where the last append
    /// may not be durable it is written anew before this returns. A damaged book opens too, with what is
    /// good: the caller must look at `recovery.damage`, since a lost entry may be a revoked key.
    ///
    /// - Parameters:
    ///   - known: A head that the book had before; a book that lost it or was written anew is damaged.
    ///   - visit: Gets every good entry, in order.
    /// - Throws: `BookError.disk`.
    /// - Complexity: Reads the whole book, in bounded memory.
    package static func open(
        _ disk: any Disk,
        known: BookHead? = nil,
        visit: ((BookEntry) -> Void)? = nil
    ) throws(BookError) -> (book: Book, state: BookState, recovery: BookRecovery) {
        var state = BookState()
        var knownHash: BookHash?
        func take(_ entry: BookEntry) {
            state.apply(entry)
            if entry.number == known?.number { knownHash = entry.hash }
            visit?(entry)
        }
        do throws(DiskError) {
            let scan = try BookScan(disk, visit: take)
            var recovery = scan.recovery
            var writer = Writer(
                file: nil,
                end: scan.end,
                newestFile: scan.newestFile,
                damage: recovery.damage.first
            )
            if writer.damage == nil {
                if !scan.doubtful.isEmpty {
                    let frames = scan.doubtful
                    let bytes = frames.flatMap(\.bytes)
                    try writer.begin(on: disk, after: scan.head)
                    try writer.write(bytes, lastNumber: frames[frames.count - 1].number)
                    recovery.secured = frames.count
                } else if scan.isSealed, let end = scan.end {
                    let file = try disk.open(BookFileName.name(end.file))
                    writer.byteCount = try file.byteCount()
                    writer.file = file
                }
            }
            for frame in scan.doubtful {
                guard let entry = try? BookEntry(frame) else { continue }
                take(entry)
                recovery.entryCount = entry.number
            }
            if let known, known.number > 0, knownHash != known.hash {
                recovery.damage.append(
                    BookDamage(
                        file: recovery.files.last ?? BookFileName.name(0),
                        from: 0,
                        to: 0,
                        kind: state.head.number < known.number
                            ? .cut(expected: known.number, found: state.head.number)
                            : .rewritten(number: known.number)
                    )
                )
            }
            writer.damage = recovery.damage.first
            return (Book(disk: disk, writer: writer, state: state), state, recovery)
        } catch {
            throw .disk(error)
        }
    }

    /// Reads a book without changing anything on the disk: for `verify`, `inspect` and `book tail`.
    ///
    /// - Returns: What was found; an append at the end that may not be durable is visited, too.
    package static func read(
        _ disk: any Disk,
        visit: @escaping (BookEntry) -> Void
    ) throws(DiskError) -> BookRecovery {
        let scan = try BookScan(disk, visit: visit)
        var recovery = scan.recovery
        for frame in scan.doubtful {
            guard let entry = try? BookEntry(frame) else { continue }
            visit(entry)
            recovery.entryCount = entry.number
        }
        return recovery
    }

    /// Books one decision; see the form with several.
    @discardableResult
    package func append(
        _ decision: Decision,
        author: String,
        at time: Timestamp
    ) throws(BookError) -> [BookEntry] {
        try append([decision], author: author, at: time)
    }

    /// Books decisions that belong together, all or none, with one sync.
    ///
    /// - Parameters:
    ///   - author: Who decided: a person, `reporter`, `server`.
    ///   - time: Now, UTC.
    /// - Returns: The entries, durable.
    /// - Throws: ``BookError``; nothing was decided then, and ``state`` is as before.
    @discardableResult
    package func append(
        _ decisions: [Decision],
        author: String,
        at time: Timestamp
    ) throws(BookError) -> [BookEntry] {
        try append(author: author, at: time) { _ in decisions }
    }

    /// Books what is decided in sight of everything that was decided before: no other append comes between
    /// the state that `decide` is shown and the entries. Else as the form with several.
    @discardableResult
    package func append(
        author: String,
        at time: Timestamp,
        _ decide: (BookState) -> [Decision]
    ) throws(BookError) -> [BookEntry] {
        try writer.withLock { writer throws(BookError) in
            var next = state
            let decisions = decide(next)
            guard !decisions.isEmpty else { return [] }
            if let damage = writer.damage { throw .damaged(damage) }
            let head = next.head
            let (entries, bytes) = try Self.encode(
                decisions,
                author: author,
                at: time,
                onto: &next
            )
            do throws(DiskError) {
                if writer.file == nil { try writer.begin(on: disk, after: head) }
                try writer.write(bytes, lastNumber: next.head.number)
            } catch {
                throw .disk(error)
            }
            current.withLock { $0 = next }
            return entries
        }
    }

    /// The entries that decisions would be, as ``append(_:author:at:)`` would book them; nothing is booked.
    ///
    /// - Throws: ``BookError``, as booking them would but for the disk's failures.
    package func rehearse(
        _ decisions: [Decision],
        author: String,
        at time: Timestamp
    ) throws(BookError) -> [BookEntry] {
        try writer.withLock { writer throws(BookError) in
            if let damage = writer.damage { throw .damaged(damage) }
            var next = state
            return try Self.encode(decisions, author: author, at: time, onto: &next).0
        }
    }

    /// Checks and applies each decision, and makes the entries' bytes.
    private static func encode(
        _ decisions: [Decision],
        author: String,
        at time: Timestamp,
        onto state: inout BookState
    ) throws(BookError) -> ([BookEntry], [UInt8]) {
        guard decisions.count <= UInt16.max else {
            throw .refused(.tooManyAtOnce(limit: Int(UInt16.max)))
        }
        var entries: [BookEntry] = []
        var bytes: [UInt8] = []
        for (index, decision) in decisions.enumerated() {
            if let refusal = state.refusal(of: decision) { throw .refused(refusal) }
            guard let payload = try? BookEntry.payload(author: author, decision: decision) else {
                throw .refused(.notEncodable)
            }
            guard payload.count <= BookEntry.payloadByteCountMax else {
                throw .tooLarge(byteCount: payload.count, limit: BookEntry.payloadByteCountMax)
            }
            let number = state.head.number &+ 1
            let previous = state.head.hash
            let entryBytes = BookEntry.encode(
                number: number,
                index: UInt16(index),
                follow: UInt16(decisions.count - 1 - index),
                time: time,
                previous: previous,
                payload: payload
            )
            let entry = BookEntry(
                number: number,
                time: time,
                previous: previous,
                author: author,
                decision: decision,
                hash: BookHash(of: entryBytes)
            )
            state.apply(entry)
            entries.append(entry)
            bytes += entryBytes
        }
        return (entries, bytes)
    }
}

extension Book.Writer {
    /// Makes the next file durable, head and name, and makes it the one to append to.
    ///
    /// After a failure the number is used up: a file of that name may be there after a power cut.
    mutating func begin(on disk: any Disk, after head: BookHead) throws(DiskError) {
        let number = newestFile.map { $0 &+ 1 } ?? 0
        newestFile = number
        let header = BookFileHeader(
            file: number,
            previousFile: end?.file,
            previousEnd: UInt64(end?.offset ?? 0),
            first: head.number &+ 1,
            previousHash: head.hash
        )
        let new = try disk.create(BookFileName.name(number))
        try new.appendBytes(header.bytes)
        try new.sync()
        try disk.syncDirectory()
        file = new
        byteCount = BookFileHeader.byteCount
        end = (number, byteCount)
    }

    /// Appends and syncs; then seals, which needs no sync of its own.
    mutating func write(_ bytes: [UInt8], lastNumber: UInt64) throws(DiskError) {
        guard let target = file, let start = end else { return }
        do throws(DiskError) {
            try target.appendBytes(bytes)
            try target.sync()
        } catch {
            file = nil
            throw error
        }
        byteCount += bytes.count
        end = (start.file, byteCount)
        do throws(DiskError) {
            try target.appendBytes(BookSeal.bytes(number: lastNumber))
            byteCount += BookSeal.byteCount
        } catch {
            // The decisions are durable and count; only this file is not to be trusted further.
            file = nil
        }
    }
}
