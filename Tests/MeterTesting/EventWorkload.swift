package import Meter
package import MeterWire

/// Events of a small world, by seed: few tenants, agents and components, so that keys meet again.
package struct EventWorkload: Sendable {
    package var seed: Seed
    package var tenantCount: Int
    package var agentCount: Int
    /// Times lie within this many minutes after `start`.
    package var minuteCount: Int
    package var start: Timestamp
    package static let components = [
        "input_tokens", "output_tokens", "agent_calls", "tool_seconds",
    ]

    package init(
        seed: UInt64, tenantCount: Int = 2, agentCount: Int = 3, minuteCount: Int = 4,
        start: Timestamp = EventWorkload.start
    ) {
        self.seed = Seed(seed)
        self.tenantCount = tenantCount
        self.agentCount = agentCount
        self.minuteCount = minuteCount
        self.start = start
    }

    /// 2026-11-16T00:00Z.
    package static let start = Timestamp(milliseconds: 1_794_787_200_000)

    package mutating func event() -> UsageEvent {
        var amounts = [ComponentAmount("agent_calls", 1)]
        for component in EventWorkload.components where component != "agent_calls" && seed.oneIn(2)
        {
            amounts.append(ComponentAmount(component, UInt64(seed.below(100_000))))
        }
        return UsageEvent(
            time: start.advanced(byMilliseconds: Int64(seed.below(minuteCount * 60_000))),
            tenant: "tenant-\(seed.below(tenantCount))", agent: "agent-\(seed.below(agentCount))",
            amounts: amounts,
            access: seed.oneIn(4) ? AccessID(high: 7, low: UInt64(seed.below(2))) : nil,
            model: seed.oneIn(2) ? "model-\(seed.below(3))" : nil,
            user: seed.oneIn(2) ? "user-\(seed.below(4))" : nil,
            outcome: seed.pick(Outcome.allCases),
            durationMilliseconds: seed.oneIn(2) ? UInt64(seed.below(60_000)) : nil)
    }

    package mutating func events(_ count: Int) -> [UsageEvent] { (0..<count).map { _ in event() } }
}

/// What the engine must add up to, in the plainest way: a dictionary. Components' variants stand in it, too.
package struct NaiveMeter: Equatable, Sendable {
    package var totals: [UsageGroup: UsageTotal] = [:]

    package init() {}

    package mutating func count(_ events: some Sequence<UsageEvent>) {
        for event in events {
            for amount in event.amounts {
                let group = UsageGroup(
                    tenant: Name(event.tenant), agent: Name(event.agent), access: event.access,
                    component: Name(amount.component))
                totals[group, default: UsageTotal()].sum += UInt128(amount.amount)
                totals[group, default: UsageTotal()].count += 1
                guard event.outcome != .ok else { continue }
                var variant = group
                variant.component = Name("\(amount.component)\u{1F}\(event.outcome)")
                totals[variant, default: UsageTotal()].sum += UInt128(amount.amount)
                totals[variant, default: UsageTotal()].count += 1
            }
        }
    }
}
