/// How a frame's tag is made, by its number on the wire.
public enum TagSuite: UInt8, Sendable, CaseIterable {
    /// CRC-32C: finds damage, keeps nobody out. Only for a server that says `--insecure-loopback`.
    case crc32c = 0
    /// HMAC-SHA-256 truncated to 128 bits: authenticated, readable by who listens.
    case hmacSHA256 = 1
    /// AES-256-GCM under a key derived for each source: authenticated and encrypted.
    case aes256GCM = 2

    /// Bytes of nonce between header and payload.
    package var nonceByteCount: Int { self == .aes256GCM ? 12 : 0 }

    /// Bytes of tag after the payload.
    package var tagByteCount: Int { self == .crc32c ? 4 : 16 }
}

/// What a frame carries.
package enum FrameKind: UInt8, Sendable {
    /// Consecutive events of one source.
    case events = 1
    /// A claim: totals, and what is given up or not acknowledged yet.
    case claim = 2
}

/// A frame's tag. Two frames of one source with the same first sequence, count and tag are one frame.
package struct FrameTag: Hashable, Sendable {
    /// The first eight bytes on the wire, big-endian; 0 in suite 0.
    package let high: UInt64
    /// The last eight bytes, big-endian; in suite 0 the checksum.
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Compares without telling by its time where the first difference is.
    package func equalsInConstantTime(_ other: FrameTag) -> Bool {
        ((high ^ other.high) | (low ^ other.low)) == 0
    }
}

extension FrameTag: CustomStringConvertible {
    /// 32 lower-case hexadecimal digits.
    package var description: String { Hexadecimal.text(high) + Hexadecimal.text(low) }
}
