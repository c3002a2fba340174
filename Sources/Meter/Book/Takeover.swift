package import MeterWire

/// What Waldur already showed when a resource was taken over.
package struct OpeningBalance: Equatable, Codable, Sendable {
    package let key: SubmissionKey
    package let amount: Hundredths
    /// From here on Meter counts.
    package let from: Minute

    package init(key: SubmissionKey, amount: Hundredths, from: Minute) {
        self.key = key
        self.amount = amount
        self.from = from
    }
}

/// From a minute on Meter reports a resource that somebody else had reported; its opening balances and
/// its binding are of the same append.
package struct ResourceAdopted: Equatable, Codable, Sendable {
    package let waldur: WaldurID
    package let resource: ResourceID
    package let from: Minute

    package init(waldur: WaldurID, resource: ResourceID, from: Minute) {
        self.waldur = waldur
        self.resource = resource
        self.from = from
    }

    package var resourceKey: ResourceKey { ResourceKey(waldur: waldur, resource: resource) }
}

/// From a minute on somebody else reports a resource; what Meter told stands.
package struct ResourceReleased: Equatable, Codable, Sendable {
    package let waldur: WaldurID
    package let resource: ResourceID
    package let from: Minute
    package let reason: String

    package init(waldur: WaldurID, resource: ResourceID, from: Minute, reason: String) {
        self.waldur = waldur
        self.resource = resource
        self.from = from
        self.reason = reason
    }

    package var resourceKey: ResourceKey { ResourceKey(waldur: waldur, resource: resource) }
}
