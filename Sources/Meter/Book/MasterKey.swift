internal import Crypto
package import MeterWire

/// The 32 bytes from which every wire key is derived; whoever has them has all wire keys.
///
/// Nothing secret of a wire key is stored: losing this file means new wire keys for every emitter.
package struct MasterKey: Sendable {
    private let secret: Secret

    /// Reads the contents of a key file: 32 raw bytes, or 64 hexadecimal digits with white space around.
    package init(file contents: [UInt8]) throws(MasterKeyError) {
        if contents.count == 32 {
            secret = Secret(contents)
            return
        }
        let spaces: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
        let trimmed = contents.drop { spaces.contains($0) }.reversed()
            .drop { spaces.contains($0) }.reversed()
        let text = String(decoding: Array(trimmed), as: UTF8.self)
        guard let bytes = Hexadecimal.bytes(text), bytes.count == 32 else {
            throw MasterKeyError(byteCount: contents.count)
        }
        secret = Secret(bytes)
    }

    /// Draws a new master key and says what to put into its file.
    package static func make(
        using generator: inout some RandomNumberGenerator
    ) -> (key: MasterKey, fileContents: String) {
        let secret = Secret.random(count: 32, using: &generator)
        return (MasterKey(secret: secret), Hexadecimal.text(secret.bytes) + "\n")
    }

    private init(secret: Secret) { self.secret = secret }

    /// The 32-byte wire key of this id: HKDF-SHA-256 with the id's eight bytes in `info`.
    package func wireKey(_ id: KeyID) -> Secret {
        derived("meter wire key", KeyText.bytes(of: id.rawValue))
    }

    /// 32 bytes for another use, independent of every wire key as long as the purposes differ.
    package func secret(for purpose: String) -> Secret {
        derived("meter secret", Array(purpose.utf8))
    }

    private func derived(_ use: String, _ suffix: [UInt8]) -> Secret {
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: secret.bytes),
            info: Array(use.utf8) + [0] + suffix,
            outputByteCount: 32
        )
        return Secret(unsafe key.withUnsafeBytes { unsafe Array($0) })
    }
}

/// The file does not hold a master key.
package struct MasterKeyError: Error, Equatable, Sendable, CustomStringConvertible {
    package let byteCount: Int

    package var description: String {
        "the master key file has \(byteCount) bytes; it must hold 32 bytes or 64 hexadecimal digits"
    }
}
