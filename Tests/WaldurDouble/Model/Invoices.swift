/// What one customer owes for one month.
struct Invoice: Identified {
    enum State: String, Sendable, CaseIterable { case pending, created, paid, canceled }

    var id: ID
    var number: Int
    var customer: ID
    var month: Month
    var state: State
    var taxPercent: Decimal10
    /// The day it went from pending to created.
    var invoiceDate: Moment?
}

struct InvoiceItem: Identified {
    /// A span with one ordered amount; its length in days is part of the details.
    struct LimitPeriod: Sendable {
        var start: Moment
        var end: Moment
        var quantity: Int

        var days: Int { fullDays(start, end) }
        var total: Int { quantity * days }
    }

    /// Names as they were when the item was made: the plan is the resource's plan of that moment,
    /// which after a switch is not the plan whose price the item has.
    struct Details: Sendable {
        var plan: ID?
        var planName: String
        var resourceName: String
        var planComponent: Int
        var componentType: String
        var componentName: String
        var limitPeriods: [LimitPeriod]
    }

    var id: ID
    var invoice: ID
    var resource: ID
    var project: ID
    var name: String
    var unit: Plan.Unit
    var measuredUnit: String
    var articleCode: String
    var start: Moment
    var end: Moment
    /// Frozen when the item is made.
    var unitPrice: Decimal10
    var quantity: Decimal10
    /// nil for what no resource's plan is behind, such as the use of a credit.
    var details: Details?

    /// The component that it bills; empty without details.
    var type: String { details?.componentType ?? "" }

    /// Rounded up to 0.01, away from zero.
    var price: Decimal10 { unitPrice.timesRoundedUp(quantity) }
}

/// Days begun between two moments.
func fullDays(_ start: Moment, _ end: Moment) -> Int {
    Int((end.micros - start.micros + Moment.day - 1) / Moment.day)
}
