package import Meter
package import MeterWire

/// What a person says an offering's component is made up of:
/// `tokens=input_tokens:1000,cached_input_tokens:10000/3`.
package struct OfferingFeeds: Equatable, Sendable {
    package struct Feed: Equatable, Sendable {
        package let component: Name
        /// nil: as the names of the units tell it.
        package let ratio: UnitRatio?

        package init(component: Name, ratio: UnitRatio? = nil) {
            self.component = component
            self.ratio = ratio
        }
    }

    package let component: Name
    package let feeds: [Feed]

    package init(component: Name, feeds: [Feed]) {
        self.component = component
        self.feeds = feeds
    }

    /// Splits `COMPONENT=ONE,ANOTHER`; nil for anything else.
    fileprivate static func parts(
        _ text: some StringProtocol
    ) -> (component: Name, parts: [String])? {
        let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, NameRule.accepts(String(sides[0])) else { return nil }
        let parts = sides[1].split(separator: ",", omittingEmptySubsequences: false)
        return (Name(String(sides[0])), parts.map { String($0) })
    }

    /// nil for anything but a component, `=`, and components with or without a ratio.
    package init?(_ text: some StringProtocol) {
        guard let (component, parts) = Self.parts(text) else { return nil }
        var feeds: [Feed] = []
        for part in parts {
            let halves = part.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard NameRule.accepts(String(halves[0])) else { return nil }
            var ratio: UnitRatio?
            if halves.count == 2 {
                guard let given = UnitRatio(halves[1]) else { return nil }
                ratio = given
            }
            feeds.append(Feed(component: Name(String(halves[0])), ratio: ratio))
        }
        self.init(component: component, feeds: feeds)
    }
}

/// What a person says of which calls an offering's component bills: `tokens=ok,cached`.
package struct OfferingBills: Equatable, Sendable {
    package let component: Name
    package let bills: BilledOutcomes

    package init(component: Name, bills: BilledOutcomes) {
        self.component = component
        self.bills = bills
    }

    /// nil for anything but a component, `=`, and outcomes, ok among them.
    package init?(_ text: some StringProtocol) {
        guard let (component, parts) = OfferingFeeds.parts(text), let bills = BilledOutcomes(parts)
        else { return nil }
        self.init(component: component, bills: bills)
    }
}

/// All that a person says of an offering's components.
package struct OfferingWishes: Equatable, Sendable {
    package var feeds: [OfferingFeeds]
    package var bills: [OfferingBills]

    package init(feeds: [OfferingFeeds] = [], bills: [OfferingBills] = []) {
        self.feeds = feeds
        self.bills = bills
    }
}
