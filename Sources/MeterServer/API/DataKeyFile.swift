internal import FoundationEssentials

/// A key in a file of the data directory: drawn at the first start, read at every later one.
enum DataKeyFile {
    /// - Parameter consequence: What happens to a server that makes do without the damaged key.
    /// - Throws: ``StartError`` when the file has another size, or cannot be written.
    static func key(
        _ name: String,
        byteCount: Int,
        in directory: String,
        consequence: String
    ) throws -> [UInt8] {
        let url = URL(filePath: directory).appending(path: name)
        if FileManager.default.fileExists(atPath: url.path) {
            guard let stored = try? Data(contentsOf: url) else {
                throw StartError(.failed, "\(url.path) could not be read")
            }
            guard stored.count == byteCount else {
                throw StartError(
                    .damaged,
                    "\(url.path) has \(stored.count) bytes instead of \(byteCount): \(consequence)"
                )
            }
            return Array(stored)
        }
        return try draw(name, byteCount: byteCount, in: directory)
    }

    /// - Throws: ``StartError`` when it cannot be written.
    private static func draw(_ name: String, byteCount: Int, in directory: String) throws -> [UInt8]
    {
        let url = URL(filePath: directory).appending(path: name)
        var random = SystemRandomNumberGenerator()
        let key = (0..<byteCount).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        do {
            try Data(key).write(to: url, options: .atomic)
        } catch {
            throw StartError(.failed, "\(url.path) could not be written: \(error)")
        }
        return key
    }
}
