package import MeterWire

/// Which details to add up, and how to group them.
///
/// A filter that is nil lets everything through; an element nil of a filter stands for what has no access,
/// no model or no user.
package struct DetailsQuery: Sendable {
    package var tenants: Set<Name>?
    package var agents: Set<Name>?
    package var accesses: Set<AccessID?>?
    package var models: Set<Name?>?
    package var users: Set<Name?>?
    package var outcomes: Set<Outcome>?
    /// Whose amounts to add up. Calls, times and histograms are those of all calls that match otherwise.
    package var components: Set<Name>?
    /// Ascending boundaries: window `i` is the quarter hours `[windows[i], windows[i + 1])`. At least two.
    package var windows: [QuarterHour]
    /// What to keep apart; what is not named is added up.
    package var grouping: Grouping
    /// Whether calls that count are wanted, or those kept beside them.
    package var classes: UsageClasses
    /// Whether the histograms are wanted: they cost more than all the rest.
    package var wantsHistograms: Bool
    /// The most groups that an answer may have; each takes some hundred bytes, and with histograms up to
    /// 16 KiB.
    package var groupCountMax = 100_000

    package struct Grouping: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        package static let tenant = Grouping(rawValue: 1)
        package static let agent = Grouping(rawValue: 2)
        package static let access = Grouping(rawValue: 4)
        package static let model = Grouping(rawValue: 8)
        package static let user = Grouping(rawValue: 16)
        package static let outcome = Grouping(rawValue: 32)
        package static let window = Grouping(rawValue: 64)
    }

    package init(
        tenants: Set<Name>? = nil, agents: Set<Name>? = nil, accesses: Set<AccessID?>? = nil,
        models: Set<Name?>? = nil, users: Set<Name?>? = nil, outcomes: Set<Outcome>? = nil,
        components: Set<Name>? = nil, windows: [QuarterHour], grouping: Grouping,
        wantsHistograms: Bool = true, classes: UsageClasses = .counted
    ) {
        self.tenants = tenants
        self.agents = agents
        self.accesses = accesses
        self.models = models
        self.users = users
        self.outcomes = outcomes
        self.components = components
        self.windows = windows
        self.grouping = grouping
        self.wantsHistograms = wantsHistograms
        self.classes = classes
    }
}

extension Name {
    /// What stands for the models and users that a limit kept from being told apart. An event may name it
    /// too: then it is counted with them.
    package static let otherDetails: Name = "__other__"
    /// What stands for users whose details were erased.
    package static let erasedDetails: Name = "__erased__"
}

/// What distinguishes one total of details from another; nil where the query did not group by it.
package struct DetailsGroup: Hashable, Sendable {
    package var tenant: Name?
    package var agent: Name?
    /// nil also for calls whose events named no access.
    package var access: AccessID?
    /// nil also for calls whose events named no model.
    package var model: Name?
    /// nil also for calls whose events named no user.
    package var user: Name?
    package var outcome: Outcome?
    package var window: Int?

    package init(
        tenant: Name? = nil, agent: Name? = nil, access: AccessID? = nil, model: Name? = nil,
        user: Name? = nil, outcome: Outcome? = nil, window: Int? = nil
    ) {
        self.tenant = tenant
        self.agent = agent
        self.access = access
        self.model = model
        self.user = user
        self.outcome = outcome
        self.window = window
    }
}

/// What the calls of one group add up to.
package struct DetailsTotal: Equatable, Sendable {
    /// Accepted events.
    package var calls: UInt64 = 0
    /// Of the calls, by how they ended; in the order of `Outcome`'s numbers.
    package var outcomes: [UInt64] = [0, 0, 0, 0]
    /// Exact sums by component, of the components asked for.
    package var amounts: [Name: UsageTotal] = [:]
    /// The latest time of any of the calls.
    package var lastEvent: Timestamp?
    /// Milliseconds, of the calls whose events told how long they took. Empty unless asked for.
    package var durations = Histogram()
    /// Tokens of a call: the sum of its components whose names end in `_tokens`, of the calls that have
    /// any such component. Empty unless asked for.
    package var tokens = Histogram()

    package init() {}

    package func calls(_ outcome: Outcome) -> UInt64 { outcomes[Int(outcome.rawValue)] }
}

/// The answer to a query of details, true at one position of the journal.
package struct DetailsAnswer: Sendable {
    /// Groups that no call fell into are not listed.
    package var totals: [DetailsGroup: DetailsTotal]
    /// The position at which the answer is exact; at most the durable position when it is given out.
    package var position: UInt64
    /// When the answer was made.
    package var asOf: Timestamp
    /// The earliest time that an open hole, an unmet claim or a silent source could still change;
    /// nil when unknown.
    package var completeThrough: Timestamp?
    /// Details that should be in the answer and are not, in words: a file is lost or damaged. Usage is not
    /// touched by that. Empty when the answer is whole.
    package var missing: [String]
    /// Details of earlier quarter hours may have been left out, since their retention has passed.
    package var retainedFrom: QuarterHour

    package init(
        totals: [DetailsGroup: DetailsTotal], position: UInt64, asOf: Timestamp,
        completeThrough: Timestamp?, missing: [String], retainedFrom: QuarterHour
    ) {
        self.totals = totals
        self.position = position
        self.asOf = asOf
        self.completeThrough = completeThrough
        self.missing = missing
        self.retainedFrom = retainedFrom
    }
}
