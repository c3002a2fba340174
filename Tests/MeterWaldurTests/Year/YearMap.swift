import Meter
import MeterWaldur
import MeterWire
import Testing
import YearTruth

/// The map of agents as the script has it, in Meter's book.
enum YearMap {
    static let components: [Decision] = [
        Component(name: "agent_calls", unit: "call"),
        Component(name: "input_tokens", unit: "token"),
        Component(name: "tool_seconds", unit: "ms", reportedUnit: "s", unitsPerReported: 1000),
        Component(name: "images", unit: "image"),
    ].map { .componentDeclared($0) }

    /// In what each offering measures each component, and calls of which outcomes it bills.
    static let units: [Decision] = YearOffer.all.flatMap { offer in
        offer.components.compactMap { component -> Decision? in
            let id = OfferingID(DoubleWorld.yearID("f", offer.site, offer.number))
            guard let id else { return nil }
            return .offeringUnitSet(
                OfferingUnitSet(
                    waldur: WaldurID(offer.site.rawValue),
                    offering: id,
                    component: Name(component.name),
                    reportedUnit: component.unit,
                    unitsPerReported: UInt64(component.size),
                    bills: component.bills.flatMap { BilledOutcomes($0) }
                )
            )
        }
    }

    static func perform(_ row: YearRow, _ world: YearWorld) async throws {
        switch row.act {
        case .binds(let name, let tenant, let agent, let resource, let from, let kind):
            let access = Access(
                id: world.access(name),
                tenant: YearWorld.tenant(tenant),
                agent: Name(agent),
                label: name
            )
            try world.engine.book([
                .accessMade(access),
                .bindingSet(
                    Binding(
                        access: access.id,
                        tenant: access.tenant,
                        agent: access.agent,
                        waldur: WaldurID(row.site.rawValue),
                        resource: try YearWorld.resource(resource),
                        from: Minute(rawValue: UInt32(row.site.minute(from))),
                        class: try #require(BindingClass(rawValue: kind))
                    )
                ),
            ])
        case .unbinds(let name):
            let open = world.book.bindings[world.access(name)]?.first { $0.to == nil }
            let binding = try #require(open)
            try world.engine.book([
                .bindingEnded(
                    BindingEnd(
                        access: binding.access,
                        from: binding.from,
                        to: Minute(rawValue: UInt32(row.minute))
                    )
                )
            ])
        case .adopts(let resource, let from):
            try await adopt(resource, from: row.site.minute(from), world.simulation(row.site))
        default: break
        }
    }

    private static func adopt(
        _ name: String,
        from minute: Int,
        _ simulation: Simulation
    ) async throws {
        let id = try YearWorld.resource(name)
        let month = try #require(BillingMonth(of: simulation.now, in: simulation.settings.zone))
        let listing = try await simulation.client.resource(id)
        var observation = Observation(
            begun: simulation.now,
            waldurTime: simulation.now,
            month: month,
            periods: try await simulation.client.planPeriods(of: id)
        )
        observation.rows[month] = try await simulation.client.usageRows(of: id, in: month)
        let adoption = Adoption(
            ResourceKey(waldur: simulation.settings.waldur, resource: id),
            from: Minute(rawValue: UInt32(minute)),
            present: simulation.now,
            listing: listing,
            observation: observation,
            zone: simulation.settings.zone,
            book: simulation.book
        )
        #expect(adoption.refusals == [])
        try simulation.engine.book(adoption.decisions)
    }
}
