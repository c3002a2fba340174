internal import Crypto
internal import FoundationEssentials

/// Whether and how an emitter's frames are protected.
public enum WireProtection: Sendable {
    /// Suite 0: against damage only; taken by servers with `--insecure-loopback`.
    case none
    /// Suite 1: authenticated.
    case signed(WireKey)
    /// Suite 2: authenticated and encrypted.
    case encrypted(WireKey)

    /// The suite's number on the wire.
    package var suite: TagSuite {
        switch self {
        case .none: .crc32c
        case .signed: .hmacSHA256
        case .encrypted: .aes256GCM
        }
    }

    /// The key; nil without protection.
    package var key: WireKey? {
        switch self {
        case .none: nil
        case .signed(let key), .encrypted(let key): key
        }
    }
}

/// Seals the frames of one source: header, nonce where the suite has one, payload, tag.
///
/// A sealed frame is never sealed again: it is sent, re-sent and kept as the same bytes.
package struct FrameSealer: Sendable {
    package let source: SourceID
    package let protection: WireProtection
    private let encryptionKey: SymmetricKey?

    package init(source: SourceID, protection: WireProtection) {
        self.source = source
        self.protection = protection
        if case .encrypted(let key) = protection {
            encryptionKey = key.encryptionKey(for: source)
        } else {
            encryptionKey = nil
        }
    }

    /// Bytes that header, nonce and tag add to a payload.
    package var overheadByteCount: Int {
        let suite = protection.suite
        return WireLimits.headerByteCount + suite.nonceByteCount + suite.tagByteCount
    }

    /// Seals an events frame from what an encoder holds; the encoder is not changed.
    package func seal(
        _ encoder: borrowing PayloadEncoder,
        firstSequence: UInt64,
        durableThrough: UInt64,
        using generator: inout some RandomNumberGenerator
    ) -> [UInt8] {
        seal(
            kind: .events,
            payload: encoder.payload(),
            eventCount: encoder.eventCount,
            firstSequence: firstSequence,
            baseTime: encoder.baseTime,
            durableThrough: durableThrough,
            using: &generator
        )
    }

    /// Seals a frame of either kind.
    ///
    /// - Parameter generator: Gives the nonce of suite 2, two draws; must be the system's in use.
    package func seal(
        kind: FrameKind,
        payload: [UInt8],
        eventCount: Int,
        firstSequence: UInt64,
        baseTime: Int64,
        durableThrough: UInt64,
        using generator: inout some RandomNumberGenerator
    ) -> [UInt8] {
        let header = FrameHeader(
            suite: protection.suite,
            kind: kind,
            keyID: protection.key?.id ?? KeyID(rawValue: 0),
            source: source,
            firstSequence: firstSequence,
            eventCount: eventCount,
            payloadByteCount: payload.count,
            baseTime: baseTime,
            durableThrough: durableThrough
        )
        var frame: [UInt8] = []
        frame.reserveCapacity(header.frameByteCount)
        header.write(to: &frame)
        switch protection {
        case .none:
            frame.append(contentsOf: payload)
            frame.appendFixed32(Checksum.crc32c(frame))
        case .signed(let key):
            frame.append(contentsOf: payload)
            frame.append(key.tag(frame))
        case .encrypted:
            var nonce: [UInt8] = []
            nonce.appendFixed64(generator.next())
            nonce.appendFixed32(UInt32(truncatingIfNeeded: generator.next() as UInt64 >> 32))
            encrypt(payload, nonce: nonce, onto: &frame)
        }
        return frame
    }

    /// Appends nonce, ciphertext and tag to the header that is in `frame`.
    private func encrypt(_ payload: [UInt8], nonce: [UInt8], onto frame: inout [UInt8]) {
        guard let encryptionKey else {
            preconditionFailure("a sealer of suite 2 derives its key when it is made")
        }
        do {
            let box = try AES.GCM.seal(
                payload,
                using: encryptionKey,
                nonce: AES.GCM.Nonce(data: nonce),
                authenticating: frame
            )
            frame.append(contentsOf: nonce)
            frame.append(contentsOf: box.ciphertext)
            frame.append(contentsOf: box.tag)
        } catch {
            preconditionFailure("a 32-byte key and a 12-byte nonce are what AES-256-GCM takes")
        }
    }
}

extension [UInt8] {
    mutating func append(_ tag: FrameTag) {
        appendFixed64(tag.high)
        appendFixed64(tag.low)
    }
}

extension WireKey {
    func tag(_ bytes: [UInt8]) -> FrameTag { unsafe bytes.withUnsafeBytes { unsafe tag($0) } }
}
