/// An acknowledgement on the wire:
///
/// ```
///  0  "MA"   2  version 1   3  suite (0 or 1)   4  key id (8)   12  source (16)
/// 28  flags: bit 0 quarantined, 1 archived level present, 2 counters present, 3 ranges left out
///     durable through   [archived through]   claim number
///     [accepted  behind  duplicate  unverified duplicate  in conflict
///      refused: count, then (reason byte, count)]
///     durable, missing, deferred: each a list of ranges
///     tag: suite 0 CRC-32C (4), suite 1 HMAC-SHA-256/128 (16), over all before it
/// ```
///
/// Suites 1 and 2 are both answered with suite 1. "MA" instead of "MF" keeps the two directions apart
/// under one key.
extension Acknowledgement {
    /// The smallest that an acknowledgement may have to be: header, flags, three numbers, empty lists, tag.
    package static var byteCountMin: Int { 28 + 1 + 3 * 9 + 3 + 16 }

    private enum Flags {
        static var quarantined: UInt8 { 1 }
        static var archived: UInt8 { 2 }
        static var counters: UInt8 { 4 }
        static var truncated: UInt8 { 8 }
    }

    /// The bytes to send, never more than `byteCountMax`, which is at least ``byteCountMin``; a datagram's
    /// answer passes that datagram's size. Counters, then ranges are left out to fit, the ranges of the
    /// three lists in turn.
    package func encode(byteCountMax: Int, key: WireKey?) -> [UInt8] {
        let tagByteCount = key == nil ? 4 : 16
        var room = byteCountMax - tagByteCount
        let essential =
            28 + 1 + Varint.byteCount(durableThrough) + Varint.byteCount(claimNumber)
            + (archivedThrough.map { Varint.byteCount($0) } ?? 0) + 3
        room -= essential
        let counterBytes = counters.map { Self.encode($0) } ?? []
        let counterBytesFit = counters != nil && counterBytes.count <= room
        if counterBytesFit { room -= counterBytes.count }
        let counts = fitting(room: room)
        let isTruncated =
            rangesAreTruncated || counts != [durable.count, missing.count, deferred.count]

        var bytes: [UInt8] = []
        bytes.reserveCapacity(Swift.min(byteCountMax, 1_500))
        bytes.append(UInt8(ascii: "M"))
        bytes.append(UInt8(ascii: "A"))
        bytes.append(WireLimits.version)
        bytes.append((key == nil ? TagSuite.crc32c : TagSuite.hmacSHA256).rawValue)
        bytes.appendFixed64(key?.id.rawValue ?? 0)
        bytes.appendFixed64(source.high)
        bytes.appendFixed64(source.low)
        bytes.append(
            (isQuarantined ? Flags.quarantined : 0)
                | (archivedThrough != nil ? Flags.archived : 0)
                | (counterBytesFit ? Flags.counters : 0) | (isTruncated ? Flags.truncated : 0)
        )
        bytes.appendVarint(durableThrough)
        if let archivedThrough { bytes.appendVarint(archivedThrough) }
        bytes.appendVarint(claimNumber)
        if counterBytesFit { bytes.append(contentsOf: counterBytes) }
        bytes.appendRanges(durable.prefix(counts[0]))
        bytes.appendRanges(missing.prefix(counts[1]))
        bytes.appendRanges(deferred.prefix(counts[2]))
        if let key {
            bytes.append(key.tag(bytes))
        } else {
            bytes.appendFixed32(Checksum.crc32c(bytes))
        }
        return bytes
    }

