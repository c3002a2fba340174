package import Meter
package import MeterWire

/// What has to be booked so that Meter reports a resource that somebody else has reported: a pure function
/// of what Waldur shows and of the book.
package struct Adoption: Equatable, Sendable {
    /// What must be dealt with first; empty where the resource may be adopted.
    package private(set) var refusals: [String] = []
    /// Ends of shadow bindings, live bindings, opening balances and the adoption: one append.
    package private(set) var decisions: [Decision] = []

    /// - Parameters:
    ///   - from: The first minute that Meter counts; what Waldur shows holds everything before it.
    ///   - present: Waldur's time.
    package init(
        _ resource: ResourceKey,
        from: Minute,
        present: Timestamp,
        listing: WaldurResource?,
        observation: Observation?,
        zone: WaldurZone,
        book: BookState
    ) {
        let shadows = book.allBindings.filter {
            $0.resourceKey == resource && $0.class == .shadow && $0.to == nil
        }
        if shadows.isEmpty {
            refusals.append(
                "no open shadow binding names resource \(resource.resource); bind it with "
                    + "`meterctl map set` first"
            )
        }
        if let late = shadows.first(where: { $0.from > from }) {
            refusals.append(
                "access \(late.access) is metered since \(TimeText.text(late.from) ?? ""), later than "
                    + "the instant"
            )
        }
        guard let listing, let observation else {
            refusals.append("the account does not see resource \(resource.resource)")
            return
        }
        if !listing.takesUsage {
            refusals.append("the resource is \(listing.state); Waldur takes no usage for it")
        }
        if observation.periods.isEmpty {
            refusals.append("the resource has no plan period; usage would never be billed")
        }
        if from.start > present { refusals.append("the instant lies ahead of Waldur's clock") }
        if BillingMonth(of: from.start, in: zone) != observation.month {
            refusals.append("the instant does not lie in \(observation.month), Waldur's month")
        }
        decisions = shadows.flatMap { Self.goesLive($0, from: from) }
        for period in observation.periods {
            for row in period.rows {
                add(row, of: period, in: resource, from: from, observation, book)
            }
        }
        decisions.append(
            .resourceAdopted(
                ResourceAdopted(
                    waldur: resource.waldur,
                    resource: resource.resource,
                    from: from
                )
            )
        )
    }

    private static func goesLive(_ shadow: Binding, from: Minute) -> [Decision] {
        [
            .bindingEnded(
                BindingEnd(
                    access: shadow.access,
                    from: shadow.from,
                    to: from,
                    reason: "adopted"
                )
            ),
            .bindingSet(
                Binding(
                    access: shadow.access,
                    tenant: shadow.tenant,
                    agent: shadow.agent,
                    waldur: shadow.waldur,
                    resource: shadow.resource,
                    from: from,
                    class: .live
                )
            ),
        ]
    }

    private mutating func add(
        _ row: WaldurPlanPeriod.Row,
        of period: WaldurPlanPeriod,
        in resource: ResourceKey,
        from: Minute,
        _ observation: Observation,
        _ book: BookState
    ) {
        let key = SubmissionKey(
            waldur: resource.waldur,
            resource: resource.resource,
            component: row.component,
            planPeriod: period.period.id,
            month: observation.month
        )
        let listed = observation.rows[observation.month]?.first { $0.id == row.id }
        if let written = row.date ?? listed?.date, written >= from.start {
            let text = listed?.description ?? ""
            refusals.append(
                "somebody else still writes: \(row.component) was set to \(row.usage) at "
                    + WaldurTime.text(written) + ", after the instant"
                    + (text.isEmpty ? "" : ", with the description '\(text)'")
            )
        }
        if book.submission(key) != nil || book.openings[key] != nil {
            refusals.append("Meter has told or adopted \(row.component) of this resource already")
        }
        guard let amount = row.usage.hundredths, amount >= .zero else {
            refusals.append(
                "\(row.component) stands at \(row.usage), which cannot be an opening balance"
            )
            return
        }
        decisions.append(
            .openingBalance(OpeningBalance(key: key, amount: amount, from: from))
        )
    }
}

extension ReporterService {
    /// Takes a resource over from somebody else, from a minute on.
    ///
    /// - Parameter isDryRun: Only says why it would not be.
    /// - Returns: Why it was not; empty where it was, and everything is in the book.
    package nonisolated func adopt(
        _ resource: ResourceID,
        from: Minute,
        isDryRun: Bool = false,
        author: String
    ) async throws(ReporterTrouble) -> [String] {
        let clock = try await measuredClock()
        var reader = makeReader()
        let adoption: Adoption
        do throws(WaldurError) {
            let listing = try await reader.listing(resource)
            let observation = listing == nil ? nil : try await reader.observe(resource)
            adoption = Adoption(
                ResourceKey(waldur: settings.waldur, resource: resource),
                from: from,
                present: clock.earliest(at: now()),
                listing: listing,
                observation: observation,
                zone: settings.zone,
                book: engine.bookState
            )
        } catch {
            throw ReporterTrouble("resource \(resource): \(error)")
        }
        if adoption.refusals.isEmpty, !isDryRun {
            try await engine.decide(adoption.decisions, author: author)
        }
        return adoption.refusals
    }

    /// Tells everything of a resource, and then leaves it to somebody else: its live bindings go on as
    /// shadow from the next minute.
    ///
    /// - Parameter isDryRun: Refuses what would be refused; tells nothing, and decides nothing.
    package func release(
        _ resource: ResourceID,
        reason: String,
        isDryRun: Bool = false,
        author: String
    ) async throws(ReporterTrouble) {
        let status = isDryRun ? self.status : try await submit()
        if let trouble = status.trouble { throw ReporterTrouble(trouble) }
        let key = ResourceKey(waldur: settings.waldur, resource: resource)
        let live = engine.bookState.allBindings.filter {
            $0.resourceKey == key && $0.class == .live && $0.to == nil
        }
        guard !live.isEmpty else {
            throw ReporterTrouble("no live binding names resource \(resource)")
        }
        guard !status.openIntents.contains(where: { $0.intent.resource == resource }) else {
            throw ReporterTrouble("a submission of resource \(resource) has no outcome yet")
        }
        guard let present = Minute(now()), live.allSatisfy({ $0.from <= present }) else {
            throw ReporterTrouble("a binding of resource \(resource) lies ahead")
        }
        let from = Minute(rawValue: present.rawValue + 1)
        var decisions = live.flatMap { binding -> [Decision] in
            [
                .bindingEnded(
                    BindingEnd(
                        access: binding.access,
                        from: binding.from,
                        to: from,
                        reason: reason
                    )
                ),
                .bindingSet(
                    Binding(
                        access: binding.access,
                        tenant: binding.tenant,
                        agent: binding.agent,
                        waldur: binding.waldur,
                        resource: binding.resource,
                        from: from,
                        class: .shadow
                    )
                ),
            ]
        }
        decisions.append(
            .resourceReleased(
                ResourceReleased(
                    waldur: settings.waldur,
                    resource: resource,
                    from: from,
                    reason: reason
                )
            )
        )
        if isDryRun { return }
        try await engine.decide(decisions, author: author)
    }
}
