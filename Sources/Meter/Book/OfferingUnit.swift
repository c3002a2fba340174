package import MeterWire

/// How one offering bills a component: in which unit it measures it, and which of Meter's components make it up.
///
/// The account of the offering's component is kept in *base units*, whole numbers into which the smallest
/// units of every feeding component and the measured unit divide: an amount of a feeding component is
/// multiplied by its weight, and `unitsPerReported` base units make one measured unit. So a factor may be any
/// ratio and several components may be added up without a remainder before the one rounding.
package struct OfferingUnitSet: Equatable, Codable, Sendable {
    package let waldur: WaldurID
    package let offering: OfferingID
    /// The offering's name for it.
    package let component: Name
    /// The offering's word for its unit: `Mtoken`, `h`.
    package let reportedUnit: String
    /// How many base units make one, at least 1; never changes once used.
    package let unitsPerReported: UInt64
    /// What makes it up; never changes once used. nil: Meter's component of the same name, whose smallest unit
    /// is the base unit.
    package let fedBy: [ComponentFeed]?
    /// Calls of which outcomes it bills; never changes once used. nil: all.
    package let bills: BilledOutcomes?

    package init(
        waldur: WaldurID,
        offering: OfferingID,
        component: Name,
        reportedUnit: String,
        unitsPerReported: UInt64,
        fedBy: [ComponentFeed]? = nil,
        bills: BilledOutcomes? = nil
    ) {
        self.waldur = waldur
        self.offering = offering
        self.component = component
        self.reportedUnit = reportedUnit
        self.unitsPerReported = unitsPerReported
        self.fedBy = fedBy
        self.bills = bills
    }

    package var key: OfferingComponent {
        OfferingComponent(waldur: waldur, offering: offering, component: component)
    }

    /// What makes it up, in any case.
    package var feeds: [ComponentFeed] { fedBy ?? [ComponentFeed(component: component, weight: 1)] }
}

/// One of Meter's components as a part of an offering's.
package struct ComponentFeed: Hashable, Codable, Sendable {
    package let component: Name
    /// How many base units one of its smallest units is, at least 1.
    package let weight: UInt64

    package init(component: Name, weight: UInt64) {
        self.component = component
        self.weight = weight
    }
}

/// A component of one offering.
package struct OfferingComponent: Hashable, Sendable, CustomStringConvertible {
    package let waldur: WaldurID
    package let offering: OfferingID
    package let component: Name

    package init(waldur: WaldurID, offering: OfferingID, component: Name) {
        self.waldur = waldur
        self.offering = offering
        self.component = component
    }

    package var description: String { "component \(component) of offering \(offering)" }
}

extension BookState {
    /// How an offering bills a component; by default in the unit that the component declares. nil where
    /// neither the offering nor a declaration of that name says anything.
    package func unit(of key: OfferingComponent) -> OfferingUnitSet? {
        if let set = billing.offeringUnits[key] { return set }
        return components[key.component].map { component in
            OfferingUnitSet(
                waldur: key.waldur,
                offering: key.offering,
                component: key.component,
                reportedUnit: component.reportedUnit,
                unitsPerReported: component.unitsPerReported
            )
        }
    }

    /// How many base units make one of those that this resource's offering measures.
    package func unitsPerReported(_ component: Name, of resource: ResourceKey) -> UInt64 {
        let offering = resources[resource]?.offering
        let set = offering.flatMap { offering in
            billing.offeringUnits[
                OfferingComponent(
                    waldur: resource.waldur,
                    offering: offering,
                    component: component
                )
            ]
        }
        let units = set?.unitsPerReported ?? components[component]?.unitsPerReported ?? 1
        return max(units, 1)
    }

    /// Whether a component of a resource's offering bills calls that ended so.
    package func bills(_ outcome: Outcome, _ component: Name, of resource: ResourceKey) -> Bool {
        guard let offering = resources[resource]?.offering else { return true }
        let key = OfferingComponent(
            waldur: resource.waldur,
            offering: offering,
            component: component
        )
        return billing.offeringUnits[key]?.bills?.contains(outcome) ?? true
    }

    /// Whether an offering's component has a declared component to feed it.
    package func isFed(_ component: Name, of resource: ResourceKey) -> Bool {
        guard let offering = resources[resource]?.offering else {
            return components[component] != nil
        }
        let key = OfferingComponent(
            waldur: resource.waldur,
            offering: offering,
            component: component
        )
        if let feeds = billing.offeringUnits[key]?.fedBy {
            return feeds.contains { components[$0.component] != nil }
        }
        return components[component] != nil && billing.fed[key] == nil
    }

    /// Which component of a resource's offering a component of Meter's is part of, and with what weight.
    ///
    /// nil where the offering's component of that name is made up of others.
    package func told(_ component: Name, of resource: ResourceKey) -> ComponentFeed? {
        guard let offering = resources[resource]?.offering else {
            return ComponentFeed(component: component, weight: 1)
        }
        let key = OfferingComponent(
            waldur: resource.waldur,
            offering: offering,
            component: component
        )
        if let fed = billing.fed[key] { return fed }
        return billing.offeringUnits[key]?.fedBy == nil
            ? ComponentFeed(component: component, weight: 1) : nil
    }
}
