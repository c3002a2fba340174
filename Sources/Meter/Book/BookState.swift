package import MeterWire

/// What follows from all decisions: a pure fold over the book's entries, and the indexes for looking
/// things up.
///
/// A value: whoever holds one sees one moment of the book, and threads share it freely.
package struct BookState: Sendable {
    /// The last entry that is in it.
    package private(set) var head = BookHead.empty
    package private(set) var principals: [PrincipalID: Principal] = [:]
    package private(set) var keys: [KeyID: KeyStanding] = [:]
    package private(set) var components: [Name: Component] = [:]
    package private(set) var accesses: [AccessID: Access] = [:]
    /// Of each tenant's agent, sorted.
    package private(set) var accessesByAgent: [AgentKey: [AccessID]] = [:]
    /// Of each access, disjoint and sorted by start.
    package private(set) var bindings: [AccessID: [Binding]] = [:]
    /// Of each resource, the accesses that were ever bound to it, in the order of their bindings.
    package private(set) var accessesByResource: [ResourceKey: [AccessID]] = [:]
    /// Every resource of which a Waldur was asked.
    package private(set) var resources = PiecewiseDictionary<ResourceKey, ResourceStanding>()
    package private(set) var submissions: [BillingMonth: MonthSubmissions] = [:]
    /// Intents with a component whose outcome is not known to be final, by number.
    package private(set) var openIntents: [UInt64: OpenIntent] = [:]
    package private(set) var lastIntentNumber: UInt64 = 0
    package private(set) var openings: [SubmissionKey: OpeningBalance] = [:]
    /// Prices, months, carries, adjustments: what decides what a figure is worth and where it goes.
    package private(set) var billing = BillingState()
    /// The newest month for which a person has let the reporter go on.
    package private(set) var resumed: [WaldurID: BillingMonth] = [:]
    package private(set) var retiredSources: [SourceKey: RetiredSource] = [:]
    package private(set) var acceptedGaps: [SourceKey: [GapAcceptance]] = [:]
    package private(set) var conflictDecisions: [SourceKey: [ConflictDecision]] = [:]
    /// Users whose details were erased.
    package private(set) var erasures = DetailsErasures()
    /// Of those that have limits of their own.
    package private(set) var limits: [LimitSubject: LimitValues] = [:]
    /// Which way of whose usage counts.
    package private(set) var counting = CountingRule()
    /// What that follows from, in the order in which it was decided.
    package private(set) var countingDeclarations: [CountingStanding] = []
    /// Components that stand in some intent.
    private var toldComponents: Set<Name> = []

    package init() {}

    /// Takes the next entry into account. Total: an entry that contradicts the state changes as little
    /// as possible, since `append` refused such entries when they were written.
    package mutating func apply(_ entry: BookEntry) {
        head = entry.head
        switch entry.decision {
        case .principalSet(let principal): principals[principal.id] = principal
        case .keyCreated(let key): keys[key.id] = KeyStanding(key: key, created: entry.time)
        case .keyRevoked(let revocation): keys[revocation.id]?.revoked = entry.time
        case .keyReplaced(let replacement): keys[replacement.id]?.replacement = replacement
        case .componentDeclared(let component): components[component.name] = component
        case .componentWithdrawn(let withdrawal): components[withdrawal.name] = nil
        case .accessMade(let access): add(access)
        case .bindingSet(let binding): add(binding)
        case .bindingEnded(let end): apply(end)
        case .planPeriodsSeen(let seen):
            resources[seen.resourceKey, default: ResourceStanding()].merge(seen, at: entry.time)
        case .submissionIntended(let intent): add(intent, entry.hash)
        case .submissionConfirmed(let outcome): settle(outcome, confirmed: true)
        case .submissionRefused(let outcome): settle(outcome, confirmed: false)
        case .submissionUnknown(let outcome): openIntents[outcome.number]?.isUnknown = true
        case .openingBalance(let opening): openings[opening.key] = opening
        case .reportingResumed(let resumption):
            let known = resumed[resumption.waldur]
            resumed[resumption.waldur] = known.map { max($0, resumption.month) } ?? resumption.month
        case .sourceRetired(let retirement):
            retiredSources[retirement.source] = RetiredSource(
                reason: retirement.reason,
                time: entry.time
            )
        case .gapAccepted(let gap): acceptedGaps[gap.source, default: []].append(gap)
        case .conflictDecided(let decision):
            conflictDecisions[decision.source, default: []].append(decision)
        case .detailsErased(let erasure): erasures.append(erasure, number: entry.number)
        case .limitsSet(let decision):
            limits[decision.subject] = decision.limits.isEmpty ? nil : decision.limits
        case .countingDeclared(let declaration):
            counting.apply(declaration)
            countingDeclarations.append(
                CountingStanding(declaration: declaration, author: entry.author, made: entry.time))
        case .foreignDecided(let decision):
            if let amount = decision.amount { accept(amount, for: decision.key) }
            billing.apply(entry)
        case .priceSeen, .offeringUnitSet, .periodCut, .monthTurned, .carryMade, .carrySettled,
            .foreignFound, .orderSeen, .orderFlushed, .incidentFound,
            .adjustmentMade, .adjustmentAcknowledged, .resourceAdopted, .resourceReleased,
            .periodClosed, .periodReopened, .statementKeySet,
            .offeringFollowed, .correctionMade, .creditGranted, .backfillBegun, .backfillDone:
            billing.apply(entry)
        }
    }

    private mutating func add(_ access: Access) {
        guard accesses.updateValue(access, forKey: access.id) == nil else { return }
        let key = AgentKey(tenant: access.tenant, agent: access.agent)
        accessesByAgent[key, default: []].append(access.id)
        accessesByAgent[key]?.sort()
    }

    private mutating func add(_ binding: Binding) {
        bindings[binding.access, default: []].append(binding)
        bindings[binding.access]?.sort { $0.from < $1.from }
        let known = accessesByResource[binding.resourceKey] ?? []
        if !known.contains(binding.access) {
            accessesByResource[binding.resourceKey] = known + [binding.access]
        }
    }

    private mutating func apply(_ end: BindingEnd) {
        guard let index = bindings[end.access]?.firstIndex(where: { $0.from == end.from }) else {
            return
        }
        if end.to <= end.from {
            bindings[end.access]?.remove(at: index)
        } else {
            bindings[end.access]?[index].to = end.to
        }
    }

    private mutating func add(_ intent: SubmissionIntent, _ hash: BookHash) {
        let mark = SubmissionMark(intent, in: hash)
        lastIntentNumber = max(lastIntentNumber, intent.number)
        openIntents[intent.number] = OpenIntent(
            intent: intent,
            mark: mark,
            isUnknown: false,
            open: Set(intent.items.map(\.component))
        )
        for item in intent.items {
            toldComponents.insert(item.component)
            let key = intent.key(item.component)
            var standing = submission(key) ?? SubmissionStanding()
            standing.open.append(
                SubmissionStanding.Told(
                    number: intent.number,
                    total: item.total,
                    amount: item.amount,
                    position: intent.position,
                    mark: mark
                )
            )
            submissions[intent.month, default: MonthSubmissions()][key] = standing
        }
    }

    private mutating func settle(_ outcome: SubmissionOutcome, confirmed: Bool) {
        guard let open = openIntents[outcome.number] else { return }
        let intent = open.intent
        let settled = outcome.components.map { Set($0).intersection(open.open) } ?? open.open
        for component in settled {
            let key = intent.key(component)
            guard var standing = submission(key),
                let index = standing.open.firstIndex(where: { $0.number == outcome.number })
            else { continue }
            let told = standing.open.remove(at: index)
            standing.lastSettled = told
            if confirmed, (standing.confirmed?.number ?? 0) <= told.number {
                standing.confirmed = told
                billing.setRight(key)
            }
            submissions[intent.month]?[key] = standing
        }
        let left = open.open.subtracting(settled)
        openIntents[outcome.number] =
            left.isEmpty
            ? nil
            : OpenIntent(intent: intent, mark: open.mark, isUnknown: open.isUnknown, open: left)
    }

    /// What somebody else wrote counts as told from now on.
    private mutating func accept(_ amount: Hundredths, for key: SubmissionKey) {
        var standing = submission(key) ?? SubmissionStanding()
        standing.confirmed = SubmissionStanding.Told(
            number: standing.confirmed?.number ?? 0,
            total: standing.confirmed?.total ?? Quantity(0),
            amount: amount,
            position: standing.confirmed?.position ?? 0,
            mark: standing.confirmed?.mark
        )
        submissions[key.month, default: MonthSubmissions()][key] = standing
    }

    func wasTold(_ component: Name) -> Bool { toldComponents.contains(component) }
}

