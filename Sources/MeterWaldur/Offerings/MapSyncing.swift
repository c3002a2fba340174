package import Meter
package import MeterWire

extension ReporterService {
    /// Binds the resources of an offering, or says what would be bound.
    ///
    /// - Parameters:
    ///   - from: The bindings' first minute; nil: that in which each resource was ordered, but not before
    ///     Waldur's present month.
    ///   - follows: Whether new resources are bound by themselves from now on; nil leaves that as it is.
    package nonisolated func syncMap(
        _ offering: OfferingID,
        agentFrom: AgentSource,
        class bindingClass: BindingClass,
        from: Minute?,
        follows: Bool?,
        isDryRun: Bool,
        author: String
    ) async throws(ReporterTrouble) -> MapSync {
        let resources: [WaldurResource]
        do throws(WaldurError) {
            resources = try await client.resources(of: offering)
        } catch {
            throw ReporterTrouble("offering \(offering): \(error)")
        }
        let rule = MapSync.Rule(
            waldur: settings.waldur,
            agentFrom: agentFrom,
            class: bindingClass,
            from: from,
            earliest: try await firstMinuteOfMonth()
        )
        let sync = try await checked(plan(resources, rule))
        var decisions = sync.decisions
        if let follows {
            let follow = OfferingFollowed(
                waldur: settings.waldur,
                offering: offering,
                agentFrom: follows ? agentFrom.description : nil,
                class: bindingClass
            )
            let known = engine.bookState.billing.followed[settings.waldur]?[offering]
            if follows ? known != follow : known != nil {
                decisions.append(.offeringFollowed(follow))
            }
        }
        if !isDryRun, !decisions.isEmpty { try await engine.decide(decisions, author: author) }
        return sync
    }

    /// Binds what is new of the followed offerings.
    ///
    /// - Parameter resources: All that the account sees.
    /// - Returns: What was bound and what a person has to look at, by offering.
    nonisolated func follow(
        _ resources: [WaldurResource]
    ) async throws(ReporterTrouble) -> [MapSync] {
        let followed = engine.bookState.billing.followed[settings.waldur] ?? [:]
        var syncs: [MapSync] = []
        for follow in followed.values.sorted(by: { $0.offering < $1.offering }) {
            guard let source = follow.agentFrom.flatMap({ AgentSource($0) }) else { continue }
            let rule = MapSync.Rule(
                waldur: settings.waldur,
                agentFrom: source,
                class: follow.class,
                earliest: try await firstMinuteOfMonth()
            )
            let own = resources.filter { $0.offering == follow.offering }
            let sync = try await checked(plan(own, rule))
            let decisions = sync.decisions
            if !decisions.isEmpty { try await engine.decide(decisions, author: "reporter") }
            syncs.append(sync)
        }
        return syncs
    }

    private nonisolated func plan(_ resources: [WaldurResource], _ rule: MapSync.Rule) -> MapSync {
        MapSync(resources, rule, book: engine.bookState) {
            var random = SystemRandomNumberGenerator()
            return AccessID(high: random.next(), low: random.next())
        }
    }

    /// A binding starts live only where nobody else reports the resource.
    private nonisolated func checked(_ sync: MapSync) async throws(ReporterTrouble) -> MapSync {
        var sync = sync
        let reader = makeReader()
        for index in sync.rows.indices where sync.rows[index].state == .new {
            let row = sync.rows[index]
            guard let binding = row.binding, binding.class == .live else { continue }
            do throws(WaldurError) {
                let check = LiveStartCheck(
                    binding.resource,
                    tenant: binding.tenant,
                    listing: row.resource,
                    observation: try await reader.observe(binding.resource),
                    waldur: settings.waldur,
                    book: engine.bookState
                )
                guard !check.refusals.isEmpty else { continue }
                sync.rows[index].state = .refused(check.refusals.joined(separator: "; "))
            } catch {
                throw ReporterTrouble("resource \(binding.resource): \(error)")
            }
        }
        return sync
    }

    private nonisolated func firstMinuteOfMonth() async throws(ReporterTrouble) -> Minute {
        let clock = try await measuredClock()
        guard let month = BillingMonth(of: clock.earliest(at: moment.now), in: settings.zone),
            let minute = Minute(month.start(in: settings.zone))
        else { throw ReporterTrouble("Waldur's clock stands in no month") }
        return minute
    }
}
