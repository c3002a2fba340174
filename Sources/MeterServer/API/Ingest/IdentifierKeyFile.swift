internal import FoundationEssentials

/// The key of the id hashes, in the data directory: it must live exactly as long as the hashes that were
/// made with it, so it is kept, copied and restored together with them.
enum IdentifierKeyFile {
    static let name = "identifier.key"

    /// Reads the key, or draws it where this is the first start.
    static func hash(in directory: String) throws -> IdentifierHash {
        let url = URL(filePath: directory).appending(path: name)
        if let stored = try? Data(contentsOf: url) {
            guard let hash = IdentifierHash(key: [UInt8](stored)) else {
                throw StartError(
                    .damaged,
                    "\(url.path) has \(stored.count) bytes instead of 16: restore it from a copy of "
                        + "the data directory, or events sent again would count twice"
                )
            }
            return hash
        }
        var random = SystemRandomNumberGenerator()
        let key = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        do {
            try Data(key).write(to: url, options: .atomic)
        } catch {
            throw StartError(.failed, "\(url.path) could not be written: \(error)")
        }
        guard let hash = IdentifierHash(key: key) else {
            throw StartError(.failed, "\(url.path) could not be made")
        }
        return hash
    }
}
