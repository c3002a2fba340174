package import MeterWire
internal import Synchronization

/// What is known of one source, for people: what came, what is missing, what it claims.
package struct SourceSummary: Sendable, Equatable {
    package var key: SourceKey
    package var firstSeen: Timestamp
    package var lastSeen: Timestamp
    /// Every event below this number has come.
    package var watermark: UInt64
    package var received: [Range<UInt64>]
    /// Numbers that have not come and were not given up.
    package var openHoles: [Range<UInt64>]
    /// Numbers that the emitter has given up.
    package var givenUp: [Range<UInt64>]
    package var counts: SourceCounts
    package var isQuarantined: Bool
    /// A person said that it will not come back, and it did not.
    package var isRetired: Bool
    /// Nil before the first claim.
    package var claim: Claim?
    package var claimTime: Timestamp?
    /// Events sealed before the newest claim: of what is missing below, the claim's lines tell.
    package var claimedThrough: UInt64
    /// Nil when unknown.
    package var completeThrough: Timestamp?
    package var tenants: [Name]
    /// Where something of it last came from; nil where that is not known (any more).
    package var peer: PeerAddress?

    /// The emitter said that nothing comes after, and everything before has come.
    package var isEnded: Bool { claim?.isLast == true && openHoles.isEmpty }
    /// Without a last claim nobody knows what the emitter still had.
    package var isUnclean: Bool { claim?.isLast != true }

    /// Whether what has not come of the source may be this tenant's; `reachable` says whose usage its
    /// principal may send, which counts while the source has named nobody.
    package func mayTouch(_ tenant: Name, isReachable: Bool) -> Bool {
        let lines = claim?.lines ?? []
        if tenants.isEmpty, lines.isEmpty { return isReachable }
        return tenants.contains(tenant) || lines.contains { $0.tenant == tenant }
    }

    /// - Parameter retired: When a person said that it will not come back.
    init(_ state: SourceState, retired: Timestamp?) {
        key = state.key
        firstSeen = state.firstSeen
        lastSeen = max(state.lastSeen, state.lastRepeated)
        watermark = state.received.watermark
        received = state.received.ranges
        openHoles = state.openHoles
        givenUp = state.namedHoles
        counts = state.counts
        isQuarantined = state.quarantined
        claim = state.claimed?.claim
        claimTime = state.claimed?.time
        claimedThrough = state.claimed?.sealedThrough ?? 0
        isRetired = state.isRetired(at: retired)
        let through = state.completeThrough(retired: retired)
        completeThrough = through.milliseconds <= 0 ? nil : through
        tenants = state.tenants
        peer = state.peer
    }
}

extension Engine {
    /// The segments that history is read from, in the order of their spans.
    package var segments: [Segment] { generation.withLock { $0.segments } }

    /// Every source, by principal and source. Counts include what is appended and not durable yet.
    package func sources() -> [SourceSummary] {
        let policy = policy
        var summaries: [SourceSummary] = []
        for shard in shards {
            summaries += shard.state.withLock { state in
                state.sources.map { SourceSummary($0, retired: policy.retired[$0.key]) }
            }
        }
        return summaries.sorted { $0.key < $1.key }
    }

    /// The names of a tenant's agents that have used something at any time.
    package func agents(of tenant: Name) -> Set<Name> { registry.agents(of: tenant) }

    /// Tenants of which anything was counted, in no order.
    package func knownTenants() -> [Name] { registry.tenants }

    /// The tenant's agents of which anything was counted, in no order.
    package func knownAgents(of tenant: Name) -> [Name] { registry.agents(of: tenant) }

    /// Components of which anything was counted, whosever, in no order.
    package func knownComponents() -> [Name] { registry.components }

    /// What came in since the server's start and what became of it, by principal.
    package func admissionCounts() -> [PrincipalID: AdmissionCounts] {
        var counts: [PrincipalID: AdmissionCounts] = [:]
        for shard in shards {
            let own = shard.state.withLock { $0.counts }
            for (principal, more) in own {
                counts[principal] = (counts[principal] ?? AdmissionCounts()) + more
            }
        }
        return counts
    }

    /// The state in one canonical form, the same for the same history however it was checkpointed: what
    /// tests compare after crashes. Everything that is appended counts.
    package func canonicalDump() throws(EngineError) -> String {
        var sources: [SourceState] = []
        for shard in shards { sources += shard.state.withLock { $0.sources } }
        var text = ""
        for piece in SourceCoding.pieces(of: sources) { text += Hexadecimal.text(piece) + "\n" }
        let everything = UsageQuery(
            windows: [Minute(rawValue: 0), Minute(rawValue: .max)],
            grouping: [.tenant, .agent, .access, .component, .way], classes: .all,
            withVariants: true)
        let totals = try query(everything, at: Timestamp(milliseconds: 0)).answer.totals
        let lines = totals.map { group, total in
            "\(group.tenant?.description ?? "") \(group.agent?.description ?? "") "
                + "\(group.access?.description ?? "-") \(group.component?.description ?? "") "
                + "\(group.way?.rawValue ?? "") \(total.sum) \(total.count)"
        }
        return text + lines.sorted().joined(separator: "\n")
    }
}
