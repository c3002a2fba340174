internal import Crypto
internal import FoundationEssentials

/// A frame whose tag was verified. Its payload is within the frame's bytes or, in suite 2, in the
/// opener's memory: valid while those bytes live and until the opener's next frame.
@safe
package struct OpenedFrame {
    package let header: FrameHeader
    package let tag: FrameTag
    /// Plaintext, not yet decoded.
    package let payload: UnsafeRawBufferPointer
}

/// Verifies tags, and decrypts where the suite says so, before anything in a payload is read.
///
/// Keeps the memory of decrypted payloads and the derived keys of recent sources; one for each thread.
package struct FrameOpener: ~Copyable {
    private var plaintext = ReusableBuffer<UInt8>()
    private var derivedKeys: [DerivedKey?]

    private struct DerivedKey {
        let key: WireKey
        let source: SourceID
        let symmetric: SymmetricKey
    }

    /// Remembers the keys of `derivedKeyCount` sources of suite 2, one slot for each hash of a source.
    package init(derivedKeyCount: Int = 1_024) {
        derivedKeys = Array(repeating: nil, count: Swift.max(1, derivedKeyCount))
    }

    /// Verifies an authenticated frame with its key.
    ///
    /// - Parameters:
    ///   - frame: Exactly one frame.
    ///   - header: What ``FrameHeader/parse(_:)`` read from it.
    ///   - key: The key that the header names.
    /// - Throws: ``FrameError``: `.otherKey`, `.suiteNotAllowed` for suite 0, `.truncated`,
    ///   `.trailingBytes` or `.wrongTag`. Nothing else of the frame was looked at.
    package mutating func open(
        _ frame: UnsafeRawBufferPointer,
        header: FrameHeader,
        key: borrowing WireKey
    ) throws(FrameError) -> OpenedFrame {
        guard header.keyID == key.id else { throw .otherKey(header.keyID) }
        let tag = try unsafe Self.tag(of: frame, header: header)
        switch header.suite {
        case .crc32c: throw .suiteNotAllowed(.crc32c)
        case .hmacSHA256:
            let covered = unsafe Self.slice(frame, 0, frame.count - 16)
            guard unsafe key.tag(covered).equalsInConstantTime(tag) else { throw .wrongTag }
            return unsafe OpenedFrame(
                header: header,
                tag: tag,
                payload: Self.slice(frame, header.payloadOffset, header.payloadByteCount)
            )
        case .aes256GCM:
            try unsafe decrypt(frame, with: derivedKey(copy key, header.source))
            return unsafe OpenedFrame(
                header: header,
                tag: tag,
                payload: UnsafeRawBufferPointer(plaintext.elements)
            )
        }
    }

    /// Checks a frame of suite 0, which says nothing of who made it.
    package mutating func openUnauthenticated(
        _ frame: UnsafeRawBufferPointer,
        header: FrameHeader
    ) throws(FrameError) -> OpenedFrame {
        guard header.suite == .crc32c else { throw .suiteNotAllowed(header.suite) }
        let tag = try unsafe Self.tag(of: frame, header: header)
        let covered = unsafe Self.slice(frame, 0, frame.count - 4)
        guard unsafe UInt64(Checksum.crc32c(covered)) == tag.low else { throw .wrongTag }
        return unsafe OpenedFrame(
            header: header,
            tag: tag,
            payload: Self.slice(frame, header.payloadOffset, header.payloadByteCount)
        )
    }

    /// Verifies an events frame and decodes it into `batch`, which is empty after an error.
    ///
    /// - Complexity: O(bytes); no allocation for an event.
    package mutating func open(
        _ frame: UnsafeRawBufferPointer,
        header: FrameHeader,
        key: borrowing WireKey,
        into batch: inout EventBatch
    ) throws(FrameError) -> OpenedFrame {
        batch.removeAll()
        guard header.kind == .events else { throw .otherKind }
        let opened = try unsafe open(frame, header: header, key: key)
        try unsafe batch.decode(
            payload: opened.payload,
            eventCount: header.eventCount,
            baseTime: header.baseTime
        )
        return opened
    }

    /// The tag's bytes; fails unless the frame has exactly the bytes that its header says.
    private static func tag(
        of frame: UnsafeRawBufferPointer,
        header: FrameHeader
    ) throws(FrameError) -> FrameTag {
        guard frame.count >= header.frameByteCount else {
            throw .truncated(needed: header.frameByteCount, available: frame.count)
        }
        guard frame.count == header.frameByteCount else {
            throw .trailingBytes(frame.count - header.frameByteCount)
        }
        let tagByteCount = header.suite.tagByteCount
        var reader = try unsafe WireReader(
            slice(frame, frame.count - tagByteCount, tagByteCount),
            atLeast: tagByteCount
        )
        if header.suite == .crc32c {
            return FrameTag(high: 0, low: UInt64(try reader.fixed32()))
        }
        return FrameTag(high: try reader.fixed64(), low: try reader.fixed64())
    }

    private static func slice(
        _ bytes: UnsafeRawBufferPointer,
        _ offset: Int,
        _ count: Int
    ) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }

    /// Opens nonce, ciphertext and tag, which lie in the frame as AES-GCM's combined form has them; the
    /// header is authenticated with them.
    private mutating func decrypt(
        _ frame: UnsafeRawBufferPointer,
        with key: SymmetricKey
    ) throws(FrameError) {
        let headerByteCount = WireLimits.headerByteCount
        let opened: Data
        do {
            let box = try unsafe AES.GCM.SealedBox(
                combined: Self.slice(frame, headerByteCount, frame.count - headerByteCount)
            )
            opened = try unsafe AES.GCM.open(
                box,
                using: key,
                authenticating: Self.slice(frame, 0, headerByteCount)
            )
        } catch {
            throw .wrongTag
        }
        plaintext.removeAll()
        plaintext.reserve(opened.count)
        unsafe opened.withUnsafeBytes { bytes in
            if let source = bytes.baseAddress {
                unsafe UnsafeMutableRawPointer(plaintext.base)
                    .copyMemory(from: source, byteCount: bytes.count)
            }
        }
        plaintext.count = opened.count
    }

    private mutating func derivedKey(_ key: WireKey, _ source: SourceID) -> SymmetricKey {
        let slot = Int(truncatingIfNeeded: (source.low ^ source.high) >> 1) & Int.max
        let index = slot % derivedKeys.count
        if let known = derivedKeys[index], known.source == source, known.key.isSame(as: key) {
            return known.symmetric
        }
        let symmetric = key.encryptionKey(for: source)
        derivedKeys[index] = DerivedKey(key: key, source: source, symmetric: symmetric)
        return symmetric
    }
}
