extension WaldurModel {
    /// `update_prices`. What is not named becomes 0, at once when no resource has the plan, else
    /// as announced price for the next month; where nothing was announced and nothing is named, it
    /// stays so.
    mutating func updatePrices(_ plan: Plan, _ prices: [String: Decimal10]) throws(Refusal) {
        guard let offering = offerings[plan.offering] else { return }
        let unknown = Set(prices.keys).subtracting(offering.components.map(\.type)).sorted()
        guard unknown.isEmpty else {
            throw .invalid([.string("Invalid components \(unknown.joined(separator: ", ")).")])
        }
        let inUse = resources.rows.contains { $0.plan == plan.id }
        var number = lastPlanPrice
        plans.update(plan.id) { plan in
            for component in offering.components {
                let named = prices[component.type]
                if plan.prices[component.type] == nil {
                    guard named != nil else { continue }
                    number += 1
                    plan.prices[component.type] = PlanPrice(
                        number: number,
                        price: .zero,
                        futurePrice: nil,
                        quota: 0
                    )
                }
                let new = named ?? .zero
                if inUse {
                    let old = plan.prices[component.type]?.futurePrice ?? .zero
                    if old != new { plan.prices[component.type]?.futurePrice = new }
                } else {
                    plan.prices[component.type]?.price = new
                }
            }
        }
        lastPlanPrice = number
    }

    /// The sum of a plan's prices of one kind, as `init_price` and the like show it.
    func sum(_ plan: Plan, _ type: BillingType) -> Decimal10 {
        (offerings[plan.offering]?.components ?? [])
            .filter { $0.billingType == type }.compactMap { plan.prices[$0.type]?.price }
            .reduce(.zero, +)
    }

    /// What a plan with these limits costs a month; only limit components count.
    func estimate(_ plan: Plan?, _ limits: [Limit]) -> Decimal10 {
        guard let plan, let offering = offerings[plan.offering] else { return .zero }
        return offering.components.filter { $0.billingType == .limit }
            .map { component in
                let limit = limits.first { $0.type == component.type }?.amount ?? 0
                return (plan.prices[component.type]?.price ?? .zero) * limit
            }
            .reduce(.zero, +)
    }
}
