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

    /// nil for anything but a component, `=`, and components with or without a ratio.
    package init?(_ text: some StringProtocol) {
        let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, NameRule.accepts(String(sides[0])) else { return nil }
        var feeds: [Feed] = []
        for part in sides[1].split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard NameRule.accepts(String(halves[0])) else { return nil }
            var ratio: UnitRatio?
            if halves.count == 2 {
                guard let given = UnitRatio(halves[1]) else { return nil }
                ratio = given
            }
            feeds.append(Feed(component: Name(String(halves[0])), ratio: ratio))
        }
        self.init(component: Name(String(sides[0])), feeds: feeds)
    }
}
