package import MeterWire

/// A key as its owner holds it: `mtr_<wire|http>_<id, 11><secret, 43><checksum, 6>`, digits in base 62.
///
/// ```text
/// mtr_wire_0aBcDeFgHiJ0123456789012345678901234567890123456789012Xy12zA
///          └── id ───┘└──────── 256 bits of secret ────────────────┘└crc┘
/// ```
///
/// The checksum is the CRC-32C of all characters before it, so every single mistyped, lost or added
/// character is found without asking anybody. A scanner finds leaked keys by
/// `mtr_(wire|http)_[0-9A-Za-z]{60}`.
package struct KeyText: Sendable {
    /// What a key opens.
    package enum Kind: String, Codable, Sendable, CaseIterable {
        /// Frames over UDP and TCP; the secret is the wire key itself.
        case wire
        /// HTTP requests; the server keeps only the secret's hash.
        case http
    }

    package let kind: Kind
    package let id: KeyID
    /// 32 bytes.
    package let secret: Secret

    package init(kind: Kind, id: KeyID, secret: Secret) {
        self.kind = kind
        self.id = id
        self.secret = secret
    }

    private static let idWidth = 11
    private static let secretWidth = 43
    private static let checksumWidth = 6

    /// The text to show once and never again.
    package var text: String {
        let body =
            "mtr_\(kind.rawValue)_"
            + Base62.text(Self.bytes(of: id.rawValue), width: Self.idWidth)
            + Base62.text(secret.bytes, width: Self.secretWidth)
        return body + Base62.text(Self.checksum(body.utf8), width: Self.checksumWidth)
    }

    /// Reads a key as somebody typed it, without surrounding white space.
    package init(parsing text: String) throws(KeyTextError) {
        guard let kind = Kind.allCases.first(where: { text.hasPrefix("mtr_\($0.rawValue)_") })
        else { throw .notAKey }
        let bytes = Array(text.utf8)
        let start = "mtr_\(kind.rawValue)_".utf8.count
        let expected = start + Self.idWidth + Self.secretWidth + Self.checksumWidth
        guard bytes.count == expected else {
            throw .length(expected: expected, found: bytes.count)
        }
        let secretStart = start + Self.idWidth
        let checksumStart = secretStart + Self.secretWidth
        guard let checksum = Base62.bytes(bytes[checksumStart...], count: 4),
            checksum == Self.checksum(bytes[..<checksumStart]),
            let id = Base62.bytes(bytes[start..<secretStart], count: 8),
            let secret = Base62.bytes(bytes[secretStart..<checksumStart], count: 32)
        else { throw .mistyped }
        self.init(
            kind: kind,
            id: KeyID(rawValue: id.reduce(0) { $0 << 8 | UInt64($1) }),
            secret: Secret(secret)
        )
    }

    private static func checksum(_ characters: some Sequence<UInt8>) -> [UInt8] {
        let value = Checksum.crc32c(Array(characters))
        return (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
    }

    /// The eight bytes of a key id, big-endian, as on the wire.
    static func bytes(of value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) }
    }
}

extension KeyText: CustomStringConvertible {
    /// Kind and id only.
    package var description: String { "\(kind.rawValue) key \(id)" }
}

/// Why a text is not a key; found without asking anybody.
package enum KeyTextError: Error, Equatable, Sendable, CustomStringConvertible {
    case notAKey
    case length(expected: Int, found: Int)
    case mistyped

    package var description: String {
        switch self {
        case .notAKey: "not a Meter key: it must begin with mtr_wire_ or mtr_http_"
        case .length(let expected, let found):
            "a Meter key of this kind has \(expected) characters, this one has \(found); copy all of it"
        case .mistyped: "the key's checksum does not match: a character is mistyped"
        }
    }
}
