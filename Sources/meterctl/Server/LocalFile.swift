internal import FoundationEssentials

/// Files that meterctl is pointed at.
enum LocalFile {
    /// A file's bytes.
    static func bytes(_ path: String) throws(CommandFailure) -> [UInt8] {
        do {
            return [UInt8](try Data(contentsOf: URL(filePath: path)))
        } catch {
            throw CommandFailure(
                .failed,
                "\(path) cannot be read",
                next: "check the path: ls -l \(path)"
            )
        }
    }

    /// A secret from a small file, without white space around it.
    static func secret(_ path: String) throws(CommandFailure) -> String {
        let bytes = try bytes(path)
        let spaces: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
        let trimmed = bytes.drop { spaces.contains($0) }.reversed()
            .drop { spaces.contains($0) }.reversed()
        guard bytes.count <= 4_096, !trimmed.isEmpty else {
            throw CommandFailure(.failed, "\(path) does not hold a key")
        }
        return String(decoding: Array(trimmed), as: UTF8.self)
    }
}
