internal import Crypto
internal import FoundationEssentials
package import Meter
internal import MeterWaldur
package import MeterWire

/// What a portal token lets its bearer read: one tenant's usage, or a part of it, for a while.
package struct PortalGrant: Equatable, Sendable {
    /// The platform key that the token was made with; the token is good for no longer than it.
    package let issuer: KeyID
    package let tenant: Name
    /// Only these agents; nil for all of the tenant.
    package let agents: Set<Name>?
    /// Only these components; nil for all.
    package let components: Set<Name>?
    /// Whether the bearer sees usage split by user.
    package let seesUsers: Bool
    package let expires: Timestamp

    package init(
        issuer: KeyID,
        tenant: Name,
        agents: Set<Name>? = nil,
        components: Set<Name>? = nil,
        seesUsers: Bool = false,
        expires: Timestamp
    ) {
        self.issuer = issuer
        self.tenant = tenant
        self.agents = agents
        self.components = components
        self.seesUsers = seesUsers
        self.expires = expires
    }

    package var scopes: KeyScopes { seesUsers ? [.usage, .usageUsers] : .usage }
}

/// Why a token opens nothing. For the counters: its bearer is told only that it was refused.
package enum PortalTokenRefusal: String, Error, Equatable, Sendable {
    case malformed = "token-malformed"
    case forged = "token-forged"
    case expired = "token-expired"
    /// The key that it was made with is revoked, expired or replaced, or may no longer read the tenant.
    case withoutIssuer = "token-without-issuer"
}

/// Makes and reads portal tokens: `mtr_portal_<grant>.<tag>`, both parts base64url, the tag HMAC-SHA-256
/// under a key that never leaves the data directory.
///
/// Nothing is kept of a token. It ends at its time, with the key that it was made with, or when
/// `portal.key` is removed and the server started again.
struct PortalTokens: Sendable {
    /// What tokens begin with; also how they are told from keys.
    static let prefix = "mtr_portal_"
    /// Longer ones are not made: they would not fit into a header beside others.
    static let byteCountMax = 6 << 10

    private let key: SymmetricKey

    init(key: [UInt8]) { self.key = SymmetricKey(data: key) }

    /// - Returns: nil if the token would be longer than ``byteCountMax``.
    func token(_ grant: PortalGrant) -> String? {
        let content = Self.content(grant)
        let tag = HMAC<SHA256>.authenticationCode(for: Self.signed(content), using: key)
        let text = Self.prefix + Base64URL.text(content) + "." + Base64URL.text(Array(tag))
        return text.utf8.count <= Self.byteCountMax ? text : nil
    }

    /// What a token grants at a moment. Nothing of it is read before its tag was verified.
    func grant(_ text: String, at time: Timestamp) throws(PortalTokenRefusal) -> PortalGrant {
        let parts = text.dropFirst(Self.prefix.count)
            .split(separator: ".", omittingEmptySubsequences: false)
        guard text.hasPrefix(Self.prefix), text.utf8.count <= Self.byteCountMax, parts.count == 2,
            let content = Base64URL.bytes(parts[0]), let tag = Base64URL.bytes(parts[1])
        else { throw .malformed }
        guard
            HMAC<SHA256>.isValidAuthenticationCode(
                tag,
                authenticating: Self.signed(content),
                using: key
            )
        else { throw .forged }
        guard let grant = Self.grant(content) else { throw .malformed }
        guard time < grant.expires else { throw .expired }
        return grant
    }

    /// Keeps this use of the key apart from any other.
    private static func signed(_ content: [UInt8]) -> [UInt8] {
        Array("meter portal token 1".utf8) + [0] + content
    }

    private static func content(_ grant: PortalGrant) -> [UInt8] {
        func list(_ names: Set<Name>?) -> JSONOutput {
            names.map { .array($0.sorted().map { .string($0.description) }) } ?? .null
        }
        let content: JSONOutput = [
            "issuer": .string(grant.issuer.description),
            "tenant": .string(grant.tenant.description),
            "agents": list(grant.agents), "components": list(grant.components),
            "users": .boolean(grant.seesUsers),
            "expires": .integer(grant.expires.milliseconds),
        ]
        return content.encoded
    }

    private static func grant(_ content: [UInt8]) -> PortalGrant? {
        func names(_ value: JSONValue) -> Set<Name>? {
            value.array.map { Set($0.compactMap(\.string).map { Name($0) }) }
        }
        guard let json = try? JSONParser.parse(content), let agents = json["agents"],
            let components = json["components"],
            let issuer = json["issuer"]?.string.flatMap({ Hexadecimal.bytes($0) }),
            issuer.count == 8, let tenant = json["tenant"]?.string,
            case .number(let digits)? = json["expires"], let expires = Int64(digits)
        else { return nil }
        return PortalGrant(
            issuer: KeyID(rawValue: issuer.reduce(0) { $0 << 8 | UInt64($1) }),
            tenant: Name(tenant),
            agents: names(agents),
            components: names(components),
            seesUsers: json["users"] == .bool(true),
            expires: Timestamp(milliseconds: expires)
        )
    }
}

/// Base64 with the letters that URLs and headers leave alone, without padding (RFC 4648 §5).
enum Base64URL {
    static func text(_ bytes: [UInt8]) -> String {
        String(
            Data(bytes).base64EncodedString().compactMap { character in
                switch character {
                case "+": "-"
                case "/": "_"
                case "=": nil
                default: character
                }
            }
        )
    }

    /// The bytes that a text stands for; nil for anything but what ``text(_:)`` writes.
    static func bytes(_ text: some StringProtocol) -> [UInt8]? {
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        let standard = text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 } + padding
        guard let data = Data(base64Encoded: String(standard)), Self.text(Array(data)) == text
        else { return nil }
        return Array(data)
    }
}
