package import MeterWire

/// Names one principal in journal and book; numbered from 1 in the order in which they were made.
///
/// 0 is nobody's: ingest under `--insecure-loopback`.
package struct PrincipalID: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package static let insecureLoopback = PrincipalID(rawValue: 0)
    /// Files of events that the administration takes in.
    package static let backfill = PrincipalID(rawValue: UInt64(Int64.max))

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package var description: String { String(rawValue) }

    package static func < (left: PrincipalID, right: PrincipalID) -> Bool {
        left.rawValue < right.rawValue
    }

    package init(from decoder: any Decoder) throws {
        rawValue = try decoder.singleValueContainer().decode(UInt64.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}

/// Who is authenticated: a platform account or a tenant's; the same over key rotation.
package struct Principal: Equatable, Codable, Sendable {
    /// Whose usage the principal may send and read.
    package enum Kind: Equatable, Sendable {
        /// A runtime that emits for every tenant, those included that come later.
        case platformForAll
        /// A runtime that emits for these tenants.
        case platform(tenants: Set<Name>)
        /// One tenant's own account.
        case tenant(Name)
    }

    package let id: PrincipalID
    package var kind: Kind
    /// For people; may change.
    package var label: String

    package init(id: PrincipalID, kind: Kind, label: String) {
        self.id = id
        self.kind = kind
        self.label = label
    }

    /// Whether the principal may send or read this tenant's usage.
    package func reaches(_ tenant: Name) -> Bool {
        switch kind {
        case .platformForAll: true
        case .platform(let tenants): tenants.contains(tenant)
        case .tenant(let own): own == tenant
        }
    }
}

extension Principal.Kind: Codable {
    private enum CodingKeys: String, CodingKey { case platform, tenant }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let tenant = try container.decodeIfPresent(Name.self, forKey: .tenant) {
            self = .tenant(tenant)
        } else if let word = try? container.decode(String.self, forKey: .platform) {
            guard word == "all" else {
                throw DecodingError.dataCorruptedError(
                    forKey: .platform,
                    in: container,
                    debugDescription: "'all' or a list of tenants"
                )
            }
            self = .platformForAll
        } else {
            self = .platform(tenants: Set(try container.decode([Name].self, forKey: .platform)))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .platformForAll: try container.encode("all", forKey: .platform)
        case .platform(let tenants): try container.encode(tenants.sorted(), forKey: .platform)
        case .tenant(let tenant): try container.encode(tenant, forKey: .tenant)
        }
    }
}
