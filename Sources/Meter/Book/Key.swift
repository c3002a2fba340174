internal import Crypto
package import MeterWire

/// What a key may be used for.
package struct KeyScopes: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let ingest = KeyScopes(rawValue: 1)
    package static let usage = KeyScopes(rawValue: 2)
    package static let admin = KeyScopes(rawValue: 4)
    /// With `usage`: sees it split by the tenant's users.
    package static let usageUsers = KeyScopes(rawValue: 8)
    /// What is told to Waldur and what it has confirmed.
    package static let finance = KeyScopes(rawValue: 16)

    fileprivate static let names: [(String, KeyScopes)] = [
        ("ingest", .ingest), ("usage", .usage), ("usage-users", .usageUsers),
        ("finance", .finance), ("admin", .admin),
    ]

    /// Every scope's name, for messages.
    package static var known: String { names.map(\.0).joined(separator: ", ") }

    /// The scopes' names, in a fixed order.
    package var names: [String] { Self.names.filter { contains($0.1) }.map(\.0) }

    /// Reads names such as `ingest`; nil if one of them is unknown.
    package init?(names: [String]) {
        self = []
        for name in names {
            guard let scope = Self.names.first(where: { $0.0 == name }) else { return nil }
            insert(scope.1)
        }
    }
}

extension KeyScopes: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let scopes = KeyScopes(names: try container.decode([String].self)) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "scopes are \(KeyScopes.known)"
            )
        }
        self = scopes
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(names)
    }
}

/// A key as the book knows it; nothing in it opens anything.
package struct Key: Equatable, Codable, Sendable {
    package let id: KeyID
    package let kind: KeyText.Kind
    package let principal: PrincipalID
    package let scopes: KeyScopes
    package let label: String
    /// From this moment on the key is refused; nil for never.
    package let expires: Timestamp?
    /// SHA-256 of an HTTP key's secret as 64 hexadecimal digits; a wire key has none.
    package let secretHash: String?

    package init(
        id: KeyID,
        kind: KeyText.Kind,
        principal: PrincipalID,
        scopes: KeyScopes,
        label: String,
        expires: Timestamp? = nil,
        secretHash: String? = nil
    ) {
        self.id = id
        self.kind = kind
        self.principal = principal
        self.scopes = scopes
        self.label = label
        self.expires = expires
        self.secretHash = secretHash
    }
}

extension Key {
    /// Draws an HTTP key: the text to show once, and what to put into the book.
    package static func makeHTTP(
        for principal: PrincipalID,
        scopes: KeyScopes,
        label: String,
        expires: Timestamp? = nil,
        using generator: inout some RandomNumberGenerator
    ) -> (text: KeyText, key: Key) {
        let id = KeyID(rawValue: .random(in: .min ... .max, using: &generator))
        let text = KeyText(kind: .http, id: id, secret: .random(count: 32, using: &generator))
        let key = Key(
            id: id,
            kind: .http,
            principal: principal,
            scopes: scopes,
            label: label,
            expires: expires,
            secretHash: hash(text.secret)
        )
        return (text, key)
    }

    /// Draws a wire key's id and derives its secret from the master key.
    package static func makeWire(
        for principal: PrincipalID,
        label: String,
        expires: Timestamp? = nil,
        master: MasterKey,
        using generator: inout some RandomNumberGenerator
    ) -> (text: KeyText, key: Key) {
        let id = KeyID(rawValue: .random(in: .min ... .max, using: &generator))
        let text = KeyText(kind: .wire, id: id, secret: master.wireKey(id))
        let key = Key(
            id: id,
            kind: .wire,
            principal: principal,
            scopes: .ingest,
            label: label,
            expires: expires
        )
        return (text, key)
    }

    /// Whether this is the secret that the key was made with; takes the same time either way.
    package func accepts(_ secret: Secret) -> Bool {
        guard let secretHash else { return false }
        return Secret.areEqual(Array(secretHash.utf8), Array(Self.hash(secret).utf8))
    }

    private static func hash(_ secret: Secret) -> String {
        Hexadecimal.text(SHA256.hash(data: secret.bytes))
    }
}

/// Who came with a key, and what for.
package struct Credential: Equatable, Sendable {
    package let key: KeyID
    package let principal: Principal
    package let scopes: KeyScopes

    package init(key: KeyID, principal: Principal, scopes: KeyScopes) {
        self.key = key
        self.principal = principal
        self.scopes = scopes
    }
}

/// Why a key opens nothing. For the log and the counters: a caller is told only that it was refused.
package enum KeyRefusal: String, Error, Equatable, Sendable {
    case unknownKey = "unknown-key"
    case wrongKind = "wrong-kind"
    case wrongSecret = "wrong-secret"
    case revoked
    case expired
    /// Another key took its place, and the time for which both were good has passed.
    case replaced
}