/// An agent of a tenant.
package struct AgentKey: Hashable, Comparable, Sendable {
    package let tenant: Name
    package let agent: Name

    package init(tenant: Name, agent: Name) {
        self.tenant = tenant
        self.agent = agent
    }

    package static func < (left: AgentKey, right: AgentKey) -> Bool {
        left.tenant != right.tenant ? left.tenant < right.tenant : left.agent < right.agent
    }
}

/// A key and whether it still opens anything.
package struct KeyStanding: Equatable, Sendable {
    package let key: Key
    package let created: Timestamp
    package internal(set) var revoked: Timestamp?
    /// Which key takes its place, and until when both are good.
    package internal(set) var replacement: KeyReplacement?

    init(key: Key, created: Timestamp) {
        self.key = key
        self.created = created
    }

    /// Why the key opens nothing at this moment; nil if it does.
    package func refusal(at time: Timestamp) -> KeyRefusal? {
        if revoked != nil { return .revoked }
        if let expires = key.expires, expires <= time { return .expired }
        if let replacement, replacement.ends <= time { return .replaced }
        return nil
    }

    /// From when on the key opens nothing, as far as that is decided; nil for never.
    package var end: Timestamp? {
        [revoked, key.expires, replacement?.ends].compactMap { $0 }.min()
    }
}

