/// Every way in which bytes that should be a frame, a claim or an acknowledgement can be wrong.
package enum FrameError: Error, Equatable, Sendable {
    /// Fewer bytes than the header or the lengths in it say.
    case truncated(needed: Int, available: Int)
    /// More bytes than the header says.
    case trailingBytes(Int)
    /// The first two bytes are not those of this kind of message.
    case notAFrame
    case unknownVersion(UInt8)
    case unknownSuite(UInt8)
    case unknownKind(UInt8)
    /// Bytes or flags that must be zero in version 1 are not.
    case reservedNotZero
    case frameTooLarge(byteCount: Int)
    case eventCountOutOfRange(Int)
    /// The last sequence would leave 63 bits.
    case sequenceOutOfRange(UInt64)
    /// The emitter says it holds an acknowledgement for what this frame only begins to send.
    case durableBeyondSequence(durable: UInt64, sequence: UInt64)
    /// The frame names another key than the one that it was to be opened with.
    case otherKey(KeyID)
    /// Not made with this key, or damaged.
    case wrongTag
    /// An unauthenticated frame where only authenticated ones are taken, or the other way round.
    case suiteNotAllowed(TagSuite)
    /// A varint of more bits than its field has.
    case varintTooLong
    /// A varint with zero bytes that mean nothing.
    case varintNotMinimal
    case dictionaryTooLarge(entryCount: UInt64)
    case nameLength(UInt64)
    case nameNotUTF8
    case nameHasControlCharacter
    case indexOutOfRange(index: UInt64, count: Int)
    /// A shape without components, or with more than 64.
    case shapeLength(UInt64)
    /// A shape names a component twice.
    case shapeRepeatsComponent
    /// An amount, duration or total beyond its range.
    case valueOutOfRange
    /// An event's time leaves 64 bits.
    case timeOutOfRange
    /// A list says that it has more elements than there are bytes.
    case listTooLong(count: UInt64, bytesLeft: Int)
    /// A range of sequences that is empty, out of order or beyond 63 bits.
    case rangeInvalid
    /// Another kind of frame than the caller decodes.
    case otherKind
}

extension FrameError {
    /// A stable short word for counters and logs.
    package var reason: String {
        switch self {
        case .truncated: "truncated"
        case .trailingBytes: "trailing-bytes"
        case .notAFrame: "not-a-frame"
        case .unknownVersion: "unknown-version"
        case .unknownSuite: "unknown-suite"
        case .unknownKind: "unknown-kind"
        case .reservedNotZero: "reserved-not-zero"
        case .frameTooLarge: "frame-too-large"
        case .eventCountOutOfRange: "event-count"
        case .sequenceOutOfRange: "sequence"
        case .durableBeyondSequence: "durable-beyond-sequence"
        case .otherKey: "other-key"
        case .wrongTag: "wrong-tag"
        case .suiteNotAllowed: "suite-not-allowed"
        case .varintTooLong: "varint-too-long"
        case .varintNotMinimal: "varint-not-minimal"
        case .dictionaryTooLarge: "dictionary-too-large"
        case .nameLength: "name-length"
        case .nameNotUTF8: "name-not-utf8"
        case .nameHasControlCharacter: "name-control-character"
        case .indexOutOfRange: "index"
        case .shapeLength: "shape-length"
        case .shapeRepeatsComponent: "shape-repeats-component"
        case .valueOutOfRange: "value"
        case .timeOutOfRange: "time"
        case .listTooLong: "list-too-long"
        case .rangeInvalid: "range"
        case .otherKind: "other-kind"
        }
    }

    /// True where nothing in the bytes may be believed, not even whose they are.
    package var isBeforeAuthentication: Bool {
        switch self {
        case .notAFrame, .unknownVersion, .unknownSuite, .unknownKind, .otherKey, .wrongTag,
            .suiteNotAllowed, .reservedNotZero, .frameTooLarge, .eventCountOutOfRange,
            .sequenceOutOfRange, .durableBeyondSequence, .trailingBytes:
            true
        default: false
        }
    }
}

extension FrameError: CustomStringConvertible {
    /// One line: what is wrong, with the numbers.
    package var description: String {
        switch self {
        case .truncated(let needed, let available):
            "truncated: \(needed) bytes are needed and \(available) are there"
        case .trailingBytes(let count): "\(count) bytes after the end"
        case .notAFrame: "the first bytes are not those of a Meter frame"
        case .unknownVersion(let version): "wire version \(version) is not known here (1 is)"
        case .unknownSuite(let suite): "tag suite \(suite) is not known here (0, 1 and 2 are)"
        case .unknownKind(let kind): "frame kind \(kind) is not known here (1 and 2 are)"
        case .reservedNotZero: "reserved bits are set"
        case .frameTooLarge(let byteCount):
            "\(byteCount) bytes are more than a frame's \(WireLimits.frameByteCountMax)"
        case .eventCountOutOfRange(let count):
            "\(count) events; a frame has 1 to \(WireLimits.eventCountMax), a claim none"
        case .sequenceOutOfRange(let sequence): "sequence \(sequence) and on leave 63 bits"
        case .durableBeyondSequence(let durable, let sequence):
            "says durable through \(durable) but begins at \(sequence)"
        case .otherKey(let id): "names key \(id), not the one it was opened with"
        case .wrongTag: "the tag is not that of this key and these bytes"
        case .suiteNotAllowed(let suite): "tag suite \(suite.rawValue) is not allowed here"
        case .varintTooLong: "a varint has more bits than its field"
        case .varintNotMinimal: "a varint is longer than it needs to be"
        case .dictionaryTooLarge(let count):
            "\(count) dictionary entries; \(WireLimits.dictionaryEntryCountMax) are allowed"
        case .nameLength(let count):
            "a name of \(count) bytes; 1 to \(WireLimits.nameByteCountMax) are allowed"
        case .nameNotUTF8: "a name is not UTF-8"
        case .nameHasControlCharacter: "a name has a control character"
        case .indexOutOfRange(let index, let count): "index \(index) into a list of \(count)"
        case .shapeLength(let count):
            "a shape of \(count) components; 1 to \(WireLimits.shapeComponentCountMax) are allowed"
        case .shapeRepeatsComponent: "a shape names a component twice"
        case .valueOutOfRange: "an amount, duration or total is beyond its range"
        case .timeOutOfRange: "an event's time leaves 64 bits"
        case .listTooLong(let count, let bytesLeft):
            "a list of \(count) elements in \(bytesLeft) bytes"
        case .rangeInvalid: "a range of sequences is empty, out of order or beyond 63 bits"
        case .otherKind: "another kind of frame than is decoded here"
        }
    }
}
