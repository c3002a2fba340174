package import MeterWire

/// A keyed 128-bit hash of who sent an event under which id. The id itself is not kept.
package struct IdentifierHash: Hashable, Comparable, Sendable {
    package let rawValue: UInt128

    package init(rawValue: UInt128) { self.rawValue = rawValue }

    package static func < (left: IdentifierHash, right: IdentifierHash) -> Bool {
        left.rawValue < right.rawValue
    }

    /// The hash is uniform, so any of its bits are as good as a hash of it.
    var low: UInt64 { UInt64(truncatingIfNeeded: rawValue) }
    var high: UInt64 { UInt64(truncatingIfNeeded: rawValue >> 64) }
}

/// What is remembered of an event that came with an id.
package struct IdentifierEntry: Equatable, Sendable {
    package let hash: IdentifierHash
    /// A hash of the event's content: another one under the same id is a conflict.
    package let content: UInt64
    /// When it was received; it is forgotten when this is older than the horizon.
    package let received: Minute
    /// What was answered, in the engine's coding.
    package let disposition: UInt8

    package init(
        hash: IdentifierHash,
        content: UInt64,
        received: Minute,
        disposition: UInt8 = 0
    ) {
        self.hash = hash
        self.content = content
        self.received = received
        self.disposition = disposition
    }
}

/// Entries as they lie in a file, 29 bytes each: hash u128, content u64, minute u32, disposition u8.
extension IdentifierEntry {
    static let byteCount = 29

    func append(to bytes: inout [UInt8]) {
        bytes.append(littleEndian: hash.rawValue)
        bytes.append(littleEndian: content)
        bytes.append(littleEndian: received.rawValue)
        bytes.append(disposition)
    }

    /// The entry at an index of a block; the caller knows that it is inside.
    init(in block: [UInt8], at index: Int) {
        let offset = index * Self.byteCount
        self.init(
            hash: Self.hash(in: block, at: index),
            content: block.littleEndian(at: offset + 16),
            received: Minute(rawValue: block.littleEndian(at: offset + 24)),
            disposition: block[offset + 28]
        )
    }

    static func hash(in block: [UInt8], at index: Int) -> IdentifierHash {
        IdentifierHash(rawValue: block.littleEndian(at: index * byteCount))
    }
}
