internal import MeterWire

/// Reads all files of a book, oldest first, and tells good entries, damage and torn ends apart.
///
/// An append is synced before the next one begins, so whatever has a later append or a seal after it was
/// durable, and bad bytes there are damage. Bad bytes with no such proof after them, in the newest file,
/// are the end of an append that was never acknowledged. The last append of all, when it is whole and no
/// byte follows it, may be durable or not: the caller writes it anew before trusting it.
struct BookScan {
    private(set) var recovery = BookRecovery()
    /// After the last entry that was visited.
    private(set) var head = BookHead.empty
    /// Where the next file must say that the newest one ends: after its last entry, without the seal,
    /// which nobody synced. Nil when there is none to continue.
    private(set) var end: (file: UInt32, offset: Int)?
    /// The newest number in any file name, also of files that were begun and never used.
    private(set) var newestFile: UInt32?
    /// Whether the newest file may be appended to: it ends with a seal.
    private(set) var isSealed = false
    /// The last append, if nobody can say whether it is durable: not among the visited entries.
    private(set) var doubtful: [BookEntry.Frame] = []

    private let visit: (BookEntry) -> Void
    private var pending: [Item] = []
    private var last: BookEntry.Frame?
    private var afterGap = false

    private enum Item {
        case entry(BookEntry.Frame, at: Int)
        case bad(from: Int, to: Int)

        var start: Int {
            switch self {
            case .entry(_, let offset): offset
            case .bad(let from, _): from
            }
        }
    }

    private struct OpenFile {
        let number: UInt32
        var reader: BookFileReader
        let header: BookFileHeader?
    }

    /// Reads everything; gives every good entry to `visit`, in order.
    init(_ disk: any Disk, visit: @escaping (BookEntry) -> Void) throws(DiskError) {
        self.visit = visit
        var files: [UInt32: OpenFile] = [:]
        for name in try disk.list() {
            guard let number = BookFileName.number(name) else { continue }
            var reader = try BookFileReader(try disk.open(name))
            let header = BookFileHeader(
                try reader.bytes(at: 0, count: BookFileHeader.byteCount)
            )
            files[number] = OpenFile(number: number, reader: reader, header: header)
        }
        newestFile = files.keys.max()
        let chain = try chain(of: files)
        for (index, file) in chain.enumerated() {
            let next = index + 1 < chain.count ? chain[index + 1] : nil
            try read(file, next: next)
        }
        recovery.entryCount = head.number
    }

    // MARK: which files

    /// The files that continue each other, oldest first; the others are reported.
    private mutating func chain(
        of files: [UInt32: OpenFile]
    ) throws(DiskError) -> [OpenFile] {
        var chain: [OpenFile] = []
        var linked: Set<UInt32> = []
        var wanted: UInt32?
        func older(than number: UInt32) -> UInt32? {
            files.keys.filter { $0 < number && !linked.contains($0) }.max()
        }
        for number in files.keys.sorted(by: >) {
            guard var file = files[number] else { continue }
            // A file that was begun and never used holds at most its head, which may not be durable:
            // nothing continues there.
            if file.reader.byteCount <= BookFileHeader.byteCount { continue }
            if file.header == nil {
                guard try Self.holdsEntries(&file.reader) else { continue }
            }
            wanted = number
            break
        }
        while let number = wanted {
            guard let file = files[number], linked.insert(number).inserted else {
                damage(BookFileName.name(number), 0, 0, .fileMissing)
                wanted = older(than: number)
                continue
            }
            chain.append(file)
            wanted = file.header.map { $0.previousFile } ?? older(than: number)
        }
        for number in files.keys.sorted() where !linked.contains(number) {
            guard var file = files[number], file.reader.byteCount > 0 else { continue }
            if try Self.holdsEntries(&file.reader) {
                damage(file.reader.name, 0, file.reader.byteCount, .fileUnlinked)
            } else {
                aside(file.reader.name, 0, file.reader.byteCount)
            }
        }
        return chain.reversed()
    }

    // MARK: one file

    private mutating func read(_ file: OpenFile, next: OpenFile?) throws(DiskError) {
        var reader = file.reader
        recovery.files.append(reader.name)
        check(file)
        let limit = try limit(of: file, next: next)
        var offset = min(BookFileHeader.byteCount, limit)
        end = (file.number, offset)
        isSealed = false
        while offset < limit {
            if let frame = try BookEntry.frame(in: &reader, at: offset) {
                settleAppends(before: frame, in: file)
                pending.append(.entry(frame, at: offset))
                offset += frame.bytes.count
                isSealed = false
            } else if let number = try BookSeal.number(in: &reader, at: offset) {
                settle(pending.count, in: file)
                if number != head.number, !afterGap {
                    damage(
                        reader.name,
                        offset,
                        offset + BookSeal.byteCount,
                        .wrongNumber(expected: number, found: head.number)
                    )
                }
                offset += BookSeal.byteCount
                isSealed = true
            } else {
                let good = try Self.nextGood(&reader, after: offset, limit: limit)
                pending.append(.bad(from: offset, to: good))
                offset = good
                isSealed = false
            }
        }
        if next == nil {
            finishNewest(file, limit: limit)
        } else {
            settle(pending.count, in: file)
        }
    }

    /// Compares the head of a file with what came before it, and continues where it says.
    private mutating func check(_ file: OpenFile) {
        guard let header = file.header else {
            damage(file.reader.name, 0, BookFileHeader.byteCount, .badHeader)
            return
        }
        let fits =
            header.file == file.number && header.first == head.number &+ 1
            && header.previousHash == head.hash
        if !fits {
            damage(file.reader.name, 0, BookFileHeader.byteCount, .headerMismatch)
            head = BookHead(number: header.first &- 1, hash: header.previousHash)
            last = nil
        }
    }

