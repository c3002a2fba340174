package import MeterWire

/// Every id that is remembered: those since the last checkpoint in memory, earlier ones in files.
///
/// At a checkpoint the engine takes the table out and writes it without holding anybody up; the index goes on
/// answering from it until the file is there:
///
/// ```swift
/// let table = index.beginFlush()                                     // at position P
/// let file = try IdentifierFile.write(table, span: span, to: disk)   // beside ingest
/// index.endFlush(file)
/// ```
package struct IdentifierIndex: Sendable {
    private var table = IdentifierTable()
    private var flushing: IdentifierTable?
    /// In the order of their spans.
    package private(set) var files: [IdentifierFile]
    /// Whose ids all of them are.
    private var holders = IdentifierHolders()

    /// Begins with the files of a checkpoint, in the order of their spans.
    package init(files: [IdentifierFile] = []) {
        self.files = files
        for file in files { holders.add(file.holders) }
    }

    /// Entries that are in no file yet.
    package var pendingCount: Int { table.count + (flushing?.count ?? 0) }
    /// Bytes of the tables in memory, without the files' filters.
    package var memoryByteCount: Int {
        table.memoryByteCount + (flushing?.memoryByteCount ?? 0)
    }

    /// What is remembered under a hash; nil if nothing is, or it was received before `receivedSince`.
    ///
    /// - Throws: Where a file cannot be read: then nobody knows, and the event is to be deferred.
    /// - Complexity: O(files); reads a block only where a filter says that the hash may be there.
    package func entry(
        _ hash: IdentifierHash,
        receivedSince: Minute
    ) throws(SealedFileError) -> IdentifierEntry? {
        if let entry = table[hash] ?? flushing?[hash] {
            return entry.received >= receivedSince ? entry : nil
        }
        for file in files.reversed() where file.latest >= receivedSince {
            if let entry = try file.entry(hash) {
                return entry.received >= receivedSince ? entry : nil
            }
        }
        return nil
    }

    /// Remembers an event of a principal.
    package mutating func insert(_ entry: IdentifierEntry, of principal: PrincipalID) {
        table.insert(entry)
        table.holders.add(1, of: principal, received: entry.received)
        holders.add(1, of: principal, received: entry.received)
    }

    /// In how many minutes there is room for `count` more ids of a principal within its budget; nil where
    /// there is room now.
    mutating func minutesUntilRoom(
        for count: UInt64, of principal: PrincipalID, budget: UInt64, receivedSince: Minute
    ) -> Int64? {
        let held = holders.count(of: principal, since: receivedSince)
        guard held + count > budget else { return nil }
        return holders.minutes(
            untilFree: held + count - budget, of: principal, since: receivedSince)
    }

    /// How many ids of a principal are remembered.
    mutating func count(of principal: PrincipalID, receivedSince: Minute) -> UInt64 {
        holders.count(of: principal, since: receivedSince)
    }

    /// Takes out what was inserted so far; it stays readable here until `endFlush`.
    package mutating func beginFlush() -> IdentifierTable {
        precondition(flushing == nil, "one flush ends before the next begins")
        let taken = table
        flushing = taken
        table = IdentifierTable()
        return taken
    }

    /// The flushed table is now in a file, whose span follows those of the other files.
    package mutating func endFlush(_ file: IdentifierFile) {
        precondition(flushing != nil, "a flush that ends has begun")
        precondition(
            files.last.map { $0.span.to == file.span.from } ?? true,
            "the new file begins where the last one ends"
        )
        files.append(file)
        flushing = nil
    }

    /// A merged file takes over from its inputs.
    package mutating func replace(_ inputs: [IdentifierFile], by merged: IdentifierFile) {
        guard let start = files.firstIndex(where: { $0.span == inputs.first?.span }) else {
            preconditionFailure("the inputs of a merge are files of the index")
        }
        let range = start..<start + inputs.count
        precondition(
            range.upperBound <= files.count
                && files[range].map(\.span) == inputs.map(\.span)
                && merged.span
                    == JournalSpan(
                        from: files[start].span.from,
                        to: files[range.upperBound - 1].span.to
                    ),
            "a merged file covers what its inputs cover"
        )
        files.replaceSubrange(range, with: [merged])
    }
}
