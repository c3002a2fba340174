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
                if !(book.billing.price(seen.key)?.isSame(as: seen) ?? false) {
                    news.append(.priceSeen(seen))
                }
            }
        }
        return news
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
