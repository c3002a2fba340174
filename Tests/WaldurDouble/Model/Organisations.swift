/// An organisation: it buys, and it may also be a service provider.
struct Customer: Identified {
    var id: ID
    var name: String
    var slug: String
    var abbreviation: String
    var created: Moment
    /// Holds for the invoices that are opened from then on.
    var taxPercent: Decimal10
    /// The uuid of its service provider profile, if it sells.
    var serviceProvider: ID?
    /// With it anybody may sign usage for any provider's resources.
    var apiSecret: String
}

struct Project: Identified {
    var id: ID
    var name: String
    var slug: String
    var description: String
    var customer: ID
    var created: Moment
    /// The day on which its resources are asked to be terminated.
    var endDate: String?
    var endDateRequestedBy: ID?
}

/// What a role is held on.
enum Scope: Hashable, Sendable {
    case customer(ID)
    case project(ID)
    case offering(ID)
}

struct Role: Hashable, Sendable {
    enum Kind: String, Sendable { case owner, manager, admin, member }
    var kind: Kind
    var scope: Scope
}

struct User: Identified {
    var id: ID
    /// The numeric key, shown only as `modified_by` of usage rows.
    var number: Int
    var username: String
    var fullName: String
    var token: String
    /// Seconds from the last request after which the token is dead; nil: never.
    var tokenLifetime: Int64?
    var tokenUsed: Moment
    var isStaff: Bool
    var isActive: Bool
    var roles: [Role]

    func has(_ kinds: Set<Role.Kind>, on scope: Scope) -> Bool {
        roles.contains { $0.scope == scope && kinds.contains($0.kind) }
    }
}
