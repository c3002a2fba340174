internal import Meter
internal import MeterWire

/// What of all usage a caller may read: the one place where routes turn names that were asked for into
/// names that are answered.
struct UsageReach {
    /// nil for every tenant.
    let tenants: Set<Name>?
    /// nil for every agent of those tenants.
    let agents: Set<Name>?
    /// nil for every component.
    let components: Set<Name>?
    private let seesUsers: Bool

    init(_ caller: Caller) {
        seesUsers = caller.has(.usageUsers)
        var agents: Set<Name>?
        var components: Set<Name>?
        switch caller {
        case .anonymous: tenants = []
        case .localAdministrator: tenants = nil
        case .holder(let credential):
            switch credential.principal.kind {
            case .platformForAll: tenants = nil
            case .platform(let own): tenants = own
            case .tenant(let own): tenants = [own]
            }
        case .portal(let grant):
            tenants = [grant.tenant]
            agents = grant.agents
            components = grant.components
        }
        self.agents = agents
        self.components = components
    }

    // MARK: - One name, as in a path

    func tenant(_ text: String?) throws(Problem) -> Name {
        let name = try Self.name(text, "tenant")
        guard tenants?.contains(name) ?? true else { throw .unknownTenant }
        return name
    }

    func agent(_ text: String?, _ field: String = "agent") throws(Problem) -> Name {
        let name = try Self.name(text, field)
        guard agents?.contains(name) ?? true else { throw .unknownToToken("agent") }
        return name
    }

    func component(_ text: String?) throws(Problem) -> Name {
        let name = try Self.name(text, "component")
        guard components?.contains(name) ?? true else { throw .unknownToToken("component") }
        return name
    }

    /// Whoever asks for something by user must be allowed to see users.
    func users() throws(Problem) {
        guard seesUsers else { throw .scope("usage-users") }
    }

    // MARK: - Several, as in a query; none for all that the caller reaches

    func tenants(_ texts: [String]) throws(Problem) -> Set<Name>? {
        try Self.set(texts) { text throws(Problem) in try tenant(text) } ?? tenants
    }

    func agents(_ texts: [String], _ field: String = "agent") throws(Problem) -> Set<Name>? {
        try Self.set(texts) { text throws(Problem) in try agent(text, field) } ?? agents
    }

    func components(_ texts: [String]) throws(Problem) -> Set<Name>? {
        try Self.set(texts) { text throws(Problem) in try component(text) } ?? components
    }

    private static func set(
        _ texts: [String],
        _ read: (String) throws(Problem) -> Name
    ) throws(Problem) -> Set<Name>? {
        guard !texts.isEmpty else { return nil }
        var names: Set<Name> = []
        for text in texts { names.insert(try read(text)) }
        return names
    }

    private static func name(_ text: String?, _ field: String) throws(Problem) -> Name {
        guard let text, NameRule.accepts(text) else {
            throw .badQuery("`\(field)` is 1 to 255 bytes of text without control characters.")
        }
        return Name(text)
    }
}
