import Meter
import MeterTesting
import MeterWire

/// Plans, customers and prices in Waldur, as Meter sees them.
extension YearWorld {
    mutating func see(
        _ resource: UInt64,
        plan: PlanID,
        customer: Name,
        ending: PlanPeriod? = nil
    ) throws {
        periodNumber += 1
        let now = Timestamp(milliseconds: Int64(minute) * 60_000 + 20_000)
        var periods = [
            PlanPeriod(
                id: Fixture.period(periodNumber),
                plan: plan,
                start: minute == 0 ? Timestamp(milliseconds: 0) : now
            )
        ]
        if let ending {
            periods.insert(
                PlanPeriod(id: ending.id, plan: ending.plan, start: ending.start, end: now),
                at: 0
            )
        }
        try decide(seen(resource, periods, customer))
    }

    func seen(
        _ resource: UInt64,
        _ periods: [PlanPeriod],
        _ customer: Name,
        state: String = "OK"
    ) -> Decision {
        .planPeriodsSeen(
            PlanPeriodsSeen(
                waldur: Fixture.waldur,
                resource: Fixture.resource(resource),
                offering: offering(resource),
                customer: customer,
                periods: periods,
                components: Self.components,
                resourceState: state
            )
        )
    }

    func standing(_ resource: UInt64) -> ResourceStanding {
        book.state.resources[
            ResourceKey(waldur: Fixture.waldur, resource: Fixture.resource(resource))
        ] ?? ResourceStanding()
    }

    mutating func switchPlan(_ resource: UInt64, _ seed: inout Seed) throws {
        let known = standing(resource)
        guard let current = known.periods.last, gone[resource] == nil else { return }
        happened.insert(.switched)
        try see(
            resource,
            plan: seed.pick(Self.plans),
            customer: known.customer ?? "owner",
            ending: current
        )
    }

    mutating func move(_ resource: UInt64, _ seed: inout Seed) throws {
        guard gone[resource] == nil else { return }
        happened.insert(.moved)
        try decide(seen(resource, [], seed.pick(["owner", "other"])))
    }

    /// The resource goes to another tenant, whose agent of the same name uses it from now on.
    mutating func handOver(_ resource: UInt64) throws {
        guard let last = holders[resource]?.last, last.from < minute, gone[resource] == nil
        else {
            return
        }
        let tenant: Name = last.tenant == "acme" ? "nordix" : "acme"
        let agent = Name("agent\(resource)")
        accessNumber += 1
        try decide(
            .bindingEnded(
                BindingEnd(
                    access: Fixture.access(last.access),
                    from: Minute(rawValue: last.from),
                    to: Minute(rawValue: minute)
                )
            ),
            seen(resource, [], tenant),
            Fixture.made(accessNumber, tenant: tenant, agent: agent),
            .bindingSet(
                Fixture.binding(
                    accessNumber,
                    tenant: tenant,
                    agent: agent,
                    resource: resource,
                    from: minute
                )
            )
        )
        holders[resource, default: []].append(
            Holder(from: minute, tenant: tenant, access: accessNumber)
        )
        happened.insert(.handedOver)
    }

    /// Waldur takes nothing more for the resource, whoever goes on using it.
    mutating func terminate(_ resource: UInt64) throws {
        let known = standing(resource)
        guard let last = known.periods.last else { return }
        let ended = PlanPeriod(
            id: last.id,
            plan: last.plan,
            start: last.start,
            end: Timestamp(milliseconds: Int64(minute) * 60_000 + 20_000)
        )
        try decide(seen(resource, [ended], known.customer ?? "owner", state: "Terminated"))
        gone[resource] = minute
        happened.insert(.terminated)
    }

    func readPrices(_ seed: inout Seed) throws {
        for plan in Self.plans {
            for component in Self.components {
                try decide(
                    .priceSeen(
                        PriceSeen(
                            waldur: Fixture.waldur,
                            plan: plan,
                            component: component,
                            price: seed.oneIn(3) ? "0.05" : "0.02",
                            read: Minute(rawValue: minute).start
                        )
                    )
                )
            }
        }
    }
}
