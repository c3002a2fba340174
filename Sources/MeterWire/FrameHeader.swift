/// The fixed 64 bytes at the start of a frame, big-endian.
///
/// ```
///  0  "MF"        2  version 1    3  suite        4  kind      5  zero (3)
///  8  key id (8)
/// 16  source (16)
/// 32  first sequence (8)
/// 40  event count (4)             44  payload byte count (4)
/// 48  base time, milliseconds since 1970 (8)
/// 56  durable through (8)
/// 64  [suite 2: nonce (12)]  payload  tag
/// ```
package struct FrameHeader: Equatable, Sendable {
    package var suite: TagSuite
    package var kind: FrameKind
    package var keyID: KeyID
    package var source: SourceID
    /// The number of the first event; of a claim, how many events were sealed before it.
    package var firstSequence: UInt64
    /// 1 to 65,535; 0 in a claim.
    package var eventCount: Int
    package var payloadByteCount: Int
    /// Milliseconds since 1970, from which the first event's time is counted.
    package var baseTime: Int64
    /// The emitter holds a durable acknowledgement for every sequence below this.
    package var durableThrough: UInt64

    package init(
        suite: TagSuite,
        kind: FrameKind,
        keyID: KeyID,
        source: SourceID,
        firstSequence: UInt64,
        eventCount: Int,
        payloadByteCount: Int,
        baseTime: Int64,
        durableThrough: UInt64
    ) {
        self.suite = suite
        self.kind = kind
        self.keyID = keyID
        self.source = source
        self.firstSequence = firstSequence
        self.eventCount = eventCount
        self.payloadByteCount = payloadByteCount
        self.baseTime = baseTime
        self.durableThrough = durableThrough
    }

    /// Where the payload begins: after the header and, in suite 2, the nonce.
    package var payloadOffset: Int { WireLimits.headerByteCount + suite.nonceByteCount }

    /// Bytes of the whole frame.
    package var frameByteCount: Int { payloadOffset + payloadByteCount + suite.tagByteCount }

    /// The sequences of this frame's events.
    package var sequences: Range<UInt64> { firstSequence..<(firstSequence + UInt64(eventCount)) }
}

extension FrameHeader {
    /// Reads the first 64 bytes of a frame, which may be all that has come so far.
    ///
    /// Nothing in the result may be believed before the tag was verified (``FrameOpener``); its sizes
    /// are within the limits.
    package static func parse(_ bytes: UnsafeRawBufferPointer) throws(FrameError) -> FrameHeader {
        var reader = try unsafe WireReader(bytes, atLeast: WireLimits.headerByteCount)
        guard try reader.byte() == UInt8(ascii: "M"), try reader.byte() == UInt8(ascii: "F") else {
            throw .notAFrame
        }
        let version = try reader.byte()
        guard version == WireLimits.version else { throw .unknownVersion(version) }
        let suiteNumber = try reader.byte()
        guard let suite = TagSuite(rawValue: suiteNumber) else { throw .unknownSuite(suiteNumber) }
        let kindNumber = try reader.byte()
        guard let kind = FrameKind(rawValue: kindNumber) else { throw .unknownKind(kindNumber) }
        guard try reader.byte() | reader.byte() | reader.byte() == 0 else {
            throw .reservedNotZero
        }
        let keyID = KeyID(rawValue: try reader.fixed64())
        let source = SourceID(high: try reader.fixed64(), low: try reader.fixed64())
        let firstSequence = try reader.fixed64()
        let header = FrameHeader(
            suite: suite,
            kind: kind,
            keyID: keyID,
            source: source,
            firstSequence: firstSequence,
            eventCount: Int(try reader.fixed32()),
            payloadByteCount: Int(try reader.fixed32()),
            baseTime: Int64(bitPattern: try reader.fixed64()),
            durableThrough: try reader.fixed64()
        )
        try header.checkLimits()
        return header
    }

    /// The same of an array; nil where it is none.
    package init?(_ bytes: [UInt8]) {
        let parsed = unsafe bytes.withUnsafeBytes { bytes in
            try? unsafe FrameHeader.parse(bytes)
        }
        guard let parsed else { return nil }
        self = parsed
    }

    private func checkLimits() throws(FrameError) {
        guard frameByteCount <= WireLimits.frameByteCountMax else {
            throw .frameTooLarge(byteCount: frameByteCount)
        }
        let counts = kind == .events ? 1...WireLimits.eventCountMax : 0...0
        guard counts.contains(eventCount) else { throw .eventCountOutOfRange(eventCount) }
        guard firstSequence <= WireLimits.valueMax - UInt64(eventCount) else {
            throw .sequenceOutOfRange(firstSequence)
        }
        guard durableThrough <= firstSequence else {
            throw .durableBeyondSequence(durable: durableThrough, sequence: firstSequence)
        }
    }

    /// Appends the 64 bytes.
    package func write(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "M"))
        bytes.append(UInt8(ascii: "F"))
        bytes.append(WireLimits.version)
        bytes.append(suite.rawValue)
        bytes.append(kind.rawValue)
        bytes.append(0)
        bytes.append(0)
        bytes.append(0)
        bytes.appendFixed64(keyID.rawValue)
        bytes.appendFixed64(source.high)
        bytes.appendFixed64(source.low)
        bytes.appendFixed64(firstSequence)
        bytes.appendFixed32(UInt32(truncatingIfNeeded: eventCount))
        bytes.appendFixed32(UInt32(truncatingIfNeeded: payloadByteCount))
        bytes.appendFixed64(UInt64(bitPattern: baseTime))
        bytes.appendFixed64(durableThrough)
    }
}