    private static func encode(_ counters: Counters) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendVarint(counters.accepted)
        bytes.appendVarint(counters.behind)
        bytes.appendVarint(counters.duplicate)
        bytes.appendVarint(counters.unverifiedDuplicate)
        bytes.appendVarint(counters.inConflict)
        bytes.appendVarint(counters.refused.count)
        for refused in counters.refused {
            bytes.append(refused.reason)
            bytes.appendVarint(refused.count)
        }
        return bytes
    }

    /// How many ranges of each list fit, taken in turn from the three. Each list's count is one byte in
    /// the essential part; what a longer count takes is kept free.
    private func fitting(room: Int) -> [Int] {
        let lists = [durable, missing, deferred]
        var left = room - 3 * (Varint.byteCount(UInt64(lists.map(\.count).max() ?? 0)) - 1)
        var counts = [0, 0, 0]
        var isOpen = lists.map { !$0.isEmpty }
        while isOpen.contains(true) {
            for list in lists.indices where isOpen[list] {
                let next = counts[list]
                let end = next == 0 ? 0 : lists[list][next - 1].upperBound
                let range = lists[list][next]
                let byteCount =
                    Varint.byteCount(range.lowerBound &- end)
                    + Varint.byteCount(UInt64(range.count))
                if byteCount > left { return counts }
                left -= byteCount
                counts[list] += 1
                isOpen[list] = counts[list] < lists[list].count
            }
        }
        return counts
    }

    /// Verifies and reads an acknowledgement.
    ///
    /// - Parameter key: The emitter's key; nil only where frames go out unprotected (suite 0).
    /// - Throws: ``FrameError``; nothing was read beyond the tag's suite if the tag is wrong.
    package static func open(
        _ bytes: UnsafeRawBufferPointer,
        key: WireKey?
    ) throws(FrameError) -> Acknowledgement {
        let tagByteCount = key == nil ? 4 : 16
        var head = try unsafe WireReader(bytes, atLeast: 28 + 1 + tagByteCount)
        guard try head.byte() == UInt8(ascii: "M"), try head.byte() == UInt8(ascii: "A") else {
            throw .notAFrame
        }
        let version = try head.byte()
        guard version == WireLimits.version else { throw .unknownVersion(version) }
        let suiteNumber = try head.byte()
        guard let suite = TagSuite(rawValue: suiteNumber) else { throw .unknownSuite(suiteNumber) }
        guard suite == (key == nil ? .crc32c : .hmacSHA256) else { throw .suiteNotAllowed(suite) }
        let keyID = KeyID(rawValue: try head.fixed64())
        guard keyID.rawValue == key?.id.rawValue ?? 0 else { throw .otherKey(keyID) }
        let covered = unsafe UnsafeRawBufferPointer(rebasing: bytes.dropLast(tagByteCount))
        var tail = try unsafe WireReader(
            UnsafeRawBufferPointer(rebasing: bytes.suffix(tagByteCount)),
            atLeast: tagByteCount
        )
        if let key {
            let tag = FrameTag(high: try tail.fixed64(), low: try tail.fixed64())
            guard unsafe key.tag(covered).equalsInConstantTime(tag) else { throw .wrongTag }
        } else {
            let checksum = unsafe Checksum.crc32c(covered)
            guard try tail.fixed32() == checksum else { throw .wrongTag }
        }
        var reader = try unsafe WireReader(UnsafeRawBufferPointer(rebasing: covered.dropFirst(12)))
        return try read(&reader)
    }

    private static func read(_ reader: inout WireReader) throws(FrameError) -> Acknowledgement {
        let source = SourceID(high: try reader.fixed64(), low: try reader.fixed64())
        let flags = try reader.byte()
        guard flags <= 15 else { throw .reservedNotZero }
        var acknowledgement = Acknowledgement(
            source: source,
            durableThrough: try reader.varint63(),
            archivedThrough: flags & Flags.archived == 0 ? nil : try reader.varint63(),
            claimNumber: try reader.varint63(),
            isQuarantined: flags & Flags.quarantined != 0
        )
        if flags & Flags.counters != 0 { acknowledgement.counters = try counters(&reader) }
        acknowledgement.durable = try reader.ranges()
        acknowledgement.missing = try reader.ranges()
        acknowledgement.deferred = try reader.ranges()
        acknowledgement.rangesAreTruncated = flags & Flags.truncated != 0
        try reader.finish()
        return acknowledgement
    }

    private static func counters(_ reader: inout WireReader) throws(FrameError) -> Counters {
        var counters = Counters(
            accepted: try reader.varint63(),
            behind: try reader.varint63(),
            duplicate: try reader.varint63(),
            unverifiedDuplicate: try reader.varint63(),
            inConflict: try reader.varint63()
        )
        for _ in 0..<(try reader.listCount(elementByteCount: 2)) {
            counters.refused.append(
                Refused(reason: try reader.byte(), count: try reader.varint63())
            )
        }
        return counters
    }
}
