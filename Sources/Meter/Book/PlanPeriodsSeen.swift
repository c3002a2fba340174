package import MeterWire

/// One plan period of a resource, with Waldur's own moments.
package struct PlanPeriod: Equatable, Codable, Sendable {
    package let id: PlanPeriodID
    package let plan: PlanID?
    package let planName: String?
    package let start: Timestamp
    package let end: Timestamp?

    package init(
        id: PlanPeriodID,
        plan: PlanID? = nil,
        planName: String? = nil,
        start: Timestamp,
        end: Timestamp? = nil
    ) {
        self.id = id
        self.plan = plan
        self.planName = planName
        self.start = start
        self.end = end
    }
}

/// What was read from a Waldur of one resource: booked when it differs from what was read before.
///
/// Waldur lists only plan periods that reach into its current month, so readings are merged by uuid:
/// a period that is no longer listed stays known.
package struct PlanPeriodsSeen: Equatable, Codable, Sendable {
    package let waldur: WaldurID
    package let resource: ResourceID
    package let offering: OfferingID?
    /// The Waldur customer whose resource it is now.
    package let customer: Name?
    package let periods: [PlanPeriod]
    /// The offering's components with billing type `usage`, the only ones that may be told.
    package let components: [Name]
    /// Waldur's word for the resource's state, such as `OK` or `Terminated`.
    package let resourceState: String?
    /// The project in which the resource was ordered; nil in books of before that was read.
    package let project: ResourceProject?

    package init(
        waldur: WaldurID,
        resource: ResourceID,
        offering: OfferingID? = nil,
        customer: Name? = nil,
        periods: [PlanPeriod],
        components: [Name],
        resourceState: String? = nil,
        project: ResourceProject? = nil
    ) {
        self.waldur = waldur
        self.resource = resource
        self.offering = offering
        self.customer = customer
        self.periods = periods
        self.components = components
        self.resourceState = resourceState
        self.project = project
    }

    package var resourceKey: ResourceKey { ResourceKey(waldur: waldur, resource: resource) }
}

/// A project of a customer's, as Waldur showed it.
package struct ResourceProject: Equatable, Codable, Sendable {
    /// Waldur's uuid, 32 hexadecimal digits.
    package let id: String
    package let name: String?

    package init(id: String, name: String?) {
        self.id = id
        self.name = name
    }
}

/// A price as a Waldur showed it; quoted, never computed with.
package struct PriceSeen: Equatable, Codable, Sendable {
    package let waldur: WaldurID
    package let plan: PlanID
    package let component: Name
    /// Waldur's decimal text.
    package let price: String
    /// What it becomes at the turn of the month, where announced.
    package let futurePrice: String?
    /// When it was read, by Waldur's clock; nil in books of before that was kept.
    package let read: Timestamp?

    package init(
        waldur: WaldurID,
        plan: PlanID,
        component: Name,
        price: String,
        futurePrice: String? = nil,
        read: Timestamp? = nil
    ) {
        self.waldur = waldur
        self.plan = plan
        self.component = component
        self.price = price
        self.futurePrice = futurePrice
        self.read = read
    }

    package var key: PriceKey { PriceKey(waldur: waldur, plan: plan, component: component) }

    /// The same prices, whenever they were read.
    package func isSame(as other: PriceSeen) -> Bool {
        key == other.key && price == other.price && futurePrice == other.futurePrice
    }
}

/// A component's price in a plan.
package struct PriceKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let waldur: WaldurID
    package let plan: PlanID
    package let component: Name

    package init(waldur: WaldurID, plan: PlanID, component: Name) {
        self.waldur = waldur
        self.plan = plan
        self.component = component
    }

    package var description: String { "\(component) in plan \(plan) of \(waldur)" }

    package static func < (left: PriceKey, right: PriceKey) -> Bool {
        if left.waldur != right.waldur { return left.waldur < right.waldur }
        return left.plan != right.plan ? left.plan < right.plan : left.component < right.component
    }
}
