internal import Crypto
internal import FoundationEssentials
package import MeterWire

/// SHA-256 of an entry's bytes; 32 zeros before the first.
package struct BookHash: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    package static let zero = BookHash(bytes: [UInt8](repeating: 0, count: 32))

    init(bytes: [UInt8]) { self.bytes = bytes }

    init(of entry: [UInt8]) { bytes = Array(SHA256.hash(data: entry)) }

    /// Reads 64 hexadecimal digits; nil for anything else.
    package init?(_ text: some StringProtocol) {
        guard let bytes = Hexadecimal.bytes(text), bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    package var description: String { Hexadecimal.text(bytes) }
}

/// Where a book ends: how many entries it has, and the hash of the last, which covers all of them.
///
/// Kept elsewhere (in a checkpoint, on paper) it shows that a book was cut or written anew.
package struct BookHead: Hashable, Sendable, CustomStringConvertible {
    package let number: UInt64
    package let hash: BookHash

    package static let empty = BookHead(number: 0, hash: .zero)

    package init(number: UInt64, hash: BookHash) {
        self.number = number
        self.hash = hash
    }

    package var description: String { "\(number) \(hash)" }
}

/// One decision, when, by whom, and its place in the chain.
///
/// ```text
/// ┌────────────┬──────────┬─────────┬──────────┬──────────┬────────┬─────────────┬──────┬───────────┐
/// │ "mbe1" 4 B │ length 4 │ index 2 │ follow 2 │ number 8 │ time 8 │ previous 32 │ JSON │ CRC-32C 4 │
/// └────────────┴──────────┴─────────┴──────────┴──────────┴────────┴─────────────┴──────┴───────────┘
/// ```
///
/// Little-endian. `length` is the JSON's; of the entries of one append, which count all or none, `index`
/// come before this one and `follow` after it; `time` is milliseconds since 1970; `previous` is the
/// SHA-256 of all bytes of the entry before; the CRC covers everything before it.
package struct BookEntry: Sendable {
    package let number: UInt64
    package let time: Timestamp
    package let previous: BookHash
    package let author: String
    package let decision: Decision
    /// Of this entry's bytes.
    package let hash: BookHash

    package var head: BookHead { BookHead(number: number, hash: hash) }
}

/// The JSON of an entry.
private struct BookPayload: Codable {
    var author: String
    var decision: Decision

    init(author: String, decision: Decision) {
        self.author = author
        self.decision = decision
    }

    private enum CodingKeys: String, CodingKey { case author }

    init(from decoder: any Decoder) throws {
        author = try decoder.container(keyedBy: CodingKeys.self).decode(
            String.self,
            forKey: .author
        )
        decision = try Decision(from: decoder)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(author, forKey: .author)
        try decision.encode(to: encoder)
    }
}

extension BookEntry {
    static let magic = Array("mbe1".utf8)
    static let headerByteCount = 60
    static let checksumByteCount = 4
    /// What a single decision may take: a list of a few thousand tenants fits.
    static let payloadByteCountMax = 1 << 20

    /// An entry's bytes, before anybody has looked into its JSON.
    struct Frame {
        let number: UInt64
        let index: UInt16
        let follow: UInt16
        let time: Timestamp
        let previous: BookHash
        let payload: [UInt8]
        let bytes: [UInt8]

        /// The number of the first entry of the same append.
        var appendStart: UInt64 { number &- UInt64(index) }
        var head: BookHead { BookHead(number: number, hash: BookHash(of: bytes)) }
    }

    /// The JSON of a decision; keys in order, so that equal decisions have equal bytes.
    static func payload(author: String, decision: Decision) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(BookPayload(author: author, decision: decision)))
    }

    /// The bytes of an entry.
    static func encode(
        number: UInt64,
        index: UInt16,
        follow: UInt16,
        time: Timestamp,
        previous: BookHash,
        payload: [UInt8]
    ) -> [UInt8] {
        var bytes = magic
        bytes.reserveCapacity(headerByteCount + payload.count + checksumByteCount)
        bytes.append(littleEndian: UInt32(truncatingIfNeeded: payload.count))
        bytes.append(littleEndian: index)
        bytes.append(littleEndian: follow)
        bytes.append(littleEndian: number)
        bytes.append(littleEndian: UInt64(bitPattern: time.milliseconds))
        bytes += previous.bytes
        bytes += payload
        bytes.append(littleEndian: Checksum.crc32c(bytes))
        return bytes
    }

    /// Reads the entry that begins at `offset`; nil unless every byte of it is there and the checksum fits.
    static func frame(in file: inout BookFileReader, at offset: Int) throws(DiskError) -> Frame? {
        let header = try file.bytes(at: offset, count: headerByteCount)
        guard header.count == headerByteCount, header.starts(with: magic),
            let length = header.littleEndian(UInt32.self, at: 4), length <= payloadByteCountMax
        else { return nil }
        let byteCount = headerByteCount + Int(length) + checksumByteCount
        let bytes = try file.bytes(at: offset, count: byteCount)
        guard bytes.count == byteCount,
            bytes.littleEndian(UInt32.self, at: byteCount - checksumByteCount)
                == Checksum.crc32c(Array(bytes.dropLast(checksumByteCount))),
            let index = bytes.littleEndian(UInt16.self, at: 8),
            let follow = bytes.littleEndian(UInt16.self, at: 10),
            let number = bytes.littleEndian(UInt64.self, at: 12),
            let time = bytes.littleEndian(UInt64.self, at: 20)
        else { return nil }
        return Frame(
            number: number,
            index: index,
            follow: follow,
            time: Timestamp(milliseconds: Int64(bitPattern: time)),
            previous: BookHash(bytes: Array(bytes[28..<60])),
            payload: Array(bytes[headerByteCount..<byteCount - checksumByteCount]),
            bytes: bytes
        )
    }

    /// Looks into the JSON.
    init(_ frame: Frame) throws {
        let payload = try JSONDecoder().decode(BookPayload.self, from: Data(frame.payload))
        self.init(
            number: frame.number,
            time: frame.time,
            previous: frame.previous,
            author: payload.author,
            decision: payload.decision,
            hash: BookHash(of: frame.bytes)
        )
    }

    /// The decision as the book holds it, for people: JSON with sorted keys on one line.
    package var json: String {
        let payload = try? Self.payload(author: author, decision: decision)
        return payload.map { String(decoding: $0, as: UTF8.self) } ?? "\(decision)"
    }
}
