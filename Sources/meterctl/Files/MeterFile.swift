internal import FoundationEssentials
internal import Meter

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
            throw CommandFailure(.failed, "\(path) is not there", next: "check the path: ls -l \(path)")
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
        let file = try disk.open(name)
        var bytes = [UInt8](repeating: 0, count: 8)
        let count = try bytes.fill(from: file)
        return MeterFileKind(firstBytes: Array(bytes.prefix(count)))
    }
}

extension [UInt8] {
    /// Reads the file's first bytes into the array; returns how many there were.
    fileprivate mutating func fill(from file: any DiskFile) throws(DiskError) -> Int {
        var failure: DiskError?
        let count = unsafe withUnsafeMutableBytes { target -> Int in
            do throws(DiskError) { return try unsafe file.read(at: 0, into: target) } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return count
    }
}
