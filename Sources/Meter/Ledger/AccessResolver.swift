package import MeterWire

/// Why usage belongs to no resource (yet).
package enum UnassignedReason: String, Codable, Sendable, CaseIterable {
    /// The event names an access that nobody has made.
    case unknownAccess = "unknown-access"
    /// The event names an access of another tenant; refused on arrival where that was known then.
    case accessOfAnotherTenant = "access-of-another-tenant"
    /// The event names no access and the agent has none.
    case noAccess = "no-access"
    /// No binding covers the minute.
    case notBound = "not-bound"
    /// The event names no access and more than one of the agent's could be meant.
    case ambiguous
    /// For any of these reasons; but the other way of the agent's usage counted at that time, so that there is
    /// nothing to bind or to bill.
    case advisory
}

/// Whose usage something is: from what an event says to the binding that was valid at its time.
///
/// An event with a known access uses it. Without one, tenant, agent and time decide: an access could be
/// meant if it was bound at that time, or if nobody has ever bound it (then nobody knows since when it
/// exists). If more than one could be meant, nothing is guessed.
package struct AccessResolver: Sendable {
    package enum Resolution: Equatable, Sendable {
        case bound(Binding)
        case unassigned(UnassignedReason)
    }

    private let accesses: [AccessID: Access]
    private let accessesByAgent: [AgentKey: [AccessID]]
    private let bindings: [AccessID: [Binding]]

    package init(_ book: BookState) {
        accesses = book.accesses
        accessesByAgent = book.accessesByAgent
        bindings = book.bindings
    }

    /// - Complexity: O(bindings of the agent's accesses).
    package func resolve(
        tenant: Name,
        agent: Name,
        access: AccessID?,
        at minute: Minute
    ) -> Resolution {
        if let access {
            guard let known = accesses[access] else { return .unassigned(.unknownAccess) }
            guard known.tenant == tenant else { return .unassigned(.accessOfAnotherTenant) }
            return binding(of: access, at: minute).map { .bound($0) } ?? .unassigned(.notBound)
        }
        let candidates = accessesByAgent[AgentKey(tenant: tenant, agent: agent)] ?? []
        if candidates.isEmpty { return .unassigned(.noAccess) }
        var found: Binding?
        var couldBeMeant = 0
        for candidate in candidates {
            if let binding = binding(of: candidate, at: minute) {
                found = binding
                couldBeMeant += 1
            } else if (bindings[candidate] ?? []).isEmpty {
                couldBeMeant += 1
            }
        }
        if couldBeMeant > 1 { return .unassigned(.ambiguous) }
        return found.map { .bound($0) } ?? .unassigned(.notBound)
    }

    private func binding(of access: AccessID, at minute: Minute) -> Binding? {
        bindings[access]?.first { $0.contains(minute) }
    }
}
