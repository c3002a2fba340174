internal import MeterWire

/// Sizes and codes of a journal file; drawn in Documentation/Journal.md. Integers are little-endian.
enum JournalFormat {
    static let version: UInt8 = 1
    /// One copy of the file header fills a sector, and there are two, so that no torn or lost sector takes
    /// both.
    static let sectorBytes = 512
    static let headerBytes = 2 * sectorBytes
    /// Before each payload: length 4, kind 1, zeros 3, position 8, checksum 4.
    static let recordHeaderBytes = 20
    static let markPayloadBytes = 24
    static let markBytes = recordHeaderBytes + markPayloadBytes
    /// Kinds from here on are the journal's own.
    static let reservedKind: UInt8 = 0xF0
    static let finishKind: UInt8 = 0xFE
    static let commitKind: UInt8 = 0xFF
    /// No reader reserves more for one record, whatever its length field says.
    static let payloadBytesMax = 64 << 20
    /// Positions beyond are not believed; sums of two of them never overflow.
    static let positionMax: UInt64 = 1 << 62

    /// The first header field: length, kind and three zeros.
    static func firstWord(kind: UInt8, payloadBytes: Int) -> UInt64 {
        UInt64(UInt32(truncatingIfNeeded: payloadBytes)) | UInt64(kind) << 32
    }

    /// The checksum of a record: over the payload, then the file's id, then the header before the checksum.
    /// The salt comes after the payload so that the payload is summed before anybody knows where it goes.
    static func checksum(
        payload: UInt32,
        fileID: UInt64,
        firstWord: UInt64,
        position: UInt64
    ) -> UInt32 {
        let words = (fileID.littleEndian, firstWord.littleEndian, position.littleEndian)
        return unsafe withUnsafeBytes(of: words) { bytes in
            unsafe Checksum.crc32c(bytes, continuing: payload)
        }
    }
}

/// Why a journal file was begun.
package enum JournalFileReason: UInt8, Sendable {
    /// There was no journal.
    case created = 0
    /// The file before it had grown to its limit.
    case rotated = 1
    /// A write or sync of the file before it failed; what that file holds from `start` on was given up.
    case givenUp = 2
    /// The journal was opened again; what that file holds from `start` on was copied or kept aside.
    case recovered = 3
}

/// What the first sector of a journal file says, and the second repeats.
struct JournalFileHeader: Equatable, Sendable {
    /// 1, 2, 3 …; the number in the file's name.
    var number: UInt64
    /// Drawn for the file; salts every checksum in it.
    var fileID: UInt64
    /// Drawn for the journal; a file of another journal is not ours.
    var journalID: UInt64
    /// Position of the file's first byte after the header, and where the files before it end.
    var start: UInt64
    /// The file that held the byte before `start` (zeros: none).
    var previousNumber: UInt64
    var previousID: UInt64
    var reason: JournalFileReason

    enum Reading: Equatable {
        case header(JournalFileHeader)
        case otherVersion(UInt8)
        case damaged
    }

    /// One sector.
    func encoded() -> [UInt8] {
        var bytes: [UInt8] = [0x4D, 0x4A, JournalFormat.version, reason.rawValue, 0, 0, 0, 0]
        for field in [number, fileID, journalID, start, previousNumber, previousID] {
            Self.append(field, 8, to: &bytes)
        }
        bytes += [UInt8](repeating: 0, count: JournalFormat.sectorBytes - 4 - bytes.count)
        Self.append(UInt64(Checksum.crc32c(bytes)), 4, to: &bytes)
        return bytes
    }

    /// Reads one sector. The checksum comes before everything; the version before the rest.
    static func decode(_ sector: ArraySlice<UInt8>) -> Reading {
        let bytes = Array(sector)
        let body = JournalFormat.sectorBytes - 4
        guard bytes.count == JournalFormat.sectorBytes, bytes[0] == 0x4D, bytes[1] == 0x4A,
            UInt64(Checksum.crc32c(Array(bytes[..<body]))) == integer(bytes, at: body, 4)
        else { return .damaged }
        guard bytes[2] == JournalFormat.version else { return .otherVersion(bytes[2]) }
        guard let reason = JournalFileReason(rawValue: bytes[3]),
            integer(bytes, at: 32, 8) <= JournalFormat.positionMax
        else { return .damaged }
        return .header(
            JournalFileHeader(
                number: integer(bytes, at: 8, 8),
                fileID: integer(bytes, at: 16, 8),
                journalID: integer(bytes, at: 24, 8),
                start: integer(bytes, at: 32, 8),
                previousNumber: integer(bytes, at: 40, 8),
                previousID: integer(bytes, at: 48, 8),
                reason: reason
            )
        )
    }

    private static func append(_ value: UInt64, _ count: Int, to bytes: inout [UInt8]) {
        for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
    }

    private static func integer(_ bytes: [UInt8], at offset: Int, _ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * $1) }
    }
}

/// What a commit mark or a finish mark says of the file before it.
struct JournalMark: Equatable, Sendable {
    /// Everything before this position was synced when the mark was written.
    var durable: UInt64
    /// Records in the file so far.
    var recordCount: UInt64
    /// CRC-32C over the checksums of those records, in order.
    var chain: UInt32
}

/// The running count and checksum of a file's records.
struct JournalChain: Equatable, Sendable {
    var recordCount: UInt64 = 0
    var checksum: UInt32 = 0

    mutating func add(_ recordChecksum: UInt32) {
        recordCount &+= 1
        checksum = unsafe withUnsafeBytes(of: recordChecksum.littleEndian) { bytes in
            unsafe Checksum.crc32c(bytes, continuing: checksum)
        }
    }
}
