package import MeterWire

/// What is limited. The raw value names it in the book, in `meterctl`, in metrics and in answers, and
/// never changes.
package enum Limit: String, CaseIterable, Sendable {
    /// Events of frames and batches that are taken, a second.
    case eventsPerSecond = "events-per-second"
    /// Bytes of frames and batches that are taken, a second.
    case bytesPerSecond = "bytes-per-second"
    /// Names of a tenant's agents.
    case agents
    /// Names of components that a tenant was the first to use.
    case components
    /// Lives of a principal's emitter processes, each of which is remembered for ever.
    case sources
    /// A principal's open TCP connections.
    case connections
    /// HTTP requests of a principal, or of the bearers of a tenant's portal tokens, that are being
    /// answered.
    case requests
    /// Ids of a principal's HTTP events that are remembered.
    case identifiers = "ids"
    /// Milliseconds a second for which usage queries of a principal, or of the bearers of a tenant's
    /// portal tokens, may run.
    case queryMilliseconds = "query-ms-per-second"

    /// The limits that a tenant has, whoever sends for it.
    package static let ofTenants: [Limit] = [
        .eventsPerSecond, .bytesPerSecond, .agents, .components, .requests, .queryMilliseconds,
    ]
    /// The limits that a principal has, for whomever it sends.
    package static let ofPrincipals: [Limit] = [
        .eventsPerSecond, .bytesPerSecond, .sources, .connections, .requests, .identifiers,
        .queryMilliseconds,
    ]
}

/// Who has a limit.
package enum LimitSubject: Hashable, Sendable {
    case tenant(Name)
    case principal(PrincipalID)

    /// `tenant` or `principal`.
    package var kind: String {
        switch self {
        case .tenant: "tenant"
        case .principal: "principal"
        }
    }

    /// The limits that it can have.
    package var limits: [Limit] {
        switch self {
        case .tenant: Limit.ofTenants
        case .principal: Limit.ofPrincipals
        }
    }
}

/// Values of some limits. 0 says that there is no limit; what is not in it is somebody else's to say.
package struct LimitValues: Equatable, Sendable, ExpressibleByDictionaryLiteral {
    private var values: [Limit: UInt64] = [:]

    package init() {}

    package init(dictionaryLiteral elements: (Limit, UInt64)...) {
        for (limit, value) in elements { values[limit] = value }
    }

    package subscript(limit: Limit) -> UInt64? {
        get { values[limit] }
        set { values[limit] = newValue }
    }

    package var isEmpty: Bool { values.isEmpty }

    /// The limits that have a value here, in their fixed order.
    package var limits: [Limit] { Limit.allCases.filter { values[$0] != nil } }
}

/// The limits in force: those that the book has for single tenants and principals over those that
/// everybody has.
package struct LimitRules: Equatable, Sendable {
    /// What a tenant has that nothing was decided about.
    package var tenant: LimitValues = [
        .eventsPerSecond: 100_000, .bytesPerSecond: 64 << 20, .agents: 100_000, .components: 256,
        .requests: 64, .queryMilliseconds: 250,
    ]
    /// What a principal has that nothing was decided about.
    package var principal: LimitValues = [
        .eventsPerSecond: 1_000_000, .bytesPerSecond: 512 << 20, .sources: 100_000,
        .connections: 1_024, .requests: 128, .identifiers: 100_000_000, .queryMilliseconds: 500,
    ]
    /// What was decided about single ones.
    package var own: [LimitSubject: LimitValues] = [:]

    package init() {}

    /// The value in force; nil where there is no limit.
    package func value(_ limit: Limit, of subject: LimitSubject) -> UInt64? {
        let common =
            switch subject {
            case .tenant: tenant[limit]
            case .principal: principal[limit]
            }
        let value = own.isEmpty ? common : own[subject]?[limit] ?? common
        return value == 0 ? nil : value
    }

    /// The value in force, where there is none the largest number.
    func count(_ limit: Limit, of subject: LimitSubject) -> Int {
        value(limit, of: subject).map { Int(clamping: $0) } ?? .max
    }
}

/// A limit that is in the way, whose it is, and when it is worth trying again.
package struct LimitHit: Equatable, Sendable {
    package let subject: LimitSubject
    package let limit: Limit
    /// What the limit is.
    package let value: UInt64
    /// Milliseconds after which there may be room; at least 1.
    package let waitMilliseconds: Int64

    package init(
        subject: LimitSubject, limit: Limit, value: UInt64, waitMilliseconds: Int64
    ) {
        self.subject = subject
        self.limit = limit
        self.value = value
        self.waitMilliseconds = waitMilliseconds
    }
}
