import Meter
import MeterTesting
import MeterWire

/// Usage as it comes, early, late, of agents that nobody has bound yet.
extension YearWorld {
    /// One event, as the engine and as who only adds know it.
    struct Sent {
        let event: LedgerWorld.Event
        /// How it came: its numbers are its own.
        let source: SourceKey
        let number: UInt64
        /// Whose it is; nil where nobody has bound its agent.
        var place: Place?
    }

    static let emitter = SourceKey(
        principal: PrincipalID(rawValue: 1),
        source: SourceID(high: 0, low: 1)
    )

    mutating func use(_ seed: inout Seed) {
        let back = seed.oneIn(5) ? UInt32(seed.below(130)) : 0
        let time = minute >= back ? minute - back : 0
        send(UInt64(seed.below(3)), at: time, Self.emitter, number: UInt64(sent.count), &seed)
        happened.insert(time / 60 == minute / 60 ? .used : .late)
    }

    /// A resource's agent has used something.
    mutating func send(
        _ resource: UInt64,
        at time: UInt32,
        _ source: SourceKey,
        number: UInt64,
        _ seed: inout Seed
    ) {
        let component = seed.pick(Self.components)
        sent.append(
            Sent(
                event: LedgerWorld.Event(
                    tenant: holder(of: resource, at: time),
                    agent: Name("agent\(resource)"),
                    access: nil,
                    component: component,
                    minute: Minute(rawValue: time),
                    amount: UInt64(seed.below(30_000))
                ),
                source: source,
                number: number,
                place: Place(resource: resource, component: component)
            )
        )
    }

    func holder(of resource: UInt64, at time: UInt32) -> Name {
        holders[resource]?.last { $0.from <= time }?.tenant ?? "acme"
    }

    /// An agent is used that nobody has bound yet.
    mutating func stray(_ seed: inout Seed) {
        let tenant = seed.pick(Self.tenants)
        sent.append(
            Sent(
                event: LedgerWorld.Event(
                    tenant: tenant,
                    agent: strayAgent(of: tenant),
                    access: nil,
                    component: seed.pick(Self.components),
                    minute: Minute(rawValue: minute),
                    amount: UInt64(seed.below(30_000))
                ),
                source: Self.emitter,
                number: UInt64(sent.count)
            )
        )
        happened.insert(.strayed)
    }

    private func strayAgent(of tenant: Name) -> Name { Name("stray\(strayNumber[tenant] ?? 0)") }

    /// The agent is bound at last, also for what it used up to two months ago.
    mutating func assign(_ seed: inout Seed) throws {
        let resource = UInt64(seed.below(3))
        guard gone[resource] == nil else { return }
        let tenant = holder(of: resource, at: minute)
        let agent = strayAgent(of: tenant)
        let from = minute - min(minute, UInt32(seed.below(130)))
        accessNumber += 1
        try decide(
            Fixture.made(accessNumber, tenant: tenant, agent: agent),
            .bindingSet(
                Fixture.binding(
                    accessNumber,
                    tenant: tenant,
                    agent: agent,
                    resource: resource,
                    from: from
                )
            )
        )
        for index in sent.indices {
            let event = sent[index].event
            guard event.agent == agent, event.tenant == tenant, event.minute.rawValue >= from
            else { continue }
            sent[index].place = Place(resource: resource, component: event.component)
            happened.insert(.assigned)
        }
        // What comes from now on is another agent's.
        strayNumber[tenant, default: 0] += 1
    }

    // MARK: what it comes to, by who only adds

    /// Events that nobody voided, and that somebody pays for.
    var used: [Place: Int128] {
        sum {
            $0.place
        } of: {
            !isVoided($0) && !isUnbillable(sent[$0])
        }
    }

    /// Used after the resource was terminated, and not voided: without a plan, and never billed.
    var unbillable: [Place: Int128] {
        sum {
            $0.place
        } of: {
            !isVoided($0) && isUnbillable(sent[$0])
        }
    }

    /// Usage of agents that nobody has bound, by tenant.
    var unassigned: [Name: Int128] {
        sum {
            $0.place == nil ? $0.event.tenant : nil
        } of: { _ in
            true
        }
    }

    /// What of it was voided.
    var unassignedVoided: [Name: Int128] {
        sum {
            $0.place == nil ? $0.event.tenant : nil
        } of: {
            isVoided($0)
        }
    }

    private func isUnbillable(_ sent: Sent) -> Bool {
        sent.place.flatMap { gone[$0.resource] }.map { sent.event.minute.rawValue > $0 } ?? false
    }

    private func sum<Key: Hashable>(
        _ key: (Sent) -> Key?,
        of isMeant: (Int) -> Bool
    ) -> [Key: Int128] {
        var sums: [Key: Int128] = [:]
        for index in sent.indices where isMeant(index) {
            guard let key = key(sent[index]) else { continue }
            sums[key, default: 0] += Int128(sent[index].event.amount)
        }
        return sums
    }
}
