package import Meter
package import MeterWire

/// The one thing that the reporter wants done next. Whoever drives it does it and hands the outcome to
/// `Reporter.handle`.
package enum ReporterAction: Equatable, Sendable {
    /// Read every resource that the account sees.
    case listResources
    case readOffering(OfferingID)
    /// Read the orders that may still come into effect.
    case readOrders
    case readOrder(OrderID)
    /// Read the invoices that the account sees, to see whether Waldur has turned the month.
    case readInvoices
    /// Ask the ledger, at a durable position, for everything of a month that is over.
    case readMonth(BillingMonth)
    /// Read a resource's plan periods, with the rows of Waldur's current month.
    case readPlanPeriods(ResourceID)
    /// Read the usage list of a resource in a month.
    case readUsageRows(ResourceID, BillingMonth)
    /// Ask the ledger, at a durable position, for the usage of a resource's month up to and with a minute.
    case readFigures(ResourceID, BillingMonth, through: Minute)
    /// Append to the book and wait until it is durable.
    case book([Decision])
    /// Send one call. Its intent is in the book.
    case setUsage(SetUsageCall)
    /// Nothing to do before that moment, by our clock, unless a cycle is asked for.
    case rest(until: Timestamp)
}

/// What came of an action.
package enum ReporterEvent: Sendable {
    case resources(Result<[WaldurResource], WaldurError>)
    case offering(Result<WaldurOffering, WaldurError>)
    case orders(Result<[WaldurOrder], WaldurError>)
    case order(Result<WaldurOrder, WaldurError>)
    case invoices(Result<[WaldurInvoice], WaldurError>)
    case month(Result<LedgerMonth, ReporterTrouble>)
    case planPeriods(Result<[WaldurPlanPeriod], WaldurError>)
    case usageRows(Result<[WaldurUsageRow], WaldurError>)
    case figures(Result<ResourceFigures, ReporterTrouble>)
    case booked(Result<BookState, ReporterTrouble>)
    case sent(Result<Void, WaldurError>)
    case rested
}

/// Why the engine or the book did not do its part; the next cycle tries again.
package struct ReporterTrouble: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String
    /// What was asked for is at fault, and nothing else: the book refuses a decision, or a resource's figures
    /// make no sense.
    package let concernsOne: Bool

    package init(_ description: String, concernsOne: Bool = false) {
        self.description = description
        self.concernsOne = concernsOne
    }
}

/// When something happens, by both clocks.
package struct ReporterMoment: Sendable {
    package let now: Timestamp
    /// Waldur's clock; nil before its first answer.
    package let clock: WaldurClock?

    package init(now: Timestamp, clock: WaldurClock?) {
        self.now = now
        self.clock = clock
    }
}
