internal import MeterWire

/// The head of a book's file: which file, and what it continues.
///
/// ```text
/// ┌───────────────┬──────────┬─────────────────┬────────────────┬──────────┬─────────────┬──────────┐
/// │ "mtrbook1" 8 B│ file 4   │ previous file 4 │ its end 8      │ first 8  │ previous 32 │ CRC-32C 4│
/// └───────────────┴──────────┴─────────────────┴────────────────┴──────────┴─────────────┴──────────┘
/// ```
///
/// Little-endian. `previous file` is the number of the file that this one continues, all ones if none;
/// `its end` is how many bytes of that file are the book's: what comes after them was never
/// acknowledged and stays there, kept aside. `first` is the number of the first entry in this file and
/// `previous` the hash of the entry before it.
struct BookFileHeader: Equatable {
    static let magic = Array("mtrbook1".utf8)
    static let byteCount = 68
    private static let none = UInt32.max

    let file: UInt32
    let previousFile: UInt32?
    let previousEnd: UInt64
    let first: UInt64
    let previousHash: BookHash

    var bytes: [UInt8] {
        var bytes = Self.magic
        bytes.append(littleEndian: file)
        bytes.append(littleEndian: previousFile ?? Self.none)
        bytes.append(littleEndian: previousEnd)
        bytes.append(littleEndian: first)
        bytes += previousHash.bytes
        bytes.append(littleEndian: Checksum.crc32c(bytes))
        return bytes
    }

    init(
        file: UInt32,
        previousFile: UInt32?,
        previousEnd: UInt64,
        first: UInt64,
        previousHash: BookHash
    ) {
        self.file = file
        self.previousFile = previousFile
        self.previousEnd = previousEnd
        self.first = first
        self.previousHash = previousHash
    }

    /// nil unless these are the bytes of a head.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount, bytes.starts(with: Self.magic),
            bytes.littleEndian(UInt32.self, at: 64) == Checksum.crc32c(Array(bytes.dropLast(4))),
            let file = bytes.littleEndian(UInt32.self, at: 8),
            let previousFile = bytes.littleEndian(UInt32.self, at: 12),
            let previousEnd = bytes.littleEndian(UInt64.self, at: 16),
            let first = bytes.littleEndian(UInt64.self, at: 24)
        else { return nil }
        self.init(
            file: file,
            previousFile: previousFile == Self.none ? nil : previousFile,
            previousEnd: previousEnd,
            first: first,
            previousHash: BookHash(bytes: Array(bytes[32..<64]))
        )
    }
}

/// Written after an append was synced: whatever is before a seal is durable, so that a bad entry before one
/// is damage and a bad entry with none after it is a torn end.
///
/// ```text
/// ┌────────────┬──────────┬───────────┐
/// │ "mbs1" 4 B │ number 8 │ CRC-32C 4 │   number: of the last entry before it
/// └────────────┴──────────┴───────────┘
/// ```
enum BookSeal {
    static let magic = Array("mbs1".utf8)
    static let byteCount = 16

    static func bytes(number: UInt64) -> [UInt8] {
        var bytes = magic
        bytes.append(littleEndian: number)
        bytes.append(littleEndian: Checksum.crc32c(bytes))
        return bytes
    }

    /// The number in the seal at `offset`; nil if there is none.
    static func number(in file: inout BookFileReader, at offset: Int) throws(DiskError) -> UInt64? {
        let bytes = try file.bytes(at: offset, count: byteCount)
        guard bytes.count == byteCount, bytes.starts(with: magic),
            bytes.littleEndian(UInt32.self, at: 12) == Checksum.crc32c(Array(bytes.prefix(12)))
        else { return nil }
        return bytes.littleEndian(UInt64.self, at: 4)
    }
}

/// The names of the book's files: `book.mb`, then `book-1.mb`, `book-2.mb`, ...
package enum BookFileName {
    private static let numberMax: UInt32 = 999_999_999

    package static func name(_ number: UInt32) -> String {
        number == 0 ? "book.mb" : "book-\(number).mb"
    }

    /// The number in a name; nil if it is not a book's.
    package static func number(_ name: String) -> UInt32? {
        if name == "book.mb" { return 0 }
        guard name.hasPrefix("book-"), name.hasSuffix(".mb"),
            let number = UInt32(name.dropFirst(5).dropLast(3)), (1...numberMax).contains(number),
            self.name(number) == name
        else { return nil }
        return number
    }
}