    /// How many bytes of a file are the book's; those after it were never acknowledged.
    private mutating func limit(of file: OpenFile, next: OpenFile?) throws(DiskError) -> Int {
        let byteCount = file.reader.byteCount
        guard let header = next?.header, header.previousFile == file.number else {
            return byteCount
        }
        guard let end = Int(exactly: header.previousEnd), end <= byteCount else {
            damage(
                file.reader.name,
                byteCount,
                Int(clamping: header.previousEnd),
                .unreadable
            )
            return byteCount
        }
        var reader = file.reader
        let isSealed = try BookSeal.number(in: &reader, at: end) != nil
        let rest = isSealed ? end + BookSeal.byteCount : end
        if rest < byteCount { aside(file.reader.name, rest, byteCount - rest) }
        return end
    }

    /// The end of the newest file: torn, doubtful, or neither.
    private mutating func finishNewest(_ file: OpenFile, limit: Int) {
        if case .bad(let from, let to)? = pending.last, pending.count > 1,
            case .entry(let frame, _) = pending[pending.count - 2], frame.follow == 0
        {
            // Something was begun after this append, so it was durable.
            settle(pending.count - 1, in: file)
            pending = []
            aside(file.reader.name, from, to - from)
            isSealed = false
            return
        }
        let frames = pending.compactMap { item in
            if case .entry(let frame, _) = item { frame } else { nil }
        }
        let isWhole =
            frames.count == pending.count && frames.first?.index == 0 && frames.last?.follow == 0
        if isWhole, !isSound(frames) {
            settle(pending.count, in: file)
            return
        }
        if let start = pending.first?.start {
            if isWhole {
                doubtful = frames
            } else {
                aside(file.reader.name, start, limit - start)
            }
            isSealed = false
        }
        pending = []
    }

    /// Whether these entries continue the book and can be understood.
    private func isSound(_ frames: [BookEntry.Frame]) -> Bool {
        var before = head
        for frame in frames {
            guard frame.number == before.number &+ 1, frame.previous == before.hash,
                (try? BookEntry(frame)) != nil
            else { return false }
            before = frame.head
        }
        return true
    }

    // MARK: appends

    /// Settles what the arrival of an entry proves to have been durable: every append before its own.
    private mutating func settleAppends(before frame: BookEntry.Frame, in file: OpenFile) {
        var proven = 0
        var previous = head.number
        for (index, item) in pending.enumerated() {
            switch item {
            case .entry(let other, _):
                if other.appendStart != frame.appendStart { proven = index + 1 }
                previous = other.number
            case .bad:
                // Bad bytes right after the append before this one belong to this one.
                if previous &+ 1 < frame.appendStart { proven = index + 1 }
            }
        }
        settle(proven, in: file)
    }

    /// Visits the first `count` pending items: they were durable, so that bad bytes are damage.
    private mutating func settle(_ count: Int, in file: OpenFile) {
        for item in pending.prefix(count) {
            switch item {
            case .bad(let from, let to):
                damage(file.reader.name, from, to, .unreadable)
                end = (file.number, to)
                afterGap = true
            case .entry(let frame, let offset):
                settle(frame, in: file, at: offset)
                end = (file.number, offset + frame.bytes.count)
            }
        }
        pending.removeFirst(count)
    }

    private mutating func settle(_ frame: BookEntry.Frame, in file: OpenFile, at offset: Int) {
        let name = file.reader.name
        let to = offset + frame.bytes.count
        if afterGap, frame.number > head.number {
            afterGap = false
        } else if frame.number != head.number &+ 1 {
            damage(
                name,
                offset,
                to,
                .wrongNumber(expected: head.number &+ 1, found: frame.number)
            )
        } else if frame.previous != head.hash {
            damage(name, offset, to, .chainBroken(at: frame.number))
        } else if let last, last.follow != 0, frame.index != last.index &+ 1 {
            damage(name, offset, to, .appendIncomplete(at: last.number))
        }
        head = frame.head
        last = frame
        do {
            visit(try BookEntry(frame))
        } catch {
            let reason = String("\(error)".prefix(300))
            damage(name, offset, to, .unknownDecision(number: frame.number, reason: reason))
        }
    }

    // MARK: findings

    private mutating func damage(_ file: String, _ from: Int, _ to: Int, _ kind: BookDamage.Kind) {
        recovery.damage.append(BookDamage(file: file, from: from, to: to, kind: kind))
    }

    private mutating func aside(_ file: String, _ from: Int, _ byteCount: Int) {
        recovery.aside.append(BookAside(file: file, from: from, byteCount: byteCount))
    }

    private static func holdsEntries(_ reader: inout BookFileReader) throws(DiskError) -> Bool {
        try nextGood(&reader, after: -1, limit: reader.byteCount) < reader.byteCount
    }

    /// The first offset after `offset` at which an entry or a seal begins; `limit` if there is none.
    private static func nextGood(
        _ reader: inout BookFileReader,
        after offset: Int,
        limit: Int
    ) throws(DiskError) -> Int {
        var candidate = offset + 1
        while candidate < limit {
            let bytes = try reader.bytes(at: candidate, count: 1 << 14)
            if bytes.isEmpty { break }
            for (index, byte) in bytes.enumerated() where byte == BookEntry.magic[0] {
                let position = candidate + index
                guard position < limit else { return limit }
                if try BookSeal.number(in: &reader, at: position) != nil { return position }
                if try BookEntry.frame(in: &reader, at: position) != nil { return position }
            }
            candidate += bytes.count
        }
        return limit
    }
}
