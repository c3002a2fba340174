internal import MeterWire

/// A spool file: a header, then sealed frames as they are, each behind its length and checksums.
///
/// ```
///  0  "MTRSPOOL"                  8  version 1        9  flags: bit 0, synced before anything is sent
/// 10  zero (2)                   12  boot id (16)    28  CRC-32C of the 28 bytes before
/// then, until the end:  byte count (4)  CRC-32C of the frame (4)  CRC-32C of the 8 bytes before (4)  frame
/// ```
///
/// Integers are big-endian. The first frame is a claim. A record that is not there to its end was torn by
/// the end of the process, and was never sent; one that does not fit its checksums is damaged, and nothing
/// is known of what follows it.
enum SpoolFormat {
    static var headerByteCount: Int { 32 }
    static var recordHeadByteCount: Int { 12 }
    private static var magic: [UInt8] { Array("MTRSPOOL".utf8) }

    struct Header: Equatable {
        /// Everything in the file was on the disk before it was sent.
        var isSynced: Bool
        /// Of the system's run in which the file was made: with another one the power was cut in between.
        var bootID: [UInt8]
    }

    static func header(_ header: Header) -> [UInt8] {
        var bytes = magic + [1, header.isSynced ? 1 : 0, 0, 0]
        bytes += header.bootID
        bytes.appendFixed32(Checksum.crc32c(bytes))
        return bytes
    }

    static func record(_ frame: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(recordHeadByteCount + frame.count)
        bytes.appendFixed32(UInt32(truncatingIfNeeded: frame.count))
        bytes.appendFixed32(Checksum.crc32c(frame))
        bytes.appendFixed32(Checksum.crc32c(bytes))
        bytes += frame
        return bytes
    }

    /// What a file holds: its header, and where its whole frames lie.
    struct Contents {
        var header: Header
        var frames: [Range<Int>] = []
        /// A record has other bytes than were written.
        var isDamaged = false
    }

    /// Nil for what is not a spool file, or not of this version.
    static func scan(_ bytes: [UInt8]) -> Contents? {
        guard bytes.count >= headerByteCount, bytes.starts(with: magic), bytes[8] == 1,
            fixed32(bytes, at: 28) == Checksum.crc32c(Array(bytes[..<28]))
        else { return nil }
        var contents = Contents(
            header: Header(isSynced: bytes[9] & 1 != 0, bootID: Array(bytes[12..<28])))
        var offset = headerByteCount
        while bytes.count - offset >= recordHeadByteCount {
            let byteCount = Int(fixed32(bytes, at: offset))
            let start = offset + recordHeadByteCount
            let head = Array(bytes[offset..<offset + 8])
            guard fixed32(bytes, at: offset + 8) == Checksum.crc32c(head),
                byteCount >= WireLimits.headerByteCount,
                byteCount <= WireLimits.frameByteCountMax
            else {
                contents.isDamaged = true
                break
            }
            guard bytes.count - start >= byteCount else { break }
            let range = start..<start + byteCount
            guard fixed32(bytes, at: offset + 4) == Checksum.crc32c(Array(bytes[range])) else {
                contents.isDamaged = true
                break
            }
            contents.frames.append(range)
            offset = range.upperBound
        }
        return contents
    }

    private static func fixed32(_ bytes: [UInt8], at offset: Int) -> UInt32 {
        bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}

/// The names in a spool directory: `<source>.lock`, `<source>-00000001.spool`, `.partial` where frames were
/// sent that could not be written, and `.damaged` of what is kept for a person and never read again.
struct SpoolName: Equatable {
    let source: SourceID
    let number: UInt64
    var isPartial = false

    var text: String { text(isPartial ? "partial" : "spool") }
    /// What the file is called once it is kept aside.
    var damagedText: String { text("damaged") }

    private func text(_ suffix: String) -> String {
        let digits = String(number)
        let padding = String(repeating: "0", count: max(0, 8 - digits.count))
        return "\(source)-\(padding)\(digits).\(suffix)"
    }

    static func lock(_ source: SourceID) -> String { "\(source).lock" }

    init(source: SourceID, number: UInt64) {
        self.source = source
        self.number = number
    }

    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1] == "spool" || parts[1] == "partial" else { return nil }
        let fields = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard fields.count == 2, fields[0].utf8.count == 32, let source = SourceID(fields[0]),
            let number = UInt64(fields[1])
        else { return nil }
        self.init(source: source, number: number)
        isPartial = parts[1] == "partial"
    }
}
