package import MeterWire

/// From a quarter hour on, one way of a tenant's usage counts, or of one of its agents': that of its spans, of
/// which somebody says that none is left out, or again that of frames and CloudEvents.
///
/// What is decided for an agent stands before what is decided for its tenant.
package struct CountingDeclaration: Equatable, Codable, Sendable {
    package let tenant: Name
    /// nil for every agent for which nothing else is decided.
    package let agent: Name?
    package let way: UsageWay
    package let from: Minute
    package let reason: String

    package init(
        tenant: Name, agent: Name? = nil, way: UsageWay, from: Minute, reason: String
    ) {
        self.tenant = tenant
        self.agent = agent
        self.way = way
        self.from = from
        self.reason = reason
    }
}

/// A declaration as it was decided.
package struct CountingStanding: Equatable, Sendable {
    package let declaration: CountingDeclaration
    package let author: String
    package let made: Timestamp

    package init(declaration: CountingDeclaration, author: String, made: Timestamp) {
        self.declaration = declaration
        self.author = author
        self.made = made
    }

    package enum State: String, Sendable {
        case planned
        case inForce = "in force"
        /// A later one holds.
        case over
    }

    /// - Parameter all: In the order in which they were decided.
    package func state(among all: [CountingStanding], at minute: Minute) -> State {
        if declaration.from > minute { return .planned }
        var holding: CountingStanding?
        for other in all
        where other.declaration.tenant == declaration.tenant
            && other.declaration.agent == declaration.agent && other.declaration.from <= minute
        {
            let earlier = holding.map { $0.declaration.from <= other.declaration.from } ?? true
            if earlier { holding = other }
        }
        return holding == self ? .inForce : .over
    }
}

/// Which way of an agent's usage counts at which time. The other one's is *advisory*: kept, shown when asked for, and
/// never added to what counts.
///
/// Exactly one way counts at any time, so that calls of which both tell are counted once, whatever ids they have.
/// Without a decision it is the native one, since nobody knows whether spans are sampled.
package struct CountingRule: Sendable, Equatable {
    /// By `from`, decisions of one quarter hour in the order in which they were made.
    private var tenants: [Name: Changes] = [:]
    private var agents: [AgentKey: Changes] = [:]

    /// When another way begins to count; before the first it is the native one.
    struct Changes: Sendable, Equatable {
        fileprivate var entries: [(from: Minute, way: UsageWay)] = []

        var isEmpty: Bool { entries.isEmpty }

        static func == (left: Changes, right: Changes) -> Bool {
            left.entries.elementsEqual(right.entries) { $0 == $1 }
        }

        func way(at minute: Minute) -> UsageWay {
            entries.last { $0.from <= minute }?.way ?? .native
        }

        func `class`(of way: UsageWay, at minute: Minute) -> UsageClasses {
            self.way(at: minute) == way ? .counted : .advisory
        }
    }

    package init() {}

    package var isEmpty: Bool { tenants.isEmpty && agents.isEmpty }

    mutating func apply(_ declaration: CountingDeclaration) {
        let entry = (from: declaration.from, way: declaration.way)
        func insert(_ changes: inout Changes) {
            let place = changes.entries.partitioningIndex { $0.from > entry.from }
            changes.entries.insert(entry, at: place)
        }
        if let agent = declaration.agent {
            insert(&agents[AgentKey(tenant: declaration.tenant, agent: agent), default: Changes()])
        } else {
            insert(&tenants[declaration.tenant, default: Changes()])
        }
    }

    /// The agent's own from its first decision on, before that its tenant's.
    func changes(of tenant: Name, _ agent: Name) -> Changes {
        let common = tenants[tenant] ?? Changes()
        guard !agents.isEmpty, let own = agents[AgentKey(tenant: tenant, agent: agent)],
            let first = own.entries.first
        else { return common }
        var changes = Changes()
        changes.entries = common.entries.filter { $0.from < first.from } + own.entries
        return changes
    }

    /// Whether usage counts.
    package func `class`(
        of way: UsageWay, tenant: Name, agent: Name, at minute: Minute
    ) -> UsageClasses {
        changes(of: tenant, agent).class(of: way, at: minute)
    }

    /// The same of a part of usage that is corrected; what says no way is of what counts.
    package func `class`(of cell: CorrectionCell) -> UsageClasses {
        cell.way.map {
            self.class(of: $0, tenant: cell.tenant, agent: cell.agent, at: cell.minute)
        } ?? .counted
    }

    /// Every minute at which another way of some agent of these tenants may begin to count, ascending; nil stands for
    /// all tenants.
    package func boundaries(of wanted: Set<Name>?) -> [Minute] {
        if isEmpty { return [] }
        var minutes: Set<Minute> = []
        for (tenant, changes) in tenants where wanted?.contains(tenant) ?? true {
            minutes.formUnion(changes.entries.map(\.from))
        }
        for (key, changes) in agents where wanted?.contains(key.tenant) ?? true {
            minutes.formUnion(changes.entries.map(\.from))
        }
        return minutes.sorted()
    }

    /// What of a series a query wants.
    enum Wanted: Hashable {
        case all
        case none
        /// By window.
        case some([Bool])
    }

    /// What of a series is of these classes.
    ///
    /// - Parameter windows: The first minutes of windows in which nothing changes (``boundaries(of:)``).
    func wanted(
        _ classes: UsageClasses, of series: SeriesName, in windows: some Sequence<Minute>
    ) -> Wanted {
        if classes == .all { return .all }
        let changes = isEmpty ? Changes() : changes(of: series.tenant, series.agent)
        if changes.isEmpty {
            let own: UsageClasses = series.way == .native ? .counted : .advisory
            return classes.contains(own) ? .all : .none
        }
        let wanted = windows.map { classes.contains(changes.class(of: series.way, at: $0)) }
        if !wanted.contains(true) { return .none }
        return wanted.contains(false) ? .some(wanted) : .all
    }
}

extension [UInt32] {
    /// These ascending boundaries with all cuts that lie between two of them, and of each window that they make
    /// then, which of these it is in.
    func cut(at cuts: [UInt32]) -> (boundaries: [UInt32], places: [UInt32]) {
        var boundaries: [UInt32] = []
        var places: [UInt32] = []
        boundaries.reserveCapacity(count)
        places.reserveCapacity(count)
        var next = 0
        for (index, boundary) in enumerated() {
            boundaries.append(boundary)
            guard index + 1 < count else { break }
            places.append(UInt32(truncatingIfNeeded: index))
            while next < cuts.count, cuts[next] <= boundary { next += 1 }
            while next < cuts.count, cuts[next] < self[index + 1] {
                boundaries.append(cuts[next])
                places.append(UInt32(truncatingIfNeeded: index))
                next += 1
            }
        }
        return (boundaries, places)
    }
}
