package import Meter
package import MeterWire

/// What details must answer, in the plainest way: a loop over all events and a dictionary.
package struct NaiveDetails: Sendable {
    package var events: [UsageEvent]

    package init(_ events: some Sequence<UsageEvent> = []) { self.events = Array(events) }

    package func answer(_ query: DetailsQuery) -> [DetailsGroup: DetailsTotal] {
        var totals: [DetailsGroup: DetailsTotal] = [:]
        for event in events {
            guard let group = group(of: event, query) else { continue }
            var total = totals[group] ?? DetailsTotal()
            total.calls += 1
            total.outcomes[Int(event.outcome.rawValue)] += 1
            total.lastEvent = max(total.lastEvent ?? event.time, event.time)
            for amount in event.amounts
            where query.components?.contains(Name(amount.component)) ?? true {
                total.amounts[Name(amount.component), default: UsageTotal()].sum +=
                    UInt128(amount.amount)
                total.amounts[Name(amount.component), default: UsageTotal()].count += 1
            }
            if query.wantsHistograms {
                if let duration = event.durationMilliseconds { total.durations.add(duration) }
                let tokens = event.amounts.filter { $0.component.hasSuffix("_tokens") }
                if !tokens.isEmpty {
                    let sum = tokens.reduce(0 as UInt128) { $0 + UInt128($1.amount) }
                    total.tokens.add(UInt64(min(sum, UInt128(UInt64.max))))
                }
            }
            totals[group] = total
        }
        return totals
    }

    /// What usage must answer about all events: each component's sum.
    package var usage: [UsageGroup: UsageTotal] {
        var totals: [UsageGroup: UsageTotal] = [:]
        for amount in events.flatMap(\.amounts) {
            let group = UsageGroup(component: Name(amount.component))
            totals[group, default: UsageTotal()].sum += UInt128(amount.amount)
            totals[group, default: UsageTotal()].count += 1
        }
        return totals
    }

    /// Nil if the query does not want the event.
    private func group(of event: UsageEvent, _ query: DetailsQuery) -> DetailsGroup? {
        let tenant = Name(event.tenant)
        let agent = Name(event.agent)
        let model = event.model.map { Name($0) }
        let user = event.user.map { Name($0) }
        let windows = query.windows.indices.dropLast().filter {
            query.windows[$0].start <= event.time && event.time < query.windows[$0 + 1].start
        }
        guard let window = windows.first, query.tenants?.contains(tenant) ?? true,
            query.agents?.contains(agent) ?? true,
            query.accesses?.contains(event.access) ?? true,
            query.models?.contains(model) ?? true, query.users?.contains(user) ?? true,
            query.outcomes?.contains(event.outcome) ?? true
        else { return nil }
        let grouping = query.grouping
        return DetailsGroup(
            tenant: grouping.contains(.tenant) ? tenant : nil,
            agent: grouping.contains(.agent) ? agent : nil,
            access: grouping.contains(.access) ? event.access : nil,
            model: grouping.contains(.model) ? model : nil,
            user: grouping.contains(.user) ? user : nil,
            outcome: grouping.contains(.outcome) ? event.outcome : nil,
            window: grouping.contains(.window) ? window : nil)
    }
}

extension DetailsQuery {
    /// Everything, by all that distinguishes totals but time.
    package static var everything: DetailsQuery {
        DetailsQuery(
            windows: [QuarterHour(rawValue: 0), QuarterHour(rawValue: .max)],
            grouping: [.tenant, .agent, .access, .model, .user, .outcome])
    }

    /// A query about what is in these events, and about some things that are not.
    package static func random(_ seed: inout Seed, about events: [UsageEvent]) -> DetailsQuery {
        func some<Element: Hashable>(_ elements: [Element]) -> Set<Element>? {
            seed.oneIn(2) ? nil : Set(elements.filter { _ in seed.oneIn(2) })
        }
        var boundaries: Set<QuarterHour> = [QuarterHour(rawValue: 0)]
        for _ in 0..<1 + seed.below(6) {
            let time = seed.pick(events).time.milliseconds / QuarterHour.millisecondCount
            boundaries.insert(QuarterHour(rawValue: UInt32(time) + UInt32(seed.below(3))))
        }
        if seed.oneIn(2) { boundaries.insert(QuarterHour(rawValue: .max)) }
        if seed.oneIn(2) { boundaries.remove(QuarterHour(rawValue: 0)) }
        return DetailsQuery(
            tenants: some(events.map { Name($0.tenant) } + ["nobody"]),
            agents: some(events.map { Name($0.agent) }),
            accesses: some(events.map(\.access)),
            models: some(events.map { $0.model.map { Name($0) } }),
            users: some(events.map { $0.user.map { Name($0) } }),
            outcomes: some(Outcome.allCases),
            components: some(EventWorkload.components.map { Name($0) }),
            windows: boundaries.sorted(),
            grouping: Grouping(rawValue: UInt8(seed.below(128))),
            wantsHistograms: seed.oneIn(2))
    }
}

extension EngineHarness {
    /// The answer to a query of details, whether durable or not; fails if anything is missing.
    package func details(
        _ query: DetailsQuery = .everything
    ) throws -> [DetailsGroup: DetailsTotal] {
        let pending = try engine.details(query, at: now)
        _ = try engine.commit()
        guard let answer = engine.answer(pending) else { return [:] }
        guard answer.missing.isEmpty else { throw MissingDetails(description: "\(answer.missing)") }
        return answer.totals
    }
}

extension EngineHarness {
    /// Each component's sum, and the answers to queries of details, of one moment.
    package func usage(with details: [DetailsQuery]) throws -> UsageWithDetails {
        let usage = UsageQuery(
            windows: [Minute(rawValue: 0), Minute(rawValue: .max)], grouping: .component)
        let pending = try engine.query(usage, with: details, at: now)
        _ = try engine.commit()
        guard let answer = engine.answer(pending) else {
            throw MissingDetails(description: "the answer is not durable")
        }
        return answer
    }
}

/// Details that should be there are not.
package struct MissingDetails: Error, CustomStringConvertible {
    package let description: String
}
