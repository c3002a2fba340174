package import Meter
package import MeterWire

/// Whether Waldur has turned a month: a pure function of what was announced before and what is seen now.
package enum MonthTurn {
    /// What the turn shows by.
    package struct Sight: Equatable, Sendable {
        /// Prices that were announced to change, by what they should become and what they are now; those
        /// that nobody can see any more are left out.
        package var announced: [(due: String, now: String)] = []
        /// Months of the invoices that the account sees.
        package var invoices: Set<BillingMonth> = []
        /// Somebody had looked at this Waldur's prices before the month began.
        package var wasSeenBefore = false

        package init() {}

        package static func == (left: Sight, right: Sight) -> Bool {
            left.announced.elementsEqual(right.announced, by: ==)
                && left.invoices == right.invoices && left.wasSeenBefore == right.wasSeenBefore
        }
    }

    /// What shows that Waldur has turned to a month; nil while that is not known.
    ///
    /// Announced prices decide where there are any: an invoice may also be opened by an early order.
    /// Without them the provider's own invoice decides, if the account sees invoices at all; where there is
    /// nothing to see, the delay alone, and for a Waldur that is seen for the first time the alarm's.
    package static func evidence(
        _ sight: Sight,
        of month: BillingMonth,
        millisecondsIntoMonth: Int64,
        settings: ReporterSettings
    ) -> MonthTurned.Evidence? {
        guard millisecondsIntoMonth >= settings.turnDelayMilliseconds else { return nil }
        if !sight.announced.isEmpty {
            return sight.announced.allSatisfy { $0.due == $0.now } ? .prices : nil
        }
        if sight.invoices.contains(month) { return .invoice }
        if sight.wasSeenBefore { return sight.invoices.isEmpty ? .delay : nil }
        return millisecondsIntoMonth >= settings.turnAlarmMilliseconds ? .delay : nil
    }

    /// What is seen now of what a book knew before the month began.
    package static func sight(
        book: BookState,
        waldur: WaldurID,
        start: Timestamp,
        offerings: [WaldurOffering],
        invoices: [WaldurInvoice]
    ) -> Sight {
        var sight = Sight()
        sight.invoices = Set(invoices.map(\.month))
        var plans: [PlanID: WaldurOffering.Plan] = [:]
        for plan in offerings.flatMap(\.plans) { plans[plan.id] = plan }
        for key in book.billing.prices.keys.sorted() where key.waldur == waldur {
            guard let known = book.billing.price(key, before: start) else { continue }
            sight.wasSeenBefore = true
            guard let due = known.futurePrice, due != known.price,
                let now = plans[key.plan]?.prices[key.component]
            else { continue }
            sight.announced.append((due, now.description))
        }
        return sight
    }
}
