internal import Meter
internal import MeterWaldur
internal import MeterWire

/// A line of a statement at the newest price that Waldur showed before the period's end, and what that comes to.
/// The price is quoted: Waldur's invoice decides.
struct QuotedLine {
    let line: BillingLine
    /// As Waldur wrote it; nil where nobody has seen one.
    let price: String?
    /// nil without a price, and where nothing is confirmed.
    let amount: ExactDecimal?

    init(
        _ line: BillingLine,
        in period: BillingPeriod,
        _ book: BookState
    ) throws(LedgerError) {
        self.line = line
        price = line.planPeriod?.plan.flatMap { plan in
            book.billing.price(
                PriceKey(
                    waldur: period.waldur,
                    plan: plan,
                    component: line.key.account.component
                ),
                before: period.end.start
            )?.price
        }
        if let price = price.flatMap({ ExactDecimal($0) }),
            let confirmed = line.told?.figure.confirmed
        {
            amount = try ExactDecimal(digits: confirmed.rawValue, scale: 2).multiplied(by: price)
        } else {
            amount = nil
        }
    }
}
