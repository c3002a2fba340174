package import MeterWire

/// Hundredths of a component's smallest unit: the grain in which both what was metered and what Waldur was
/// told are whole numbers, so that every term of an account can be added to every other.
package struct LedgerAmount: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package let rawValue: Int128

    package static let zero = LedgerAmount(0)

    package init(_ rawValue: Int128) { self.rawValue = rawValue }

    /// A metered total.
    package init(total: UInt128) throws(LedgerError) {
        let (scaled, overflow) = total.multipliedReportingOverflow(by: 100)
        guard !overflow, let value = Int128(exactly: scaled) else { throw .overflow }
        rawValue = value
    }

    /// What Waldur was told.
    package init(_ told: Hundredths, unitsPerReported: UInt64) throws(LedgerError) {
        let (value, overflow) = told.rawValue.multipliedReportingOverflow(
            by: Int128(max(unitsPerReported, 1))
        )
        guard !overflow else { throw .overflow }
        rawValue = value
    }

    package func adding(_ other: LedgerAmount) throws(LedgerError) -> LedgerAmount {
        let (sum, overflow) = rawValue.addingReportingOverflow(other.rawValue)
        guard !overflow else { throw .overflow }
        return LedgerAmount(sum)
    }

    package func subtracting(_ other: LedgerAmount) throws(LedgerError) -> LedgerAmount {
        let (difference, overflow) = rawValue.subtractingReportingOverflow(other.rawValue)
        guard !overflow else { throw .overflow }
        return LedgerAmount(difference)
    }

    /// In base units of which one of these is so many.
    package func weighed(_ weight: UInt64) throws(LedgerError) -> LedgerAmount {
        let (product, overflow) = rawValue.multipliedReportingOverflow(by: Int128(weight))
        guard !overflow else { throw .overflow }
        return LedgerAmount(product)
    }

    /// In smallest units, with two decimals.
    package var description: String { Hundredths(rawValue).description }

    package static func < (left: LedgerAmount, right: LedgerAmount) -> Bool {
        left.rawValue < right.rawValue
    }

    /// Reads what `description` writes.
    package init(from decoder: any Decoder) throws {
        rawValue = try Hundredths(from: decoder).rawValue
    }

    package func encode(to encoder: any Encoder) throws {
        try Hundredths(rawValue).encode(to: encoder)
    }
}

/// Why usage of a resource is not billed.
package enum NotBillableClass: String, Codable, Sendable, CaseIterable, Comparable {
    case free
    case trial
    case `internal`
    case shadow
    /// The component is not declared, or the offering has none of this name with billing type `usage`.
    case notInOffering = "not-in-offering"
    /// The resource had no plan at that time.
    case noPlan = "no-plan"

    package static func < (left: NotBillableClass, right: NotBillableClass) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// A term of an account's equation.
package enum LedgerTerm: Hashable, Sendable, CustomStringConvertible {
    // What came in.
    case opening
    case metered
    case adjusted
    case carriedIn
    // What became of it.
    case confirmed
    case inFlight
    case waiting
    case residue
    case carriedOut
    case notBillable(NotBillableClass)
    case creditRequested
    case writtenOff

    /// Whether the term stands on the side of what came in.
    package var isIncoming: Bool {
        switch self {
        case .opening, .metered, .adjusted, .carriedIn: true
        default: false
        }
    }

    package var description: String {
        switch self {
        case .opening: "opening"
        case .metered: "metered"
        case .adjusted: "adjusted"
        case .carriedIn: "carried in"
        case .confirmed: "confirmed"
        case .inFlight: "in flight"
        case .waiting: "waiting"
        case .residue: "residue"
        case .carriedOut: "carried out"
        case .notBillable(let reason): "not billable (\(reason.rawValue))"
        case .creditRequested: "credit requested"
        case .writtenOff: "written off"
        }
    }
}

/// What the equation holds for: one component of one resource in one billing period.
package struct LedgerAccount: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let resource: ResourceKey
    package let component: Name

    package init(resource: ResourceKey, component: Name) {
        self.resource = resource
        self.component = component
    }

    package var description: String { "\(resource) \(component)" }

    package static func < (left: LedgerAccount, right: LedgerAccount) -> Bool {
        left.resource != right.resource
            ? left.resource < right.resource : left.component < right.component
    }
}

/// One stored term of one account; those told to Waldur are kept apart by plan period.
package struct LedgerLine: Equatable, Sendable {
    package let account: LedgerAccount
    /// nil where the term does not depend on it, or nobody knows the plan period yet.
    package let planPeriod: PlanPeriodID?
    package let term: LedgerTerm
    package var amount: LedgerAmount

    package init(
        account: LedgerAccount,
        planPeriod: PlanPeriodID?,
        term: LedgerTerm,
        amount: LedgerAmount
    ) {
        self.account = account
        self.planPeriod = planPeriod
        self.term = term
        self.amount = amount
    }
}

/// Why there is no ledger.
package enum LedgerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The answer does not keep tenant, agent, component and window apart.
    case notGrouped
    /// The query's windows lack a boundary that the book has (by now); ask again.
    case windowsStale(missing: Minute)
    /// A sum leaves 127 bits.
    case overflow

    package var description: String {
        switch self {
        case .notGrouped: "the usage must be grouped by tenant, agent, access, component and window"
        case .windowsStale(let minute):
            "the book has a boundary at \(TimeText.text(minute) ?? "\(minute.rawValue)") that the "
                + "query lacks; query again"
        case .overflow: "a sum of the ledger is larger than 2^127"
        }
    }
}
