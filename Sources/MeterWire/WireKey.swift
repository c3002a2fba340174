internal import Crypto

/// The secret that an emitter and the server share, with its id.
///
/// Keeps the authentication state that the secret leads to, so that a tag costs the hashing of the bytes
/// and not of the key again.
public struct WireKey: Sendable {
    /// Stands in every frame made with this key.
    public let id: KeyID
    private let secret: SymmetricKey
    private let keyed: HMAC<SHA256>

    /// Takes a key's id and its 32 secret bytes; nil for another number of bytes.
    public init?(id: KeyID, secret: [UInt8]) {
        guard secret.count == 32 else { return nil }
        self.init(id: id, symmetric: SymmetricKey(data: secret))
    }

    private init(id: KeyID, symmetric: SymmetricKey) {
        self.id = id
        secret = symmetric
        keyed = HMAC(key: symmetric)
    }

    /// The wire key of this id under a server's master key (32 bytes or more), by HKDF-SHA-256 with
    /// `info` = "meter wire key" and the id's eight bytes.
    package static func derived(fromMaster master: [UInt8], id: KeyID) -> WireKey {
        var info = Array("meter wire key".utf8)
        info.appendFixed64(id.rawValue)
        return WireKey(
            id: id,
            symmetric: HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: master),
                info: info,
                outputByteCount: 32
            )
        )
    }

    /// The first 16 bytes of HMAC-SHA-256 over the parts, one after the other.
    func tag(_ bytes: UnsafeRawBufferPointer) -> FrameTag {
        var authenticator = keyed
        unsafe authenticator.update(data: bytes)
        return unsafe authenticator.finalize().withUnsafeBytes { code in
            unsafe FrameTag(
                high: UInt64(bigEndian: code.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: code.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }

    /// The AES-256 key of one source: HKDF-SHA-256 of the secret, salt = the source's 16 bytes, info =
    /// "meter wire 1 suite 2".
    func encryptionKey(for source: SourceID) -> SymmetricKey {
        var salt: [UInt8] = []
        salt.appendFixed64(source.high)
        salt.appendFixed64(source.low)
        return HKDF<SHA256>.deriveKey(
            inputKeyMaterial: secret,
            salt: salt,
            info: Array("meter wire 1 suite 2".utf8),
            outputByteCount: 32
        )
    }

    /// Whether both have the same id and the same secret.
    func isSame(as other: WireKey) -> Bool { id == other.id && secret == other.secret }
}

extension WireKey {
    private static var prefix: String { "mtrw_" }

    /// The form in which the key is shown once: `mtrw_`, 16 digits of id, `_`, 64 digits of secret, `_`,
    /// and 6 digits that catch typing errors (the start of SHA-256 over all before that `_`).
    package var text: String {
        let body =
            Self.prefix + id.description + "_"
            + (unsafe secret.withUnsafeBytes { unsafe Hexadecimal.text($0) })
        return body + "_" + Self.check(body)
    }

    /// Reads the form that `meterctl keys create` shows; nil if a character is wrong or missing.
    public init?(text: some StringProtocol) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] + "_" == Self.prefix,
            let id = Hexadecimal.bytes(parts[1]), id.count == 8,
            let secret = Hexadecimal.bytes(parts[2]),
            Self.check(parts[0...2].joined(separator: "_")) == parts[3]
        else { return nil }
        self.init(
            id: KeyID(rawValue: id.reduce(0) { $0 << 8 | UInt64($1) }),
            secret: secret
        )
    }

    private static func check(_ body: String) -> String {
        Hexadecimal.text(SHA256.hash(data: Array(body.utf8)).prefix(3))
    }
}

/// Shows the id only.
extension WireKey: CustomStringConvertible, CustomDebugStringConvertible {
    /// The id; never the secret.
    public var description: String { "WireKey(\(id))" }
    /// The id; never the secret.
    public var debugDescription: String { description }
}
