internal import MeterWire

/// One record as it lies in the journal.
@safe
package struct JournalRecord {
    package let position: UInt64
    package let end: UInt64
    package let kind: UInt8
    /// Valid until the function that was handed the record returns.
    package let payload: UnsafeRawBufferPointer
}

/// What lies at the reader's place.
@safe
enum JournalItem {
    case record(JournalRecord)
    /// `agrees`: the records from `groupStart` on are those that the mark counts.
    case mark(
        JournalMark,
        groupStart: UInt64,
        position: UInt64,
        end: UInt64,
        isFinish: Bool,
        agrees: Bool
    )
    /// Nothing valid begins in this range.
    case bad(from: UInt64, to: UInt64, JournalDamage.Cause)
    /// Nothing but zeros up to the end.
    case zeros(from: UInt64, to: UInt64)
    case end
}

/// Reads one journal file forward, from a position to a limit, and gets back on its feet after damage:
/// a record is believed when its checksum, salted with this file's id, is right and it states the very
/// position at which it lies, so the next good record is found by looking for its position.
///
/// Memory: one window of `windowBytes`, larger only for a larger record that the file really has room for.
@safe
struct JournalReader: ~Copyable {
    private static let windowBytes = 1 << 20
    private static let pieceBytes = 4096

    private let file: any DiskFile
    private let header: JournalFileHeader
    /// Offsets in the file: where reading ends, and where the file itself ends.
    private let limit: Int
    private var available: Int
    private var offset: Int
    private var window: UnsafeMutableRawBufferPointer
    private var windowStart = 0
    private var windowCount = 0
    private var chain: JournalChain?
    private var groupStart: UInt64
    /// Offsets that the disk refused to read, and how it refused first.
    private var unreadable: [Range<Int>] = []
    private(set) var readFailure: DiskError?

    /// Reads `[from, to)`, of which `from` is not before the file's start.
    init(
        _ file: any DiskFile,
        _ header: JournalFileHeader,
        from: UInt64,
        to: UInt64
    ) throws(DiskError) {
        precondition(from >= header.start, "a file is read from its start or later")
        self.file = file
        self.header = header
        limit = JournalFormat.headerBytes + Int(clamping: max(from, to) - header.start)
        available = min(limit, try file.byteCount())
        offset = JournalFormat.headerBytes + Int(clamping: from - header.start)
        groupStart = from
        chain = from == header.start ? JournalChain() : nil
        unsafe window = .allocate(
            byteCount: min(Self.windowBytes, max(Self.pieceBytes, available)),
            alignment: 4096
        )
    }

    deinit { unsafe window.deallocate() }

    /// Where the file's bytes end, in positions.
    var fileEnd: UInt64 { position(of: max(available, JournalFormat.headerBytes)) }

    /// The next item; the payload of a record is valid until the next call.
    mutating func next() -> JournalItem {
        let from = offset
        guard from < available else {
            guard from < limit else { return .end }
            offset = limit
            lose(until: limit)
            return .bad(from: position(of: from), to: position(of: limit), .missing)
        }
        if let item = parse(at: from) { return step(over: item) }
        let (resume, onlyZeros) = scan(from: from)
        offset = resume
        lose(until: resume)
        if onlyZeros, resume == available {
            return .zeros(from: position(of: from), to: position(of: resume))
        }
        let refused = unreadable.contains { $0.overlaps(from..<resume) }
        return .bad(
            from: position(of: from),
            to: position(of: resume),
            refused ? .unreadable : .checksum
        )
    }

    /// Copies `[from, to)` as it is, for keeping aside.
    mutating func copy(
        from: UInt64,
        to: UInt64,
        into target: any DiskFile
    ) throws(DiskError) {
        var place = JournalFormat.headerBytes + Int(clamping: from - header.start)
        let end = min(available, JournalFormat.headerBytes + Int(clamping: to - header.start))
        while place < end {
            let count = min(load(at: place, atMost: Self.windowBytes), end - place)
            if count == 0 { return }
            let index = place - windowStart
            try unsafe target.append(
                UnsafeRawBufferPointer(rebasing: window[index..<(index + count)])
            )
            place += count
        }
    }

    // MARK: -

    private struct Parsed {
        let kind: UInt8
        let payloadOffset: Int
        let payloadBytes: Int
        let checksum: UInt32
    }

    private func position(of offset: Int) -> UInt64 {
        header.start + UInt64(offset - JournalFormat.headerBytes)
    }

    private mutating func step(over item: Parsed) -> JournalItem {
        let start = position(of: offset)
        offset = item.payloadOffset + item.payloadBytes
        let end = position(of: offset)
        let index = item.payloadOffset - windowStart
        let payload = unsafe UnsafeRawBufferPointer(
            rebasing: window[index..<(index + item.payloadBytes)]
        )
        guard item.kind >= JournalFormat.reservedKind else {
            chain?.add(item.checksum)
            return unsafe .record(
                JournalRecord(position: start, end: end, kind: item.kind, payload: payload)
            )
        }
        let mark = unsafe JournalMark(
            durable: UInt64(littleEndian: payload.loadUnaligned(as: UInt64.self)),
            recordCount: UInt64(
                littleEndian: payload.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            ),
            chain: UInt32(
                littleEndian: payload.loadUnaligned(fromByteOffset: 16, as: UInt32.self)
            )
        )
        let stated = JournalChain(recordCount: mark.recordCount, checksum: mark.chain)
        let agrees = chain == nil || chain == stated
        chain = stated
        defer { groupStart = end }
        return .mark(
            mark,
            groupStart: groupStart,
            position: start,
            end: end,
            isFinish: item.kind == JournalFormat.finishKind,
            agrees: agrees
        )
    }

