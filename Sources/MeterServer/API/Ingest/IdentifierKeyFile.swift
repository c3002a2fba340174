/// The key of the id hashes, in the data directory: it must live exactly as long as the hashes that were
/// made with it, so it is kept, copied and restored together with them.
enum IdentifierKeyFile {
    static let name = "identifier.key"

    /// Reads the key, or draws it where this is the first start.
    static func hash(in directory: String) throws -> IdentifierHash {
        let key = try DataKeyFile.key(
            name,
            byteCount: IdentifierHash.keyByteCount,
            in: directory,
            consequence: "restore it from a copy of the data directory, or events sent again would "
                + "count twice"
        )
        guard let hash = IdentifierHash(key: key) else {
            throw StartError(.failed, "\(name) could not be made")
        }
        return hash
    }
}
