package import MeterWire

/// By which door something came in.
package enum Transport: UInt8, Sendable, CaseIterable {
    case udp = 0
    case tcp = 1
    /// CloudEvents.
    case http = 2
    /// Spans, over HTTP too.
    case otlp = 3
    /// A file that the administration takes in; no network door gives it.
    case backfill = 4

    var way: UsageWay { self == .otlp ? .otlp : .native }

    /// Whether events have ids in place of sequences.
    var hasIdentifiers: Bool { self == .http || self == .otlp }
}

/// What was decided about the events of one frame. Final: replay applies it and asks nobody again.
package enum Verdict: Equatable, Sendable {
    /// Every event is counted.
    case accepted
    /// No event is counted, all for one reason.
    case refused(RefusalReason)
    /// These events are refused, in ascending order; the others are counted.
    case partly([Refusal])
    /// The frame overlaps with another one: kept as evidence, no event is counted.
    case inConflict

    package struct Refusal: Equatable, Sendable {
        package var index: UInt32
        package var reason: RefusalReason

        package init(index: UInt32, reason: RefusalReason) {
            self.index = index
            self.reason = reason
        }
    }
}

/// Kinds of journal records.
package enum RecordKind {
    /// A frame, opened: `FrameRecord` and then the plaintext payload.
    package static let frame: UInt8 = 1
    /// A batch: `BatchRecord` and then the payload in a frame's event coding.
    package static let batch: UInt8 = 2
}

/// What the journal keeps of a frame besides its payload.
///
/// ```
///  0  transport   1  verdict: 0 accepted, 1 refused, 2 partly, 3 in conflict   2  reason (1)
///  3  1 if there are times, 0 otherwise
///  4  principal (8)    12  received at, ms (8)    20  tag (16)    36  the frame's header (64)
/// 100  times: earliest event, ms (8), latest event, ms (8)
///      partly: count (4), then index (4) and reason (1) of each refused event
/// ```
package struct FrameRecord: Equatable, Sendable {
    package var transport: Transport
    package var verdict: Verdict
    package var principal: PrincipalID
    package var receivedAt: Timestamp
    package var tag: FrameTag
    package var header: FrameHeader
    /// When its events happened, the earliest and the latest, in milliseconds since 1970: who wants no more
    /// of them need not decode them. Nil where they cannot be read, and in records of before.
    package var times: ClosedRange<Int64>?

    /// Appends the coding above.
    package func write(to bytes: inout [UInt8]) {
        bytes.append(transport.rawValue)
        switch verdict {
        case .accepted: bytes.append(contentsOf: [0, 0])
        case .refused(let reason): bytes.append(contentsOf: [1, reason.rawValue])
        case .partly: bytes.append(contentsOf: [2, 0])
        case .inConflict: bytes.append(contentsOf: [3, 0])
        }
        bytes.append(times == nil ? 0 : 1)
        bytes.appendFixed64(principal.rawValue)
        bytes.appendFixed64(UInt64(bitPattern: receivedAt.milliseconds))
        bytes.appendFixed64(tag.high)
        bytes.appendFixed64(tag.low)
        header.write(to: &bytes)
        if let times {
            bytes.appendFixed64(UInt64(bitPattern: times.lowerBound))
            bytes.appendFixed64(UInt64(bitPattern: times.upperBound))
        }
        if case .partly(let refusals) = verdict {
            bytes.appendFixed32(UInt32(truncatingIfNeeded: refusals.count))
            for refusal in refusals {
                bytes.appendFixed32(refusal.index)
                bytes.append(refusal.reason.rawValue)
            }
        }
    }

    /// Reads a record; the payload is what follows.
    package static func parse(
        _ bytes: UnsafeRawBufferPointer
    ) throws(FrameError) -> (record: FrameRecord, payload: UnsafeRawBufferPointer) {
        var reader = try unsafe WireReader(bytes, atLeast: 100)
        guard let transport = Transport(rawValue: try reader.byte()) else { throw .otherKind }
        let verdictNumber = try reader.byte()
        let reasonNumber = try reader.byte()
        let hasTimes = try reader.byte()
        guard hasTimes <= 1 else { throw .reservedNotZero }
        let principal = PrincipalID(rawValue: try reader.fixed64())
        let receivedAt = Timestamp(milliseconds: Int64(bitPattern: try reader.fixed64()))
        let tag = FrameTag(high: try reader.fixed64(), low: try reader.fixed64())
        let header = try unsafe FrameHeader.parse(UnsafeRawBufferPointer(rebasing: bytes[36...]))
        var payloadOffset = 36 + WireLimits.headerByteCount
        var times: ClosedRange<Int64>?
        if hasTimes == 1 {
            times = try unsafe Self.times(UnsafeRawBufferPointer(rebasing: bytes[payloadOffset...]))
            payloadOffset += timesByteCount
        }
        let verdict: Verdict
        switch verdictNumber {
        case 0: verdict = .accepted
        case 1: verdict = .refused(try reason(reasonNumber))
        case 2:
            var rest = try unsafe WireReader(
                UnsafeRawBufferPointer(rebasing: bytes[payloadOffset...]), atLeast: 4)
            let refusals = try refusals(&rest, eventCount: header.eventCount)
            payloadOffset += 4 + refusals.count * 5
            verdict = .partly(refusals)
        case 3: verdict = .inConflict
        default: throw .unknownKind(verdictNumber)
        }
        let record = FrameRecord(
            transport: transport, verdict: verdict, principal: principal, receivedAt: receivedAt,
            tag: tag, header: header, times: times)
        return unsafe (record, UnsafeRawBufferPointer(rebasing: bytes[payloadOffset...]))
    }

    private static let timesByteCount = 16

    private static func times(
        _ bytes: UnsafeRawBufferPointer
    ) throws(FrameError) -> ClosedRange<Int64> {
        var reader = try unsafe WireReader(bytes, atLeast: timesByteCount)
        let earliest = Int64(bitPattern: try reader.fixed64())
        let latest = Int64(bitPattern: try reader.fixed64())
        guard earliest <= latest else { throw .rangeInvalid }
        return earliest...latest
    }

    private static func reason(_ number: UInt8) throws(FrameError) -> RefusalReason {
        guard let reason = RefusalReason(rawValue: number) else { throw .unknownKind(number) }
        return reason
    }

    private static func refusals(
        _ reader: inout WireReader, eventCount: Int
    ) throws(FrameError) -> [Verdict.Refusal] {
        let count = Int(try reader.fixed32())
        guard count <= eventCount, count * 5 <= reader.bytesLeft else {
            throw .listTooLong(count: UInt64(count), bytesLeft: reader.bytesLeft)
        }
        var refusals: [Verdict.Refusal] = []
        refusals.reserveCapacity(count)
        for _ in 0..<count {
            let index = try reader.fixed32()
            guard index < eventCount, refusals.last.map({ $0.index < index }) ?? true else {
                throw .indexOutOfRange(index: UInt64(index), count: eventCount)
            }
            refusals.append(Verdict.Refusal(index: index, reason: try reason(reader.byte())))
        }
        return refusals
    }
}