    /// After damage the records before the next mark are not known in full.
    private mutating func lose(until resume: Int) {
        chain = nil
        groupStart = position(of: resume)
    }

    /// The valid record or mark at `place`, or nil.
    private mutating func parse(at place: Int) -> Parsed? {
        let headerBytes = JournalFormat.recordHeaderBytes
        guard load(at: place, atMost: headerBytes) >= headerBytes else { return nil }
        let firstWord = word(at: place)
        let kind = UInt8(truncatingIfNeeded: firstWord >> 32)
        let payloadBytes = Int(UInt32(truncatingIfNeeded: firstWord))
        guard kind != 0, firstWord >> 40 == 0, word(at: place + 8) == position(of: place),
            payloadBytes <= JournalFormat.payloadBytesMax,
            payloadBytes <= available - place - headerBytes
        else { return nil }
        let total = headerBytes + payloadBytes
        guard load(at: place, atMost: total) >= total else { return nil }
        let index = place - windowStart
        let stated = unsafe UInt32(
            littleEndian: window.loadUnaligned(fromByteOffset: index + 16, as: UInt32.self)
        )
        let payload = unsafe UnsafeRawBufferPointer(
            rebasing: window[(index + headerBytes)..<(index + total)]
        )
        let checksum = unsafe JournalFormat.checksum(
            payload: Checksum.crc32c(payload),
            fileID: header.fileID,
            firstWord: firstWord,
            position: position(of: place)
        )
        guard checksum == stated else { return nil }
        if kind >= JournalFormat.reservedKind {
            let durable =
                unsafe payloadBytes == JournalFormat.markPayloadBytes
                ? UInt64(littleEndian: payload.loadUnaligned(as: UInt64.self)) : .max
            let known = kind == JournalFormat.commitKind || kind == JournalFormat.finishKind
            guard known, durable <= position(of: place), durable >= header.start else { return nil }
        }
        return Parsed(
            kind: kind,
            payloadOffset: place + headerBytes,
            payloadBytes: payloadBytes,
            checksum: checksum
        )
    }

    /// The first place after `from` where something valid begins, or the end of what is available; and
    /// whether there was nothing but zeros from `from` to there.
    private mutating func scan(from: Int) -> (resume: Int, onlyZeros: Bool) {
        let headerBytes = JournalFormat.recordHeaderBytes
        var place = from
        var bits: UInt8 = 0
        while place < available {
            let count = load(at: place, atMost: Self.windowBytes)
            if count == 0 { return (available, bits == 0) }
            // The last bytes of a window are looked at with the next one, unless there is none.
            let last = place + count >= available ? count : count - headerBytes
            var index = 0
            var found = false
            while index < last {
                if place + index > from, count - index >= headerBytes,
                    word(at: place + index + 8) == position(of: place + index)
                {
                    found = true
                    break
                }
                unsafe bits |= window[place + index - windowStart]
                index += 1
            }
            place += index
            if found {
                if parse(at: place) != nil { return (place, false) }
                _ = load(at: place, atMost: 1)
                unsafe bits |= window[place - windowStart]
                place += 1
            }
        }
        return (available, bits == 0)
    }

    private func word(at place: Int) -> UInt64 {
        unsafe UInt64(
            littleEndian: window.loadUnaligned(
                fromByteOffset: place - windowStart,
                as: UInt64.self
            )
        )
    }

    /// Brings `[place, place + count)` into the window; returns how many of those bytes there are.
    private mutating func load(at place: Int, atMost count: Int) -> Int {
        let wanted = min(count, available - place)
        if wanted <= 0 { return 0 }
        if place >= windowStart, place + wanted <= windowStart + windowCount { return wanted }
        if unsafe window.count < wanted {
            unsafe window.deallocate()
            unsafe window = .allocate(byteCount: wanted, alignment: 4096)
        }
        windowStart = place
        windowCount = unsafe min(window.count, available - place)
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: window[..<windowCount])
        let read: Int
        do throws(DiskError) {
            read = try unsafe file.read(at: place, into: target)
        } catch {
            readFailure = readFailure ?? error
            read = unsafe readInPieces(at: place, into: target)
        }
        if read < windowCount {
            windowCount = read
            available = place + read
        }
        return min(wanted, windowCount)
    }

    /// Reads what can be read around bytes that cannot. Those are filled with something that is neither
    /// a record nor zeros.
    private mutating func readInPieces(
        at place: Int,
        into target: UnsafeMutableRawBufferPointer
    ) -> Int {
        var filled = 0
        while filled < target.count {
            let start = place + filled
            let count = min(target.count - filled, Self.pieceBytes - start % Self.pieceBytes)
            let piece = unsafe UnsafeMutableRawBufferPointer(
                rebasing: target[filled..<(filled + count)]
            )
            do throws(DiskError) {
                let read = try unsafe file.read(at: start, into: piece)
                if read < count { return filled + read }
            } catch {
                for index in 0..<count { unsafe piece[index] = 0xDB }
                if let last = unreadable.last, last.upperBound >= start, last.lowerBound <= start {
                    unreadable[unreadable.count - 1] =
                        last.lowerBound..<max(last.upperBound, start + count)
                } else {
                    unreadable.append(start..<(start + count))
                }
            }
            filled += count
        }
        return filled
    }
}
