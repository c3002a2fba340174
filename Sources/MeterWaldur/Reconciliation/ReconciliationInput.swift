package import Meter
package import MeterWire

/// Everything that a month of one Waldur is compared by, read at one time.
package struct ReconciliationInput: Sendable {
    /// One bound resource and what Waldur shows of it.
    package struct Resource: Sendable {
        package let bound: BoundResource
        /// nil where the account does not see it.
        package let listing: WaldurResource?
        /// An account is configured to report its offering.
        package let hasAccount: Bool
        package let rows: [Row]
        /// Why figures of the present month are not told, where they are not.
        package let held: [ResourceFigures.Key: ReportFinding.Kind]

        package init(
            bound: BoundResource,
            listing: WaldurResource?,
            hasAccount: Bool = true,
            rows: [Row] = [],
            held: [ResourceFigures.Key: ReportFinding.Kind] = [:]
        ) {
            self.bound = bound
            self.listing = listing
            self.hasAccount = hasAccount
            self.rows = rows
            self.held = held
        }
    }

    /// A usage row with its plan period; nil where it has none.
    package struct Row: Equatable, Sendable {
        package let planPeriod: PlanPeriodID?
        package let component: Name
        package let usage: ExactDecimal

        package init(planPeriod: PlanPeriodID?, component: Name, usage: ExactDecimal) {
            self.planPeriod = planPeriod
            self.component = component
            self.usage = usage
        }
    }

    /// The submissions as they stood when reading began: what was told meanwhile may not have been seen.
    package struct Before: Equatable, Sendable {
        package var lastIntent = UInt64.max
        package var open: Set<UInt64> = []

        package init() {}

        package init(_ book: BookState) {
            lastIntent = book.lastIntentNumber
            open = Set(book.openIntents.keys)
        }

        func hadSettled(_ number: UInt64) -> Bool { number <= lastIntent && !open.contains(number) }
    }

    /// The ledger of the month.
    package let ledger: LedgerMonth
    package let book: BookState
    /// Waldur's month now.
    package let present: BillingMonth
    /// Whether anything is told now.
    package let isSilent: Bool
    package let resources: [Resource]
    /// Of each customer the items of this month; nil where the account sees none.
    package let items: [CustomerID: [WaldurInvoiceItem]]?
    /// What was open before anything was read; what was intended since has a larger number.
    package let before: Before

    package init(
        ledger: LedgerMonth,
        book: BookState,
        present: BillingMonth,
        isSilent: Bool,
        resources: [Resource],
        items: [CustomerID: [WaldurInvoiceItem]]?,
        before: Before = Before()
    ) {
        self.ledger = ledger
        self.book = book
        self.present = present
        self.isSilent = isSilent
        self.resources = resources
        self.items = items
        self.before = before
    }
}

extension ReconciliationInput {
    /// The rows of Waldur's present month: the plan periods', and what of the usage list is in none of them.
    static func rows(of observation: Observation) -> [Row] {
        let placed = observation.periods.flatMap { period in
            period.rows.map { (period: period.period.id, row: $0) }
        }
        let ids = Set(placed.map(\.row.id))
        let strays = (observation.rows[observation.month] ?? []).filter { !ids.contains($0.id) }
        return placed.map { place in
            Row(
                planPeriod: place.period,
                component: place.row.component,
                usage: place.row.usage
            )
        } + strays.map { Row(planPeriod: nil, component: $0.component, usage: $0.usage) }
    }

    /// Gives each row of a month that is over its plan period, which the usage list does not name.
    ///
    /// Meter's own rows say in their `description` which submission wrote them. What is left of a component is
    /// placed by what was confirmed, then where there is room.
    package static func place(
        _ listed: [WaldurUsageRow],
        of resource: ResourceKey,
        in month: BillingMonth,
        book: BookState
    ) -> [Row] {
        let told = book.submissions(of: resource, in: month)
        var rows: [Row] = []
        for (component, ofComponent) in Dictionary(grouping: listed, by: \.component) {
            var free = told.filter { $0.key.component == component }
            var left = ofComponent.sorted { $0.id < $1.id }
            func take(_ matches: (WaldurUsageRow, SubmissionKey, SubmissionStanding) -> Bool) {
                left.removeAll { row in
                    let found = free.keys.sorted().first { key in
                        free[key].map { matches(row, key, $0) } ?? false
                    }
                    guard let found else { return false }
                    free[found] = nil
                    rows.append(
                        Row(planPeriod: found.planPeriod, component: component, usage: row.usage)
                    )
                    return true
                }
            }
            take { row, _, standing in
                (standing.open + [standing.confirmed, standing.lastSettled].compactMap(\.self))
                    .contains { "meter \($0.number)" == row.description }
            }
            take { row, _, standing in
                standing.confirmed.map { row.usage.isExactly($0.amount) } ?? false
            }
            take { _, _, _ in true }
            // What Meter never told is somebody else's, most likely of the newest plan period.
            let taken = Set(rows.filter { $0.component == component }.compactMap(\.planPeriod))
            var open = (book.resources[resource]?.periods ?? []).map(\.id)
                .filter { !taken.contains($0) }
            for row in left {
                rows.append(
                    Row(planPeriod: open.popLast(), component: component, usage: row.usage)
                )
            }
        }
        return rows
    }
}
