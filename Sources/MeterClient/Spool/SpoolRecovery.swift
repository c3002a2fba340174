internal import MeterDisk
internal import MeterWire

/// What a dead process has left of one source, read back from its files.
///
/// The newest claim says what the source had recorded when it was made; the frames behind it say the rest.
/// So whoever has the key can go on where the process ended: send what is not durable, and then end the
/// source with the claim that it could not make any more.
struct SpoolRecovery {
    private(set) var protection: WireProtection
    private(set) var claim: Claim?
    /// The newest claim as it was sealed.
    private(set) var claimBytes: [UInt8] = []
    private(set) var frames: [Outbox.Frame] = []
    /// Above the highest sequence that is known of.
    private(set) var nextSequence: UInt64 = 0
    private(set) var durableThrough: UInt64 = 0
    /// Nothing that was sent is missing behind the newest frame: then a last claim can be made.
    private(set) var isTailCertain = true
    /// Of frames behind the newest claim, which it does not count yet.
    private(set) var linesBehindClaim: [UsageLines] = []

    /// Reads the files of a source into `spool`.
    ///
    /// - Returns: Nil if the files are not of one of the keys: they are left for whoever has it.
    init?(
        _ names: [SpoolName],
        of source: SourceID,
        into files: SourceSpool,
        spool: Spool,
        keys: [WireProtection]
    ) throws(DiskError) {
        // What has no frame has no key either, and is of nobody's use.
        protection = keys.first ?? .none
        var found: WireProtection?
        var opener = FrameOpener(derivedKeyCount: 1)
        var behind: [(Range<UInt64>, UsageLines)] = []
        for name in names {
            let bytes = try spool.read(name)
            let contents = SpoolFormat.scan(bytes)
            var isDamaged = contents?.isDamaged ?? (bytes.count >= SpoolFormat.headerByteCount)
            if let contents, !contents.frames.isEmpty {
                isTailCertain =
                    !name.isPartial
                    && (contents.header.isSynced || contents.header.bootID == spool.bootID)
            } else if name.isPartial {
                isTailCertain = false
            }
            var endSequence: UInt64 = 0
            var hasEvents = false
            for range in contents?.frames ?? [] {
                let frame = Array(bytes[range])
                guard let header = Self.header(frame), header.source == source else {
                    isDamaged = true
                    break
                }
                guard let protection = found ?? Self.protection(header, keys) else { return nil }
                found = protection
                let location = SourceSpool.Location(
                    file: name.number, offset: range.lowerBound, byteCount: range.count)
                guard
                    let opened = Self.open(frame, header, protection, &opener),
                    take(opened, header, frame, location, &behind)
                else {
                    isDamaged = true
                    break
                }
                endSequence = max(endSequence, nextSequence)
                if header.kind == .events { hasEvents = true }
            }
            if isDamaged { isTailCertain = false }
            files.adopt(
                name,
                byteCount: bytes.count,
                endSequence: endSequence,
                hasEvents: hasEvents,
                isDamaged: isDamaged
            )
        }
        if let found { protection = found }
        countWhatIsBehindTheClaim(behind)
        frames.removeAll { $0.sequences.upperBound <= durableThrough }
    }

    /// The newest claim, where the server has to hear of the source; without one nothing was ever sent, and where
    /// it tells of nothing and nothing is missing behind it neither.
    var claimToTell: Claim? {
        guard let claim else { return nil }
        return isTailCertain && nextSequence == 0 && claim.droppedCount == 0 ? nil : claim
    }

    /// Sequences below the end of which neither a frame is left nor a durable acknowledgement was heard: the
    /// server has them, or nobody.
    var unaccounted: [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        var position = durableThrough
        let given = claim?.givenUp ?? []
        let known = (frames.map(\.sequences) + given).sorted { $0.lowerBound < $1.lowerBound }
        for range in known {
            if position < range.lowerBound { ranges.append(position..<range.lowerBound) }
            position = max(position, range.upperBound)
        }
        if position < nextSequence { ranges.append(position..<nextSequence) }
        return ranges
    }

    // MARK: Reading

    private enum Opened {
        case claim(Claim)
        case events(UsageLines)
    }

    private static func header(_ frame: [UInt8]) -> FrameHeader? {
        try? unsafe frame.withUnsafeBytes { try unsafe FrameHeader.parse($0) }
    }

    private static func protection(
        _ header: FrameHeader,
        _ keys: [WireProtection]
    ) -> WireProtection? {
        keys.first { protection in
            protection.suite == header.suite
                && (protection.key?.id ?? KeyID(rawValue: 0)) == header.keyID
        }
    }

    private static func open(
        _ frame: [UInt8],
        _ header: FrameHeader,
        _ protection: WireProtection,
        _ opener: inout FrameOpener
    ) -> Opened? {
        unsafe frame.withUnsafeBytes { bytes in
            do throws(FrameError) {
                let opened =
                    if let key = protection.key {
                        try unsafe opener.open(bytes, header: header, key: key)
                    } else {
                        try unsafe opener.openUnauthenticated(bytes, header: header)
                    }
                if header.kind == .claim {
                    return .claim(
                        try unsafe Claim.decode(
                            payload: opened.payload,
                            baseTime: header.baseTime,
                            sealedThrough: header.firstSequence
                        )
                    )
                }
                var batch = EventBatch()
                try unsafe batch.decode(
                    payload: opened.payload,
                    eventCount: header.eventCount,
                    baseTime: header.baseTime
                )
                return .events(UsageLines(batch))
            } catch {
                return nil
            }
        }
    }

    /// False where a frame cannot stand where it does.
    private mutating func take(
        _ opened: Opened,
        _ header: FrameHeader,
        _ bytes: [UInt8],
        _ location: SourceSpool.Location,
        _ behind: inout [(Range<UInt64>, UsageLines)]
    ) -> Bool {
        durableThrough = max(durableThrough, header.durableThrough)
        switch opened {
        case .claim(let next):
            guard next.number > claim?.number ?? 0 else { return true }
            claim = next
            claimBytes = bytes
            nextSequence = max(nextSequence, header.firstSequence)
            behind.removeAll { $0.0.upperBound <= header.firstSequence }
        case .events(let lines):
            // A gap behind the claim: what it was worth nobody knows.
            if header.firstSequence > nextSequence { return false }
            if header.firstSequence == nextSequence {
                nextSequence = header.sequences.upperBound
                behind.append((header.sequences, lines))
            }
            frames.append(
                Outbox.Frame(
                    sequences: header.sequences,
                    content: .spooled(location),
                    lines: lines,
                    ordinal: 0
                )
            )
        }
        return true
    }

    private mutating func countWhatIsBehindTheClaim(_ behind: [(Range<UInt64>, UsageLines)]) {
        linesBehindClaim = behind.map(\.1)
        frames.sort { $0.sequences.lowerBound < $1.sequences.lowerBound }
        // Written twice where writing had failed in between.
        var kept: [Outbox.Frame] = []
        for frame in frames where kept.last?.sequences != frame.sequences { kept.append(frame) }
        frames = kept
    }
}
