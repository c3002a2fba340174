internal import MeterWire

/// A uuid of Waldur's, kept as its 128 bits and written as Waldur writes it: 32 lower-case hexadecimal digits.
package protocol WaldurUUID: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    var high: UInt64 { get }
    var low: UInt64 { get }
    init(high: UInt64, low: UInt64)
}

extension WaldurUUID {
    /// Reads 32 hexadecimal digits, with or without dashes; nil for anything else.
    package init?(_ text: some StringProtocol) {
        guard let uuid = AccessID(text) else { return nil }
        self.init(high: uuid.high, low: uuid.low)
    }

    package var description: String { Hexadecimal.text(high) + Hexadecimal.text(low) }

    package static func < (left: Self, right: Self) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    package init(from decoder: any Decoder) throws {
        self = try decodeText(decoder, as: Self.self) { Self($0) }
    }

    package func encode(to encoder: any Encoder) throws {
        try encodeText(description, to: encoder)
    }
}

/// A resource in a Waldur: what an order made, and what usage is reported for.
package struct ResourceID: WaldurUUID {
    package let high: UInt64
    package let low: UInt64
    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
}

/// One plan period of a resource.
package struct PlanPeriodID: WaldurUUID {
    package let high: UInt64
    package let low: UInt64
    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
}

/// A plan: a price list of an offering.
package struct PlanID: WaldurUUID {
    package let high: UInt64
    package let low: UInt64
    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
}

/// An offering: what is sold, and which components it has.
package struct OfferingID: WaldurUUID {
    package let high: UInt64
    package let low: UInt64
    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
}

/// An order: what a buyer, Waldur's staff or one of its daily tasks asked for.
package struct OrderID: WaldurUUID {
    package let high: UInt64
    package let low: UInt64
    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
}

/// One item of an invoice.
package struct InvoiceItemID: WaldurUUID {
    package let high: UInt64
    package let low: UInt64
    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
}

/// Which of the configured Waldurs.
package struct WaldurID: Hashable, Comparable, Codable, Sendable, CustomStringConvertible,
    ExpressibleByStringLiteral
{
    package let name: String

    package init(_ name: String) { self.name = name }
    package init(stringLiteral name: String) { self.name = name }

    package var description: String { name }

    package static func < (left: WaldurID, right: WaldurID) -> Bool {
        left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
    }

    package init(from decoder: any Decoder) throws {
        name = try decoder.singleValueContainer().decode(String.self)
    }

    package func encode(to encoder: any Encoder) throws { try encodeText(name, to: encoder) }
}

/// A resource and the Waldur that it is in.
package struct ResourceKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let waldur: WaldurID
    package let resource: ResourceID

    package init(waldur: WaldurID, resource: ResourceID) {
        self.waldur = waldur
        self.resource = resource
    }

    package var description: String { "\(waldur)/\(resource)" }

    package static func < (left: ResourceKey, right: ResourceKey) -> Bool {
        left.waldur != right.waldur
            ? left.waldur < right.waldur : left.resource < right.resource
    }
}
