internal import MeterWire

/// Sources as a dedup file keeps them: everything that decides what is a duplicate, in one canonical
/// form, sorted by principal and source, so that equal states are equal bytes.
///
/// Duplicates are not counted here: they change no state.
enum SourceCoding {
    /// Bytes at which a piece of the file ends. By bytes and not by sources: one source may take some
    /// hundred bytes or, with a claim of a frame's size, more than a million.
    static let pieceByteCount = 1 << 20

    private static let quarantinedFlag: UInt8 = 1
    /// An address stands at the source's end; files of before have none.
    private static let peerFlag: UInt8 = 2

    static func encode(_ source: SourceState, to bytes: inout [UInt8]) {
        bytes.appendFixed64(source.key.principal.rawValue)
        bytes.appendFixed64(source.key.source.high)
        bytes.appendFixed64(source.key.source.low)
        bytes.append(
            (source.quarantined ? quarantinedFlag : 0) | (source.peer == nil ? 0 : peerFlag))
        bytes.appendFixed64(UInt64(bitPattern: source.firstSeen.milliseconds))
        bytes.appendFixed64(UInt64(bitPattern: source.lastSeen.milliseconds))
        bytes.appendVarint(source.received.watermark)
        bytes.appendVarint(source.received.ranges.count)
        for range in source.received.ranges {
            bytes.appendVarint(range.lowerBound)
            bytes.appendVarint(range.upperBound)
        }
        let recent = source.recentInOrder
        bytes.appendVarint(recent.count)
        for frame in recent {
            bytes.appendVarint(frame.first)
            bytes.appendVarint(UInt64(frame.count))
            bytes.appendFixed64(frame.tag.high)
            bytes.appendFixed64(frame.tag.low)
        }
        bytes.appendVarint(source.counts.accepted)
        bytes.appendVarint(source.counts.behind)
        bytes.appendVarint(source.counts.inConflict)
        bytes.appendVarint(source.counts.refused.count)
        for (reason, count) in source.counts.refused.sorted(by: {
            $0.key.rawValue < $1.key.rawValue
        }) {
            bytes.append(reason.rawValue)
            bytes.appendVarint(count)
        }
        bytes.appendVarint(source.tenants.count)
        for tenant in source.tenants {
            bytes.appendVarint(tenant.bytes.count)
            bytes.append(contentsOf: tenant.bytes)
        }
        encode(source.claimed, to: &bytes)
        if let peer = source.peer {
            bytes.appendFixed64(peer.high)
            bytes.appendFixed64(peer.low)
        }
    }

    private static func encode(_ claimed: SourceState.Claimed?, to bytes: inout [UInt8]) {
        guard let claimed else {
            bytes.append(0)
            return
        }
        let payload = claimed.claim.payload(baseTime: claimed.time.milliseconds)
        bytes.append(1)
        bytes.appendFixed64(UInt64(bitPattern: claimed.time.milliseconds))
        bytes.appendVarint(claimed.sealedThrough)
        bytes.appendVarint(payload.count)
        bytes.append(contentsOf: payload)
    }

    /// Reads the sources of one piece.
    ///
    /// Everything that a dedup file tells is durable, and so acknowledgeable.
    static func decode(_ bytes: [UInt8]) throws(FrameError) -> [SourceState] {
        var sources: [SourceState] = []
        if bytes.isEmpty { return sources }
        var failure: FrameError?
        unsafe bytes.withUnsafeBytes { raw in
            do throws(FrameError) {
                var reader = try unsafe WireReader(raw)
                while reader.bytesLeft > 0 { sources.append(try source(&reader)) }
            } catch { failure = error }
        }
        if let failure { throw failure }
        return sources
    }

    private static func source(_ reader: inout WireReader) throws(FrameError) -> SourceState {
        let principal = PrincipalID(rawValue: try reader.fixed64())
        let id = SourceID(high: try reader.fixed64(), low: try reader.fixed64())
        let flags = try reader.byte()
        guard flags & ~(quarantinedFlag | peerFlag) == 0 else { throw .reservedNotZero }
        var source = SourceState(
            key: SourceKey(principal: principal, source: id),
            firstSeen: Timestamp(milliseconds: Int64(bitPattern: try reader.fixed64())))
        source.quarantined = flags & quarantinedFlag != 0
        source.lastSeen = Timestamp(milliseconds: Int64(bitPattern: try reader.fixed64()))
        source.received = try received(&reader)
        for _ in 0..<(try reader.listCount(elementByteCount: 18)) {
            source.recent.append(
                SourceState.RecentFrame(
                    first: try reader.varint63(),
                    count: UInt32(truncatingIfNeeded: try reader.varint()),
                    tag: FrameTag(high: try reader.fixed64(), low: try reader.fixed64())))
        }
        source.counts.accepted = try reader.varint()
        source.counts.behind = try reader.varint()
        source.counts.inConflict = try reader.varint()
        for _ in 0..<(try reader.listCount(elementByteCount: 2)) {
            let number = try reader.byte()
            guard let reason = RefusalReason(rawValue: number) else { throw .unknownKind(number) }
            source.counts.refused[reason] = try reader.varint()
        }
        for _ in 0..<(try reader.listCount(elementByteCount: 2)) {
            source.note(tenant: try reader.nameValue())
        }
        source.claimed = try claimed(&reader)
        if flags & peerFlag != 0 {
            source.peer = PeerAddress(high: try reader.fixed64(), low: try reader.fixed64())
        }
        source.durableCounts = source.counts
        source.durable = source.received
        source.durable.insert(ascending: source.claimed?.claim.givenUp ?? [])
        source.durableClaimNumber = source.claimed?.claim.number ?? 0
        return source
    }

    private static func received(_ reader: inout WireReader) throws(FrameError) -> SequenceSet {
        let watermark = try reader.varint63()
        var ranges: [Range<UInt64>] = []
        for _ in 0..<(try reader.listCount(elementByteCount: 2)) {
            let first = try reader.varint63()
            let end = try reader.varint63()
            guard first < end else { throw .rangeInvalid }
            ranges.append(first..<end)
        }
        guard let set = SequenceSet(watermark: watermark, ranges: ranges) else {
            throw .rangeInvalid
        }
        return set
    }

    private static func claimed(
        _ reader: inout WireReader
    ) throws(FrameError) -> SourceState.Claimed? {
        guard try reader.byte() == 1 else { return nil }
        let time = Timestamp(milliseconds: Int64(bitPattern: try reader.fixed64()))
        let sealedThrough = try reader.varint63()
        let payload = try unsafe reader.bytes(reader.listCount(elementByteCount: 1))
        let claim = try unsafe Claim.decode(
            payload: payload, baseTime: time.milliseconds, sealedThrough: sealedThrough)
        return SourceState.Claimed(claim: claim, sealedThrough: sealedThrough, time: time)
    }
}
