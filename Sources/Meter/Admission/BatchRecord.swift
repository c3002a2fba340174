package import MeterWire

/// An event's identity where it has an id instead of a sequence: hashes, never the id itself.
package struct EventIdentity: Hashable, Sendable {
    /// Keyed hash of (principal, source, id).
    package let high: UInt64
    package let low: UInt64
    /// Hash of what the event says: the same id with another content is a conflict.
    package let content: UInt64

    package init(high: UInt64, low: UInt64, content: UInt64) {
        self.high = high
        self.low = low
        self.content = content
    }

    /// What the id files know the event by.
    package var hash: IdentifierHash {
        IdentifierHash(rawValue: UInt128(high) << 64 | UInt128(low))
    }
}

/// What was decided about one event of a batch.
package enum ItemOutcome: Equatable, Sendable {
    case accepted
    /// Its id was seen with the same content: not counted again.
    case duplicate
    /// Its id was seen with another content: kept as evidence, not counted.
    case inConflict
    /// Not counted; its id is not taken, so it may be sent again when the reason has gone.
    case refused(RefusalReason)

    /// 0 accepted, 1 duplicate, 2 in conflict, 16 + reason refused.
    var code: UInt8 {
        switch self {
        case .accepted: 0
        case .duplicate: 1
        case .inConflict: 2
        case .refused(let reason): 16 + reason.rawValue
        }
    }

    init?(code: UInt8) {
        switch code {
        case 0: self = .accepted
        case 1: self = .duplicate
        case 2: self = .inConflict
        default:
            guard code >= 16, let reason = RefusalReason(rawValue: code - 16) else { return nil }
            self = .refused(reason)
        }
    }
}

/// What the journal keeps of a batch besides its payload.
///
/// ```
///  0  transport   1  zero (3)   4  principal (8)   12  received at, ms (8)   20  base time, ms (8)
/// 28  event count (4)
/// 32  for each event: outcome (1), id hash (16), content hash (8)
/// ```
package struct BatchRecord: Equatable, Sendable {
    package var transport: Transport
    package var principal: PrincipalID
    package var receivedAt: Timestamp
    package var baseTime: Int64
    package var outcomes: [ItemOutcome]
    package var identities: [EventIdentity]

    private static let headerByteCount = 32
    private static let itemByteCount = 25

    /// The outcomes as the counters take them: what is not accepted is left out, whatever the reason.
    var verdict: Verdict {
        var refusals: [Verdict.Refusal] = []
        for (index, outcome) in outcomes.enumerated() where outcome != .accepted {
            let reason: RefusalReason
            if case .refused(let given) = outcome { reason = given } else { reason = .notPermitted }
            refusals.append(
                Verdict.Refusal(index: UInt32(truncatingIfNeeded: index), reason: reason))
        }
        return refusals.isEmpty ? .accepted : .partly(refusals)
    }

    func write(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: [transport.rawValue, 0, 0, 0])
        bytes.appendFixed64(principal.rawValue)
        bytes.appendFixed64(UInt64(bitPattern: receivedAt.milliseconds))
        bytes.appendFixed64(UInt64(bitPattern: baseTime))
        bytes.appendFixed32(UInt32(truncatingIfNeeded: outcomes.count))
        for (outcome, identity) in zip(outcomes, identities) {
            bytes.append(outcome.code)
            bytes.appendFixed64(identity.high)
            bytes.appendFixed64(identity.low)
            bytes.appendFixed64(identity.content)
        }
    }

    /// Reads a record; the payload is what follows.
    package static func parse(
        _ bytes: UnsafeRawBufferPointer
    ) throws(FrameError) -> (record: BatchRecord, payload: UnsafeRawBufferPointer) {
        var reader = try unsafe WireReader(bytes, atLeast: headerByteCount)
        guard let transport = Transport(rawValue: try reader.byte()) else { throw .otherKind }
        guard try reader.byte() | reader.byte() | reader.byte() == 0 else {
            throw .reservedNotZero
        }
        var record = BatchRecord(
            transport: transport, principal: PrincipalID(rawValue: try reader.fixed64()),
            receivedAt: Timestamp(milliseconds: Int64(bitPattern: try reader.fixed64())),
            baseTime: Int64(bitPattern: try reader.fixed64()), outcomes: [], identities: [])
        let count = Int(try reader.fixed32())
        guard count <= WireLimits.eventCountMax, count * itemByteCount <= reader.bytesLeft else {
            throw .listTooLong(count: UInt64(count), bytesLeft: reader.bytesLeft)
        }
        for _ in 0..<count {
            let code = try reader.byte()
            guard let outcome = ItemOutcome(code: code) else { throw .unknownKind(code) }
            record.outcomes.append(outcome)
            record.identities.append(
                EventIdentity(
                    high: try reader.fixed64(), low: try reader.fixed64(),
                    content: try reader.fixed64()))
        }
        let payloadOffset = headerByteCount + count * itemByteCount
        return unsafe (record, UnsafeRawBufferPointer(rebasing: bytes[payloadOffset...]))
    }
}

extension Verdict {
    /// The verdict event by event, before ids are compared.
    func itemOutcomes(count: Int) -> [ItemOutcome] {
        switch self {
        case .accepted: return Array(repeating: .accepted, count: count)
        case .refused(let reason): return Array(repeating: .refused(reason), count: count)
        case .inConflict: return Array(repeating: .inConflict, count: count)
        case .partly(let refusals):
            var items = Array(repeating: ItemOutcome.accepted, count: count)
            for refusal in refusals { items[Int(refusal.index)] = .refused(refusal.reason) }
            return items
        }
    }
}
