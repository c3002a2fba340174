struct Resource: Identified {
    enum State: String, Sendable {
        case creating = "Creating", ok = "OK", erred = "Erred", updating = "Updating"
        case terminating = "Terminating", terminated = "Terminated"
    }

    var id: ID
    var name: String
    var slug: String
    var offering: ID
    var plan: ID?
    var project: ID
    var state: State
    var attributes: JSON
    var limits: [Limit]
    var backendID: String
    var created: Moment
    var modified: Moment
    /// The day on which its termination is asked for.
    var endDate: String?
    var endDateRequestedBy: ID?
    /// The object behind it that a plugin other than Basic makes.
    var scope: ID?
    /// The estimate of its first plan and limits, shown as the old cost of the next order.
    var cost: Decimal10
    /// Amounts of the last `set_usage` alone, in the order they were named.
    var currentUsages: [JSON.Member]
}

/// An ordered amount of a limit component.
struct Limit: Sendable {
    var type: String
    var amount: Int
}

/// A span in which a resource had one plan.
struct PlanPeriod: Identified {
    var id: ID
    var resource: ID
    var plan: ID
    var start: Moment
    var end: Moment?
}

/// The key under which `set_usage` replaces: nothing else tells two rows apart.
struct UsageKey: Hashable, Sendable {
    var resource: ID
    var component: ID
    var planPeriod: ID?
    var month: Month
}

struct UsageRow: Identified {
    var id: ID
    var key: UsageKey
    var type: String
    var created: Moment
    var date: Moment
    var usage: Decimal10
    var description: String
    var recurring: Bool
    /// Numeric key of the user who wrote it last.
    var modifiedBy: Int?
}

struct Order: Identified {
    enum Kind: String, Sendable {
        case create = "Create", update = "Update", terminate = "Terminate"
    }

    enum State: String, Sendable, CaseIterable {
        case pendingConsumer = "pending-consumer", pendingProvider = "pending-provider"
        case executing, done, rejected, canceled, erred

        /// Whether it still blocks another order and can be withdrawn.
        var isOpen: Bool {
            self == .pendingConsumer || self == .pendingProvider || self == .executing
        }
    }

    struct Review: Sendable {
        var username: String
        var fullName: String
        var time: Moment
    }

    var id: ID
    var kind: Kind
    var state: State
    var resource: ID
    /// In which it was placed, wherever its resource moved since.
    var project: ID
    var plan: ID?
    var oldPlan: ID?
    var limits: [Limit]
    var attributes: JSON
    var cost: Decimal10?
    /// The resource's estimate before this order.
    var oldCost: Decimal10
    var created: Moment
    var modified: Moment
    var createdBy: String
    var consumerReview: Review?
    var providerReview: Review?
}
