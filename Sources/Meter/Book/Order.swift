package import MeterWire

/// An order as a Waldur showed it; booked when it is new or its state has changed.
package struct OrderSeen: Equatable, Codable, Sendable {
    package let waldur: WaldurID
    package let order: OrderID
    package let resource: ResourceID
    /// Waldur's word: `Create`, `Update` or `Terminate`.
    package let type: String
    /// Waldur's word: `pending-provider`, `executing`, `done` …
    package let state: String

    package init(
        waldur: WaldurID,
        order: OrderID,
        resource: ResourceID,
        type: String,
        state: String
    ) {
        self.waldur = waldur
        self.order = order
        self.resource = resource
        self.type = type
        self.state = state
    }

    package var resourceKey: ResourceKey { ResourceKey(waldur: waldur, resource: resource) }
}

/// Everything up to a journal position was told and read back while the order was pending.
package struct OrderFlushed: Equatable, Codable, Sendable {
    package let waldur: WaldurID
    package let order: OrderID
    package let position: UInt64
    /// When, by Waldur's clock.
    package let at: Timestamp

    package init(waldur: WaldurID, order: OrderID, position: UInt64, at: Timestamp) {
        self.waldur = waldur
        self.order = order
        self.position = position
        self.at = at
    }
}

/// An order, and whether its resource was flushed for it.
package struct OrderStanding: Equatable, Sendable {
    package internal(set) var order: OrderSeen
    package let firstSeen: Timestamp
    /// The newest flush while it was pending.
    package internal(set) var flushed: OrderFlushed?

    /// It may still come into effect.
    package var isOpen: Bool {
        !["done", "erred", "canceled", "rejected", "gone"].contains(order.state)
    }

    init(order: OrderSeen, firstSeen: Timestamp) {
        self.order = order
        self.firstSeen = firstSeen
    }
}
