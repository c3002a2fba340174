extension WaldurModel {
    /// A new offering in state Draft; every plan prices every component with 0.
    mutating func publish(
        _ draft: Offering,
        plans drafts: [(name: String, description: String, unit: Plan.Unit)]
    ) -> Offering {
        offerings.insert(draft)
        for plan in drafts { addPlan(plan, to: draft) }
        return draft
    }

    @discardableResult
    mutating func addPlan(
        _ draft: (name: String, description: String, unit: Plan.Unit),
        to offering: Offering
    ) -> Plan {
        var prices: [String: PlanPrice] = [:]
        // The keys are given in the order in which components are listed.
        for component in offering.components {
            lastPlanPrice += 1
            prices[component.type] = PlanPrice(
                number: lastPlanPrice,
                price: .zero,
                futurePrice: nil,
                quota: 0
            )
        }
        let plan = Plan(
            id: ID(),
            offering: offering.id,
            name: draft.name,
            description: draft.description,
            unit: draft.unit,
            prices: prices
        )
        plans.insert(plan)
        return plan
    }

    /// A component that is added later has no price in the plans that exist: it is stored when
    /// reported and not billed, until `update_prices` names it.
    mutating func addComponent(_ component: Component, to offering: ID) throws(Refusal) {
        guard offerings[offering]?.component(component.type) == nil else {
            throw .server("duplicate key (offering, type) \(component.type)")
        }
        offerings.update(offering) { offering in
            offering.components.append(component)
            offering.components.sort { $0.type < $1.type }
        }
    }

    mutating func removeComponent(_ component: Component, from offering: ID) throws(Refusal) {
        let isUsed =
            resources.rows.contains { $0.offering == offering }
            || usages.rows.contains { $0.key.component == component.id }
        guard !isUsed else {
            let text =
                "The component \(component.name) cannot be removed because it is already used"
            throw .invalid(["details": .string(text)])
        }
        offerings.update(offering) { $0.components.removeAll { $0.id == component.id } }
        for plan in plans.rows where plan.offering == offering {
            plans.update(plan.id) { $0.prices[component.type] = nil }
        }
    }

    /// How many billing units of a fixed component a plan includes.
    mutating func updateQuotas(_ plan: Plan, _ quotas: [String: Int]) throws(Refusal) {
        let known = offerings[plan.offering]?.components.map(\.type) ?? []
        let unknown = Set(quotas.keys).subtracting(known).sorted()
        guard unknown.isEmpty else {
            throw .invalid([.string("Invalid components \(unknown.joined(separator: ", ")).")])
        }
        plans.update(plan.id) { plan in
            for (type, quota) in quotas { plan.prices[type]?.quota = quota }
        }
    }
}
