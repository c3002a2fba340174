internal import MeterWire

/// Why a sealed file could not be written or cannot be trusted.
package enum SealedFileError: Error, Equatable, Sendable {
    /// The parts of a sealed file, each with a checksum of its own.
    package enum Part: Equatable, Sendable {
        case header
        /// A piece as it is stored.
        case piece(Int)
        /// A piece after decompression.
        case plainPiece(Int)
        case table
        case trailer
    }

    case disk(DiskError)
    /// The first bytes are not those of a sealed file.
    case notSealed(file: String)
    /// Written by a version of Meter that this one does not know.
    case otherVersion(file: String, version: UInt8)
    /// The name says another kind or span than the file.
    case misnamed(file: String, holds: DataFileName)
    /// Shorter or longer than its trailer says, or too short to have one.
    case cut(file: String, expected: UInt64, found: UInt64)
    /// A checksum does not fit.
    case damaged(file: String, part: Part, expected: UInt32, found: UInt32)
    /// The checksums hold, the content contradicts itself.
    case malformed(file: String, part: Part)
    /// A piece would be larger than a reader accepts; nothing was written.
    case pieceTooLarge(file: String, byteCount: Int, limit: Int)
    /// What was written does not add up to what was read; nothing was written under the file's name.
    case sumsDiffer(file: String)
    /// There is no such piece in the file.
    case noSuchPiece(file: String, piece: Int, count: Int)
}

extension SealedFileError {
    /// The file that it is about.
    package var file: String {
        switch self {
        case .disk(let error): error.file
        case .notSealed(let file), .otherVersion(let file, _), .misnamed(let file, _),
            .cut(let file, _, _), .damaged(let file, _, _, _), .malformed(let file, _),
            .pieceTooLarge(let file, _, _), .sumsDiffer(let file), .noSuchPiece(let file, _, _):
            file
        }
    }

    /// Whether the disk failed, and not the file.
    var isOfDisk: Bool {
        if case .disk = self { true } else { false }
    }
}

extension SealedFileError.Part: CustomStringConvertible {
    package var description: String {
        switch self {
        case .header: "the header"
        case .piece(let index): "piece \(index)"
        case .plainPiece(let index): "piece \(index), decompressed"
        case .table: "the table of pieces"
        case .trailer: "the trailer"
        }
    }
}

extension SealedFileError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .disk(let error):
            "\(error.file): \(error.operation.rawValue) failed: \(error.reason)"
        case .notSealed(let file):
            "\(file): not a file of Meter's; restore it from the archive"
        case .otherVersion(let file, let version):
            "\(file): has format version \(version), which this program does not know; use a newer one"
        case .misnamed(let file, let holds):
            "\(file): holds what belongs in \(holds.text); give it that name"
        case .cut(let file, let expected, let found):
            "\(file): has \(found) bytes where \(expected) belong; restore it from the archive"
        case .damaged(let file, let part, let expected, let found):
            "\(file): \(part) has checksum \(Hexadecimal.text(UInt64(found)).suffix(8)), "
                + "not \(Hexadecimal.text(UInt64(expected)).suffix(8)); restore the file from the archive"
        case .malformed(let file, let part):
            "\(file): \(part) contradicts itself though its checksum holds; "
                + "keep the file and report a defect"
        case .pieceTooLarge(let file, let byteCount, let limit):
            "\(file): a piece of \(byteCount) bytes is over the limit of \(limit)"
        case .sumsDiffer(let file):
            "\(file): what was written does not add up to what was read; keep the files and report "
                + "a defect"
        case .noSuchPiece(let file, let piece, let count):
            "\(file): has \(count) pieces, no piece \(piece)"
        }
    }
}
