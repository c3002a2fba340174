internal import Meter
internal import MeterWire

extension BookState {
    /// What an account's amounts are counted in: the component's smallest unit, or a part of the unit that the
    /// offering measures where several components make one up.
    func baseUnit(_ component: Name, of resource: ResourceKey) -> String {
        if let set = offeringUnit(component, of: resource), set.fedBy != nil {
            return "1/\(set.unitsPerReported) \(set.reportedUnit)"
        }
        return components[component]?.unit ?? "unit"
    }

    /// What Waldur is told a component in; nil where nobody has declared it.
    func reportedUnit(_ component: Name, of resource: ResourceKey) -> String? {
        offeringUnit(component, of: resource)?.reportedUnit ?? components[component]?.reportedUnit
    }

    private func offeringUnit(_ component: Name, of resource: ResourceKey) -> OfferingUnitSet? {
        resources[resource]?.offering.flatMap { offering in
            unit(
                of: OfferingComponent(
                    waldur: resource.waldur,
                    offering: offering,
                    component: component
                )
            )
        }
    }
}
