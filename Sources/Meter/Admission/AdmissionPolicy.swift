package import MeterWire

/// Who may emit what, as one immutable snapshot: made from the book's state, replaced as a whole.
///
/// Replay never asks a policy: the journal holds the verdicts that were given.
package final class AdmissionPolicy: Sendable {
    /// For which tenants a principal may emit.
    package enum Tenants: Sendable, Equatable {
        case all
        case only(Set<Name>)

        package func contains(_ tenant: Name) -> Bool {
            switch self {
            case .all: true
            case .only(let tenants): tenants.contains(tenant)
            }
        }
    }

    /// A wire key and whose it is.
    package struct Credential: Sendable {
        package let key: WireKey
        package let principal: PrincipalID

        package init(key: WireKey, principal: PrincipalID) {
            self.key = key
            self.principal = principal
        }
    }

    /// Wire keys in force; a revoked key is not listed.
    package let credentials: [KeyID: Credential]
    package let principals: [PrincipalID: Tenants]
    /// Which tenant each known access belongs to.
    package let accesses: [AccessID: Name]
    /// Components that were declared: never refused as new names.
    package let declaredComponents: Set<Name>
    /// When a person said of a source that it will not come back.
    package let retired: [SourceKey: Timestamp]
    /// Takes frames of suite 0 as this principal's; nil unless the operator turned authentication off.
    package let insecurePrincipal: PrincipalID?
    /// Limits that were decided for single tenants and principals; the others have the engine's.
    package let limits: [LimitSubject: LimitValues]
    /// Which way of whose usage counts; asked by queries alone, since all usage is admitted and kept.
    package let counting: CountingRule

    package init(
        credentials: [KeyID: Credential] = [:], principals: [PrincipalID: Tenants] = [:],
        accesses: [AccessID: Name] = [:], declaredComponents: Set<Name> = [],
        retired: [SourceKey: Timestamp] = [:], insecurePrincipal: PrincipalID? = nil,
        limits: [LimitSubject: LimitValues] = [:], counting: CountingRule = CountingRule()
    ) {
        self.credentials = credentials
        self.principals = principals
        self.accesses = accesses
        self.declaredComponents = declaredComponents
        self.retired = retired
        self.insecurePrincipal = insecurePrincipal
        self.limits = limits
        self.counting = counting
    }
}

/// Every limit of the engine, with its unit, its default and what happens when it is reached.
package struct EngineOptions: Sendable {
    /// Shards, each behind its own lock. More than receive threads bring nothing.
    package var shardCount = 8
    /// Milliseconds that an event may lie ahead of the server; beyond, it is refused as `in-future`.
    package var futureMilliseconds: Int64 = 5 * 60_000
    /// Milliseconds that an event of a frame may lie back; beyond, it is refused as `too-old`. Dedup of
    /// frames is kept for ever, so the horizon is a rule and not a limit of memory.
    package var frameHorizonMilliseconds: Int64 = 62 * 86_400_000
    /// Milliseconds that an HTTP event may lie back, and its id is kept; beyond, it is refused as
    /// `too-old-for-id-dedup`.
    package var identifierHorizonMilliseconds: Int64 = 72 * 3_600_000
    /// Milliseconds behind its arrival from which an accepted event counts as *behind*.
    package var behindMilliseconds: Int64 = 3_600_000
    /// Ranges above a source's watermark; a frame that would open one more is deferred.
    package var openRangeMax = 1_024
    /// What a tenant and a principal may have, where nothing was decided for that one.
    package var limits = LimitRules()
    /// Milliseconds' worth of a rate that may come at once.
    package var burstMilliseconds: Int64 = 10_000
    /// Tenants; events of new ones beyond are refused as `new-name-beyond-limit`.
    package var tenantCountMax = 100_000
    /// Live keys that ask for a checkpoint.
    package var checkpointKeyCount = 2_000_000
    /// Live and flushing keys together at which frames and batches are deferred.
    package var liveKeyMax = 6_000_000
    /// What details keep apart of a tenant between two checkpoints; the rest is folded.
    package var detailLimits = DetailLimits()
    /// Bytes of live details that ask for a checkpoint.
    package var checkpointDetailByteCount = 128 << 20
    /// Bytes of live and flushing details together at which frames and batches are deferred.
    package var detailByteCountMax = 512 << 20
    /// Milliseconds after which details may be left out of files; usage is not touched by that.
    package var detailsRetentionMilliseconds: Int64 = 400 * 86_400_000
    /// Journal bytes since the last checkpoint that ask for one.
    package var checkpointJournalBytes: UInt64 = 1 << 30
    /// Files of one size tier that are merged into one.
    package var mergeCountMin = MergePolicy.fanIn
    package var journal = Journal.Options()
    /// Bytes of finished journal files that are kept below the checkpoint.
    package var keptJournalBytes = 8 << 30

    package init() {}
}