/// What is known of a resource: the newest reading, with every plan period of all readings.
package struct ResourceStanding: Equatable, Sendable {
    /// Sorted by start, then in the order in which they were first seen.
    package private(set) var periods: [PlanPeriod] = []
    package private(set) var components: Set<Name> = []
    package private(set) var offering: OfferingID?
    package private(set) var customer: Name?
    /// Whose resource it was, since when it was seen to be; ascending.
    package private(set) var customers: [Ownership] = []
    package private(set) var resourceState: String?
    package private(set) var project: ResourceProject?
    package private(set) var seen: Timestamp?

    package init() {}

    package mutating func merge(_ reading: PlanPeriodsSeen, at time: Timestamp) {
        for period in reading.periods {
            if let index = periods.firstIndex(where: { $0.id == period.id }) {
                periods[index] = period
            } else {
                periods.append(period)
            }
        }
        // The sort is stable, so that of periods that start together the last seen stays last.
        periods.sort { $0.start < $1.start }
        components = Set(reading.components)
        offering = reading.offering ?? offering
        if let owner = reading.customer, owner != customer {
            customers.append(Ownership(customer: owner, since: time))
            customer = owner
        }
        resourceState = reading.resourceState ?? resourceState
        project = reading.project ?? project
        seen = time
    }

    /// Whose resource it was at a moment; the first known owner's before anybody had looked.
    package func customer(at moment: Timestamp) -> Name? {
        (customers.last { $0.since <= moment } ?? customers.first)?.customer
    }
}

/// Whose resource it is, and since when it was seen to be.
package struct Ownership: Equatable, Sendable {
    package let customer: Name
    package let since: Timestamp
}

/// What was told for one row of Waldur's usage.
package struct SubmissionStanding: Equatable, Sendable {
    /// A figure, from its intent.
    package struct Told: Equatable, Sendable {
        package let number: UInt64
        package let total: Quantity
        package let amount: Hundredths
        package let position: UInt64
        /// What stands beside it in Waldur; nil where only somebody else's figure was ever accepted.
        package let mark: SubmissionMark?
    }

    /// The newest that was read back.
    package internal(set) var confirmed: Told?
    /// Intended or unknown, in the order of their numbers.
    package internal(set) var open: [Told] = []
    /// The newest whose outcome is final, whatever it was: a refused one may still arrive.
    package internal(set) var lastSettled: Told?

    init() {}

    /// This book told a figure of the row with this mark, and may do so still.
    package func told(_ mark: SubmissionMark) -> Bool {
        (open + [confirmed, lastSettled].compactMap(\.self)).contains { $0.mark == mark }
    }
}

/// An intent some of whose components have no final outcome.
package struct OpenIntent: Equatable, Sendable {
    package let intent: SubmissionIntent
    /// What stands in Waldur's `description`, so that a value there can be told to be ours.
    package let mark: SubmissionMark
    /// Nobody knows whether Waldur has it: to be read back, not repeated.
    package internal(set) var isUnknown: Bool
    package let open: Set<Name>

    package init(
        intent: SubmissionIntent,
        mark: SubmissionMark,
        isUnknown: Bool,
        open: Set<Name>
    ) {
        self.intent = intent
        self.mark = mark
        self.isUnknown = isUnknown
        self.open = open
    }
}
