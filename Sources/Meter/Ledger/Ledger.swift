package import MeterWire

/// From usage and book to what a Waldur is to be told: a pure function.
///
/// ```text
/// book ──► query ──► (segments and live counters) ──► answer ─┐
///   └─────────────────────────────────────────────────────────┴─► attribute ──► LedgerMonth
/// ```
///
/// The query's windows begin and end wherever a binding or plan period does, so that all usage of a
/// window has one fate and no event need be looked at again.
package enum Ledger {
    /// Every minute in a billing period at which usage may begin to be somebody else's or to count: bindings of every
    /// access, plan periods of the Waldur's resources, ways that begin to count, and the period's own start and end.
    /// Ascending.
    ///
    /// - Parameter resource: The only one that is asked for; then nothing else is looked at but what its own agents
    ///   are bound to.
    package static func boundaries(
        _ book: BookState,
        _ period: BillingPeriod,
        of resource: ResourceKey? = nil
    ) -> [Minute] {
        var cuts: Set<Minute> = [period.start, period.end]
        cuts.formUnion(book.counting.boundaries(of: nil))
        var resources: Set<ResourceKey> = resource.map { [$0] } ?? []
        let accesses = resource.map { book.agents(of: $0).flatMap(book.accesses(of:)) }
        for bindings in accesses?.map({ book.bindings[$0] ?? [] }) ?? Array(book.bindings.values) {
            for binding in bindings {
                cuts.insert(binding.from)
                if let to = binding.to { cuts.insert(to) }
                if resource == nil, binding.waldur == period.waldur {
                    resources.insert(binding.resourceKey)
                }
            }
        }
        for resource in resources {
            guard let standing = book.resources[resource] else { continue }
            for span in PlanPeriodSplit(standing.periods, in: period).spans {
                cuts.insert(span.from)
                cuts.insert(span.to)
            }
        }
        return cuts.filter { period.start <= $0 && $0 <= period.end }.sorted()
    }

    /// The one query whose answer `attribute` needs.
    ///
    /// - Parameter resource: The only one whose ledger is wanted; nil for all of the period's Waldur.
    package static func query(
        _ book: BookState,
        _ period: BillingPeriod,
        of resource: ResourceKey? = nil
    ) -> UsageQuery {
        var query = UsageQuery(
            windows: boundaries(book, period, of: resource),
            grouping: [.tenant, .agent, .access, .component, .window, .way],
            classes: .all,
            withVariants: true
        )
        if let resource {
            let agents = book.agents(of: resource)
            query.tenants = Set(agents.map(\.tenant))
            query.agents = Set(agents.map(\.agent))
        }
        return query
    }

    /// Gives all usage of a billing period its place.
    ///
    /// - Parameters:
    ///   - answer: To `query`, which came from ``query(_:_:of:)`` with this or an earlier state of the book.
    ///   - resource: The only one whose lines and figures are wanted. What else its agents used is *elsewhere* in its
    ///     tenants' lines.
    /// - Throws: ``LedgerError``; after `windowsStale`, query again.
    /// - Complexity: O(groups × bindings of an agent + lines × log lines).
    package static func attribute(
        _ answer: UsageAnswer,
        to query: UsageQuery,
        book: BookState,
        period: BillingPeriod,
        of resource: ResourceKey? = nil
    ) throws(LedgerError) -> LedgerMonth {
        let windows = query.windows
        let known = Set(windows)
        for boundary in boundaries(book, period, of: resource)
        where !known.contains(boundary) {
            throw .windowsStale(missing: boundary)
        }
        var attribution = Attribution(book: book, period: period, of: resource)
        var parts: [(variant: ComponentVariant, usage: PlacedUsage)] = []
        for (group, total) in answer.totals {
            guard let tenant = group.tenant, let agent = group.agent,
                let component = group.component, let window = group.window, let way = group.way,
                windows.indices.contains(window)
            else { throw .notGrouped }
            guard period.contains(windows[window]) else { continue }
            let variant = ComponentVariant(component)
            let usage = PlacedUsage(
                tenant: tenant,
                agent: agent,
                access: group.access,
                component: variant?.component ?? component,
                way: way,
                minute: windows[window],
                total: total
            )
            if let variant {
                parts.append((variant, usage))
            } else {
                try attribution.add(usage)
            }
        }
        // What a variant is part of has its place by now.
        for part in parts { try attribution.leaveOut(part.usage, of: part.variant.outcome) }
        let corrected = book.billing.corrected.cells(from: period.start, to: period.end)
        for (cell, amount) in corrected where query.asks(for: cell) {
            try attribution.add(amount, to: cell)
        }
        var accounts = Accounts(book: book, period: period, of: resource)
        try accounts.fill(from: attribution)
        return LedgerMonth(
            period: period,
            position: answer.position,
            asOf: answer.asOf,
            book: book.head,
            attributed: attribution.sortedAttributed,
            unassigned: attribution.sortedUnassigned,
            corrected: attribution.sortedCorrected,
            unassignedCorrections: attribution.sortedUnassignedCorrections,
            lines: accounts.sortedLines,
            tenants: attribution.sortedTenants,
            figures: accounts.sortedFigures
        )
    }
}

extension UsageQuery {
    /// Whether usage of a cell would be in the answer, wherever its minute lies.
    func asks(for cell: CorrectionCell) -> Bool {
        tenants?.contains(cell.tenant) ?? true && agents?.contains(cell.agent) ?? true
            && accesses?.contains(cell.access) ?? true
            && components?.contains(cell.component) ?? true
    }
}
