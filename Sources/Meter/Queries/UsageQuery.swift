package import MeterWire

/// Which usage to add up, and how to group it.
package struct UsageQuery: Sendable {
    /// Only these tenants; nil for all.
    package var tenants: Set<Name>?
    /// Only these agents; nil for all.
    package var agents: Set<Name>?
    /// Only these accesses, where an element nil stands for usage without one; nil for all.
    package var accesses: Set<AccessID?>?
    /// Only these components; nil for all.
    package var components: Set<Name>?
    /// Ascending boundaries: window `i` is the minutes `[windows[i], windows[i + 1])`. At least two.
    package var windows: [Minute]
    /// What to keep apart; what is not named is added up.
    package var grouping: Grouping
    /// Whether what counts is wanted, or what is kept beside it: never one added to the other, unless the ways
    /// are kept apart.
    package var classes: UsageClasses
    /// Whether components' variants are answered, too, each a component of its own. Without grouping by
    /// component they would be added to what they are part of.
    package var withVariants: Bool

    package struct Grouping: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        package static let tenant = Grouping(rawValue: 1)
        package static let agent = Grouping(rawValue: 2)
        package static let access = Grouping(rawValue: 4)
        package static let component = Grouping(rawValue: 8)
        package static let window = Grouping(rawValue: 16)
        package static let way = Grouping(rawValue: 32)
    }

    package init(
        tenants: Set<Name>? = nil, agents: Set<Name>? = nil, accesses: Set<AccessID?>? = nil,
        components: Set<Name>? = nil, windows: [Minute], grouping: Grouping,
        classes: UsageClasses = .counted, withVariants: Bool = false
    ) {
        self.tenants = tenants
        self.agents = agents
        self.accesses = accesses
        self.components = components
        self.windows = windows
        self.grouping = grouping
        self.classes = classes
        self.withVariants = withVariants
    }
}

/// Usage by whether it counts: of each agent only one way does at a time (``CountingRule``).
package struct UsageClasses: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    /// What is shown, told and billed.
    package static let counted = UsageClasses(rawValue: 1)
    /// What came in the way that does not count, and may be of the same calls.
    package static let advisory = UsageClasses(rawValue: 2)
    package static let all: UsageClasses = [.counted, .advisory]
}

/// What distinguishes one total from another; nil where the query did not group by it.
package struct UsageGroup: Hashable, Sendable {
    package var tenant: Name?
    package var agent: Name?
    /// nil also for usage whose events named no access.
    package var access: AccessID?
    package var component: Name?
    package var window: Int?
    package var way: UsageWay?

    package init(
        tenant: Name? = nil, agent: Name? = nil, access: AccessID? = nil, component: Name? = nil,
        window: Int? = nil, way: UsageWay? = nil
    ) {
        self.tenant = tenant
        self.agent = agent
        self.access = access
        self.component = component
        self.window = window
        self.way = way
    }
}

/// A sum and how many amounts are in it.
package struct UsageTotal: Equatable, Sendable {
    package var sum: UInt128
    package var count: UInt64

    package init(sum: UInt128 = 0, count: UInt64 = 0) {
        self.sum = sum
        self.count = count
    }
}

/// The answer to a query, true at one position of the journal.
package struct UsageAnswer: Sendable {
    /// Groups that no amount fell into are not listed.
    package var totals: [UsageGroup: UsageTotal]
    /// The position at which the answer is exact; at most the durable position when it is given out.
    package var position: UInt64
    /// When the last record before that position was received.
    package var asOf: Timestamp
    /// The earliest time that an open hole, an unmet claim or a silent source could still change;
    /// nil when unknown.
    package var completeThrough: Timestamp?

    package init(
        totals: [UsageGroup: UsageTotal], position: UInt64, asOf: Timestamp,
        completeThrough: Timestamp?
    ) {
        self.totals = totals
        self.position = position
        self.asOf = asOf
        self.completeThrough = completeThrough
    }
}

/// Usage and details, true at the same position.
package struct UsageWithDetails: Sendable {
    package var usage: UsageAnswer
    /// In the order of the queries.
    package var details: [DetailsAnswer]

    package init(usage: UsageAnswer, details: [DetailsAnswer]) {
        self.usage = usage
        self.details = details
    }
}
