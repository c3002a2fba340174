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
    /// Every minute in a billing period at which usage may begin to be somebody else's: bindings of every
    /// access, plan periods of the Waldur's resources, and the period's own start and end. Ascending.
    package static func boundaries(_ book: BookState, _ period: BillingPeriod) -> [Minute] {
        var cuts: Set<Minute> = [period.start, period.end]
        var resources: Set<ResourceKey> = []
        for bindings in book.bindings.values {
            for binding in bindings {
                cuts.insert(binding.from)
                if let to = binding.to { cuts.insert(to) }
                if binding.waldur == period.waldur { resources.insert(binding.resourceKey) }
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
    package static func query(_ book: BookState, _ period: BillingPeriod) -> UsageQuery {
        UsageQuery(
            windows: boundaries(book, period),
            grouping: [.tenant, .agent, .access, .component, .window]
        )
    }

    /// Gives all usage of a billing period its place.
    ///
    /// - Parameters:
    ///   - answer: To `query`, which came from ``query(_:_:)`` with this or an earlier state of the book.
    /// - Throws: ``LedgerError``; after `windowsStale`, query again.
    /// - Complexity: O(groups × bindings of an agent + lines × log lines).
    package static func attribute(
        _ answer: UsageAnswer,
        to query: UsageQuery,
        book: BookState,
        period: BillingPeriod
    ) throws(LedgerError) -> LedgerMonth {
        let windows = query.windows
        let known = Set(windows)
        for boundary in boundaries(book, period) where !known.contains(boundary) {
            throw .windowsStale(missing: boundary)
        }
        var attribution = Attribution(book: book, period: period)
        for (group, total) in answer.totals {
            guard let tenant = group.tenant, let agent = group.agent,
                let component = group.component, let window = group.window,
                windows.indices.contains(window)
            else { throw .notGrouped }
            guard period.contains(windows[window]) else { continue }
            try attribution.add(
                total,
                tenant: tenant,
                agent: agent,
                access: group.access,
                component: component,
                at: windows[window]
            )
        }
        let corrected = book.billing.corrected.cells(from: period.start, to: period.end)
        for (cell, amount) in corrected where query.asks(for: cell) {
            try attribution.add(amount, to: cell)
        }
        var accounts = Accounts(book: book, period: period)
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
