package import Meter
internal import MeterWire

/// What a reading tells of a resource that the book does not know yet.
package enum ResourceNews {
    /// The decisions to book; empty where nothing is new.
    package static func decisions(
        _ listing: WaldurResource,
        _ offering: WaldurOffering?,
        _ observation: Observation,
        waldur: WaldurID,
        book: BookState
    ) -> [Decision] {
        let usageComponents = offering?.usageComponents ?? []
        let seen = PlanPeriodsSeen(
            waldur: waldur,
            resource: listing.id,
            offering: listing.offering,
            customer: listing.customer.map { Name($0.description) },
            periods: observation.periods.map(\.period),
            components: usageComponents,
            resourceState: listing.state,
            project: listing.project.map {
                ResourceProject(id: $0.description, name: listing.projectName)
            }
        )
        var news: [Decision] = []
        if !(book.resources[seen.resourceKey]?.tells(seen) ?? false) {
            news.append(.planPeriodsSeen(seen))
        }
        let plans = Set(observation.periods.compactMap(\.period.plan))
        for plan in offering?.plans ?? [] where plans.contains(plan.id) {
            for component in usageComponents {
                guard let price = plan.prices[component] else { continue }
                let seen = PriceSeen(
                    waldur: waldur,
                    plan: plan.id,
                    component: component,
                    price: price.description,
                    futurePrice: plan.futurePrices[component]?.description,
                    read: observation.waldurTime
                )
                guard let known = book.billing.price(seen.key) else {
                    news.append(.priceSeen(seen))
                    continue
                }
                guard !known.isSame(as: seen) else { continue }
                news.append(.priceSeen(seen))
                news += lateTurn(from: known, to: seen, in: observation.month, book)
                    .map { .incidentFound($0) }
            }
        }
        return news
    }

    /// A price that had been announced is in force only now, though totals of the month were told already:
    /// their invoice items are held to the price of before.
    private static func lateTurn(
        from known: PriceSeen,
        to seen: PriceSeen,
        in month: BillingMonth,
        _ book: BookState
    ) -> [Incident] {
        guard known.futurePrice == seen.price, known.price != seen.price else { return [] }
        let told = book.submissions[month] ?? MonthSubmissions()
        return told.sorted { $0.key < $1.key }.compactMap { key, standing in
            guard key.waldur == seen.waldur, key.component == seen.component,
                book.plan(of: key) == seen.plan, let told = standing.confirmed
            else { return nil }
            return Incident(
                kind: .beforeTurn,
                key: key,
                number: told.number,
                quantity: told.amount,
                frozenPrice: known.price,
                duePrice: seen.price
            )
        }
    }
}

extension ResourceStanding {
    /// True where the book already says all that was read now.
    fileprivate func tells(_ reading: PlanPeriodsSeen) -> Bool {
        components == Set(reading.components) && offering == reading.offering
            && customer == reading.customer && resourceState == reading.resourceState
            && project == reading.project
            && reading.periods.allSatisfy(periods.contains)
    }
}
