internal import MeterWire

/// Decides which events of a decoded frame or batch are accepted, by policy, time and limits.
///
/// What depends on names is decided once per dictionary entry. Where no name, no access and neither the
/// earliest nor the latest time is against any event, no event is looked at.
/// Nothing here looks at sequences or ids: a judged event is one that was not seen before.
struct FrameJudge: ~Copyable {
    private var tenantAllowed: [Bool] = []
    private var agentWithinLimit: [Bool] = []
    private var componentRefused: [Bool] = []
    private var shapeRefused: [Bool] = []
    private var accessTenants: [Name?] = []
    private var refusals: [Verdict.Refusal] = []

    /// What the verdict depends on besides the events.
    struct Rules {
        let policy: AdmissionPolicy
        let tenants: AdmissionPolicy.Tenants
        let registry: NameRegistry
        let limiters: Limiters
        /// Events before it are refused for `ancientReason`.
        let earliest: Int64
        let ancientReason: RefusalReason
        let latest: Int64
        /// Limits of names, and accesses that tell their tenant, are for what comes by itself.
        let isBackfill: Bool

        /// The rules for one frame or batch of `principal` received at `now`; an unknown principal may
        /// emit for nobody.
        init(
            policy: AdmissionPolicy, principal: PrincipalID, engine: Engine, now: Timestamp,
            transport: Transport
        ) {
            self.policy = policy
            isBackfill = transport == .backfill
            tenants = isBackfill ? .all : policy.principals[principal] ?? .only([])
            limiters = engine.limiters
            registry = engine.registry
            let options = engine.options
            let horizon =
                transport.hasIdentifiers
                ? options.identifierHorizonMilliseconds : options.frameHorizonMilliseconds
            earliest =
                isBackfill ? 0 : max(0, now.advanced(byMilliseconds: -horizon).milliseconds)
            ancientReason = transport.hasIdentifiers ? .tooOldForIDDedup : .tooOld
            latest = min(
                now.advanced(byMilliseconds: options.futureMilliseconds).milliseconds,
                Int64(CounterKey.minuteMax) * 60_000)
        }
    }

    /// The verdict on every event of the batch.
    ///
    /// - Parameter found: The batch's names, looked up in `live`.
    mutating func judge(
        _ batch: borrowing EventBatch, _ found: borrowing BatchNames, by rules: Rules,
        live: borrowing LiveCounters
    ) -> Verdict {
        let namesAreFine = judgeNames(of: batch, found, by: rules, live: live)
        if namesAreFine, unsafe batch.accesses.isEmpty,
            batch.times.lowerBound >= rules.earliest, batch.times.upperBound <= rules.latest
        {
            return .accepted
        }
        refusals.removeAll(keepingCapacity: true)
        let events = unsafe batch.events
        for index in events.indices {
            let event = unsafe events[index]
            if event.time >= rules.earliest, event.time <= rules.latest, namesAreFine,
                event.access < 0
            {
                continue
            }
            if let reason = reason(for: event, in: batch, by: rules) {
                refusals.append(
                    Verdict.Refusal(index: UInt32(truncatingIfNeeded: index), reason: reason))
            }
        }
        guard let first = refusals.first else { return .accepted }
        if refusals.count == batch.eventCount, refusals.allSatisfy({ $0.reason == first.reason }) {
            return .refused(first.reason)
        }
        return .partly(refusals)
    }

    private func reason(
        for event: EventBatch.Event, in batch: borrowing EventBatch, by rules: Rules
    ) -> RefusalReason? {
        let agent = unsafe batch.agents[Int(event.agent)]
        guard tenantAllowed[Int(agent.tenant)] else { return .tenantNotAllowed }
        if event.time > rules.latest { return .inFuture }
        if event.time < rules.earliest { return rules.ancientReason }
        var knownAccess = false
        if event.access >= 0, !rules.isBackfill, let owner = accessTenants[Int(event.access)] {
            let tenant = unsafe batch.tenants[Int(agent.tenant)]
            guard unsafe owner.bytes.elementsEqual(batch.bytes(tenant)) else {
                return .accessOfOtherTenant
            }
            knownAccess = true
        }
        if !knownAccess, !agentWithinLimit[Int(event.agent)] { return .newNameBeyondLimit }
        return shapeRefused[Int(event.shape)] ? .newNameBeyondLimit : nil
    }

