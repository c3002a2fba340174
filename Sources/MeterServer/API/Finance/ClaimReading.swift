internal import Meter
internal import MeterWaldur
internal import MeterWire

/// Reads what claims are compared with: what was metered of each tenant's components in a month, as usage and as
/// details have it at the same position.
struct ClaimReading {
    let source: any UsageSource
    /// What emitters claim now; asked after usage was read, so that what comes meanwhile is in no gap.
    let claims: @Sendable () -> ClaimReconciliation.Claims

    /// One comparison for all Waldurs whose months begin and end together.
    func compare(
        _ periods: [BillingPeriod],
        of tenant: Name?
    ) async throws(Problem) -> [ClaimReconciliation] {
        struct Span: Hashable {
            let start: Minute
            let end: Minute
        }
        var found: [ClaimReconciliation] = []
        let bySpan = Dictionary(grouping: periods) { Span(start: $0.start, end: $0.end) }
        for alike in bySpan.values.sorted(by: {
            ($0[0].start, $0[0].end) < ($1[0].start, $1[0].end)
        }) {
            guard let period = alike.first else { continue }
            let counts = try await counts(period, of: tenant)
            do throws(LedgerError) {
                found.append(
                    try ClaimReconciliation(
                        period,
                        of: alike.map(\.waldur).sorted(),
                        counts: counts,
                        claims: claims(),
                        tenant: tenant
                    )
                )
            } catch {
                throw .unavailable("What was metered in \(period.month) is not added up: \(error).")
            }
        }
        return found
    }

    /// By tenant; by agent, too, of tenants where the two counts differ.
    private func counts(
        _ period: BillingPeriod,
        of tenant: Name?
    ) async throws(Problem) -> [ClaimReconciliation.Count] {
        let counts = try await read(period, of: tenant.map { [$0] }, byAgent: false)
        let doubtful = Set(counts.filter(\.isInDoubt).map(\.tenant))
        guard !doubtful.isEmpty else { return counts }
        return counts.filter { !doubtful.contains($0.tenant) }
            + (try await read(period, of: doubtful, byAgent: true))
    }

    private func read(
        _ period: BillingPeriod,
        of tenants: Set<Name>?,
        byAgent: Bool
    ) async throws(Problem) -> [ClaimReconciliation.Count] {
        var query = UsageQuery(
            tenants: tenants,
            windows: [period.start, period.end],
            grouping: [.tenant, .component],
            classes: .all
        )
        var details = DetailsQuery(
            tenants: tenants,
            windows: [QuarterHour(from: period.start), QuarterHour(from: period.end)],
            grouping: .tenant,
            wantsHistograms: false,
            classes: .all
        )
        if byAgent {
            query.grouping.insert(.agent)
            details.grouping.insert(.agent)
        }
        let both = try await source.usage(query, with: [details])
        var detailed: [UsageGroup: UInt128]? = both.details.first.flatMap { answer in
            // A month that details have a part of only says nothing.
            guard answer.missing.isEmpty, answer.retainedFrom <= QuarterHour(from: period.start)
            else { return nil }
            var sums: [UsageGroup: UInt128] = [:]
            for (group, total) in answer.totals {
                for (component, amount) in total.amounts where amount != UsageTotal() {
                    sums[
                        UsageGroup(tenant: group.tenant, agent: group.agent, component: component)
                    ] = amount.sum
                }
            }
            return sums
        }
        var counts = both.usage.totals.map { group, total in
            count(group, total.sum, detailed.map { $0[group] ?? 0 })
        }
        // What details alone have.
        for group in both.usage.totals.keys { detailed?[group] = nil }
        counts += (detailed ?? [:]).map { group, sum in count(group, 0, sum) }
        return counts.sorted {
            ($0.tenant, $0.component, $0.agent ?? "") < ($1.tenant, $1.component, $1.agent ?? "")
        }
    }

    private func count(
        _ group: UsageGroup,
        _ metered: UInt128,
        _ detailed: UInt128?
    ) -> ClaimReconciliation.Count {
        ClaimReconciliation.Count(
            tenant: group.tenant ?? "",
            agent: group.agent,
            component: group.component ?? "",
            metered: metered,
            detailed: detailed
        )
    }
}
