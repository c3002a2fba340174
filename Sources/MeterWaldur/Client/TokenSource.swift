internal import FoundationEssentials
package import Meter

/// Where an account's token comes from. A file is read again when Waldur refuses the token, so that it
/// can be replaced while the server runs.
package enum TokenSource: Sendable {
    /// A token that was handed in, from the environment for instance.
    case value(Secret)
    /// A file that holds the token and nothing else but white space.
    case file(String)

    /// The token. Throws `WaldurError.notSent` where the file cannot be read or holds no token.
    func token() throws(WaldurError) -> Secret {
        switch self {
        case .value(let secret):
            return try Self.checked(secret.bytes, from: "the configured token")
        case .file(let path):
            guard let data = FileManager.default.contents(atPath: path) else {
                throw .notSent("cannot read the token file \(path)")
            }
            return try Self.checked(Array(data.prefix(4096)), from: "the token file \(path)")
        }
    }

    /// A token goes into a header line, so nothing that could end one may be in it.
    private static func checked(
        _ bytes: [UInt8],
        from place: String
    ) throws(WaldurError) -> Secret {
        let space: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
        let token = Array(bytes.drop { space.contains($0) }.reversed().drop { space.contains($0) })
        guard !token.isEmpty, token.count <= 512, token.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .notSent("\(place) holds no token (printable ASCII without spaces)") }
        return Secret(token.reversed())
    }
}