    /// Looks at each name once; true if no event can be refused for a name.
    private mutating func judgeNames(
        of batch: borrowing EventBatch, _ found: borrowing BatchNames, by rules: Rules,
        live: borrowing LiveCounters
    ) -> Bool {
        var fine = true
        tenantAllowed.removeAll(keepingCapacity: true)
        for index in 0..<(unsafe batch.tenants.count) {
            let tenant = unsafe batch.tenants[index]
            let allowed = rules.tenants == .all || rules.tenants.contains(batch.name(tenant))
            tenantAllowed.append(allowed)
            fine = fine && allowed
        }
        agentWithinLimit.removeAll(keepingCapacity: true)
        for index in 0..<(unsafe batch.agents.count) {
            let agent = unsafe batch.agents[index]
            let within =
                tenantAllowed[Int(agent.tenant)]
                && (live.names.hasPlainSeries(found.agents[index])
                    || isWithinLimit(agent, of: batch, by: rules))
            agentWithinLimit.append(within)
            fine = fine && within
        }
        let componentsAreFine = judgeComponents(of: batch, found, by: rules)
        accessTenants.removeAll(keepingCapacity: true)
        for index in 0..<(unsafe batch.accesses.count) {
            let access = unsafe batch.accesses[index]
            accessTenants.append(rules.policy.accesses[access])
        }
        return fine && componentsAreFine
    }

    private func isWithinLimit(
        _ agent: EventBatch.Agent, of batch: borrowing EventBatch, by rules: Rules
    ) -> Bool {
        let name = unsafe batch.name(batch.tenants[Int(agent.tenant)])
        let subject = LimitSubject.tenant(name)
        let isAdmitted = rules.registry.admitAgent(
            batch.name(agent.name), of: name,
            max: rules.isBackfill ? .max : rules.limiters.rules.count(.agents, of: subject))
        if !isAdmitted { rules.limiters.tenant(name)?.note(.agents) }
        return isAdmitted
    }

    /// A new component is held against the limit of every tenant of the frame: frames of many tenants
    /// carry the platform's own components, which are declared.
    private mutating func judgeComponents(
        of batch: borrowing EventBatch, _ found: borrowing BatchNames, by rules: Rules
    ) -> Bool {
        componentRefused.removeAll(keepingCapacity: true)
        var fine = true
        for index in 0..<(unsafe batch.components.count) {
            let component = unsafe batch.components[index]
            var refused = false
            if found.components[index] == BatchNames.unknown {
                let name = batch.name(component)
                refused = !admits(name, in: batch, by: rules)
            }
            componentRefused.append(refused)
            fine = fine && !refused
        }
        shapeRefused.removeAll(keepingCapacity: true)
        for index in 0..<(unsafe batch.shapes.count) {
            let shape = unsafe batch.shapes[index]
            var refused = false
            if !fine {
                for position in 0..<Int(shape.count) {
                    let component = unsafe batch.shapeComponents[Int(shape.first) + position]
                    refused = refused || componentRefused[Int(component)]
                }
            }
            shapeRefused.append(refused)
        }
        return fine
    }

    private func admits(
        _ component: Name, in batch: borrowing EventBatch, by rules: Rules
    ) -> Bool {
        if rules.policy.declaredComponents.contains(component) {
            return rules.registry.admitDeclared(component)
        }
        var tenants: [Name] = []
        for index in 0..<(unsafe batch.tenants.count) where tenantAllowed[index] {
            let tenant = unsafe batch.tenants[index]
            tenants.append(batch.name(tenant))
        }
        if tenants.isEmpty { return true }
        let limits = rules.limiters.rules
        guard
            let full = rules.registry.admitComponent(
                component, of: tenants,
                max: { rules.isBackfill ? .max : limits.count(.components, of: .tenant($0)) })
        else { return true }
        rules.limiters.tenant(full)?.note(.components)
        return false
    }
}
