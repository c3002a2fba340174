package import MeterWire

/// What other parts ask of the book.
extension BookState {
    /// The number that a new principal gets.
    package var nextPrincipal: PrincipalID {
        PrincipalID(rawValue: (principals.keys.max()?.rawValue ?? 0) &+ 1)
    }

    /// The number that a new intent gets.
    package var nextIntentNumber: UInt64 { lastIntentNumber &+ 1 }

    /// What was told for one row; nil if nothing ever was.
    package func submission(_ key: SubmissionKey) -> SubmissionStanding? {
        submissions[key.month]?[key]
    }

    /// Everything that was told of a resource in a month.
    package func submissions(
        of resource: ResourceKey,
        in month: BillingMonth
    ) -> [SubmissionKey: SubmissionStanding] {
        submissions[month]?[resource] ?? [:]
    }

    /// What Waldur was found to have of a row: the newest figure that was read back, or what it showed when
    /// the resource was adopted; nil for nothing.
    package func found(_ key: SubmissionKey) -> Hundredths? {
        submission(key)?.confirmed?.amount ?? openings[key]?.amount
    }

    /// Whose key this is and what it may do at this moment.
    ///
    /// A wire key is proven by the tags of its frames, so here it is only looked up.
    package func wireCredential(_ id: KeyID, at time: Timestamp) throws(KeyRefusal) -> Credential {
        try credential(id, kind: .wire, at: time)
    }

    /// Whose key this is and what it may do at this moment, if the secret is right.
    package func httpCredential(
        _ text: KeyText,
        at time: Timestamp
    ) throws(KeyRefusal) -> Credential {
        guard text.kind == .http else { throw .wrongKind }
        let known = keys[text.id]
        guard let known else { throw .unknownKey }
        guard known.key.kind == .http else { throw .wrongKind }
        guard known.key.accepts(text.secret) else { throw .wrongSecret }
        return try credential(text.id, kind: .http, at: time)
    }

    private func credential(
        _ id: KeyID,
        kind: KeyText.Kind,
        at time: Timestamp
    ) throws(KeyRefusal) -> Credential {
        guard let standing = keys[id], let principal = principals[standing.key.principal] else {
            throw .unknownKey
        }
        guard standing.key.kind == kind else { throw .wrongKind }
        if let refusal = standing.refusal(at: time) { throw refusal }
        return Credential(key: id, principal: principal, scopes: standing.key.scopes)
    }

    /// The month that this Waldur is told now: the newest that it turned to, or that anything was told of;
    /// nil before its first.
    package func presentMonth(of waldur: WaldurID) -> BillingMonth? {
        let told = submissions.keys.sorted().last { month in
            submissions[month]?.contains { $0.key.waldur == waldur } ?? false
        }
        return [billing.turned[waldur]?.month, resumed[waldur], told].compactMap(\.self).max()
    }

    /// The agents with an access that was ever bound to a resource.
    package func agents(of resource: ResourceKey) -> Set<AgentKey> {
        Set(
            (accessesByResource[resource] ?? []).compactMap { accesses[$0] }
                .map { AgentKey(tenant: $0.tenant, agent: $0.agent) }
        )
    }

    /// Every access of an agent, sorted.
    package func accesses(of agent: AgentKey) -> [AccessID] { accessesByAgent[agent] ?? [] }

    /// Every binding in the book, sorted by access and start.
    package var allBindings: [Binding] {
        bindings.keys.sorted().flatMap { bindings[$0] ?? [] }
    }
}
