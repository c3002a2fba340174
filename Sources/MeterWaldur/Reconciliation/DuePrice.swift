internal import Meter
internal import MeterWire

extension BookState {
    /// The price that a row's plan had when Waldur had turned the month, as Waldur showed it; nil where
    /// nobody has seen one.
    func duePrice(of key: SubmissionKey, in period: BillingPeriod) -> ExactDecimal? {
        plan(of: key).flatMap { plan in
            billing.price(
                PriceKey(waldur: key.waldur, plan: plan, component: key.component),
                before: period.end.start
            )
        }.flatMap { ExactDecimal($0.price) }
    }

    /// Whether a row's plan was seen with prices, and none of this component.
    func isUnpriced(_ key: SubmissionKey) -> Bool {
        guard let plan = plan(of: key) else { return false }
        return !billing.prices.keys.contains {
            $0.waldur == key.waldur && $0.plan == plan && $0.component == key.component
        } && billing.prices.keys.contains { $0.waldur == key.waldur && $0.plan == plan }
    }
}
