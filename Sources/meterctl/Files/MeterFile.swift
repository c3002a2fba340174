internal import FoundationEssentials
internal import Meter
internal import MeterDisk
internal import MeterWire

/// What a file of Meter's is, told by its first bytes whatever its name says.
enum MeterFileKind: Equatable {
    case journal
    case book
    case sealed(DataFileKind)

    init?(firstBytes bytes: [UInt8]) {
        if bytes.starts(with: Array("mtrbook1".utf8)) {
            self = .book
        } else if bytes.starts(with: Array("MJ".utf8)) {
            self = .journal
        } else if let kind = DataFileKind(firstBytes: bytes) {
            self = .sealed(kind)
        } else {
            return nil
        }
    }

    var name: String {
        switch self {
        case .journal: "journal"
        case .book: "book"
        case .sealed(let kind): kind.rawValue
        }
    }
}

/// A path that verify or inspect was given, opened for reading only.
struct MeterPath {
    /// The directory, or the one that the file is in.
    let disk: POSIXDisk
    /// nil where the path is a directory.
    let file: String?

    init(_ path: String) throws(CommandFailure) {
        let url = URL(filePath: path)
        guard let values = try? FileManager.default.attributesOfItem(atPath: path),
            let type = values[.type] as? FileAttributeType
        else {
            throw CommandFailure(
                .failed,
                "\(path) is not there",
                next: "check the path: ls -l \(path)"
            )
        }
        let isDirectory =
            type == .typeDirectory
            || type == .typeSymbolicLink
                && ((try? FileManager.default.contentsOfDirectory(atPath: path)) != nil)
        let directory = isDirectory ? path : url.deletingLastPathComponent().path
        do throws(DiskError) {
            disk = try POSIXDisk(path: directory.isEmpty ? "." : directory, access: .readOnly)
        } catch {
            throw CommandFailure(.failed, "\(directory) cannot be read: \(error)")
        }
        file = isDirectory ? nil : url.lastPathComponent
    }

    /// What the first bytes of a file say.
    static func kind(of name: String, on disk: any Disk) throws(DiskError) -> MeterFileKind? {
        MeterFileKind(firstBytes: try [UInt8].first(8, of: disk.open(name)))
    }
}

/// Where a journal file begins, as its header says; it has two copies of it, a sector each.
enum JournalStart {
    private static let sectorByteCount = 512

    /// nil where both copies are damaged, which opening the journal then reports.
    static func read(_ name: String, on disk: any Disk) throws(DiskError) -> UInt64? {
        let bytes = try [UInt8].first(2 * sectorByteCount, of: disk.open(name))
        for start in [0, sectorByteCount] where bytes.count >= start + sectorByteCount {
            let sector = bytes[start..<start + sectorByteCount]
            let sum = Checksum.crc32c(Array(sector.dropLast(4)))
            guard UInt64(sum) == integer(sector.suffix(4)) else { continue }
            return integer(sector.dropFirst(32).prefix(8))
        }
        return nil
    }

    private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension [UInt8] {
    /// All of a small file.
    static func all(of file: any DiskFile) throws(DiskError) -> [UInt8] {
        try first(file.byteCount(), of: file)
    }

    /// The file's first bytes; fewer where it is shorter.
    fileprivate static func first(
        _ wanted: Int,
        of file: any DiskFile
    ) throws(DiskError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: wanted)
        var failure: DiskError?
        let count = unsafe bytes.withUnsafeMutableBytes { target -> Int in
            do throws(DiskError) { return try unsafe file.read(at: 0, into: target) } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return Array(bytes.prefix(count))
    }
}
