/// Why what was metered, what Waldur shows and what it bills differ.
package enum YearCause: String, Sendable {
    case carried
    case waitsForPrice = "waits: other price"
    case waitsForPlan = "waits: other plan"
    case waitsForCustomer = "waits: other customer"
    case waitsForResource = "waits: resource gone"
    case creditRequested = "credit requested"
    case writtenOff = "written off"
    /// Less than a hundredth of the offering's unit: left for the next row, or had from the one before.
    case rounding
    case takenBack = "taken back"
    /// Somebody else's figure stands, as a person wanted.
    case acceptedFigure = "accepted"
    /// Staff changed the item of an invoice that is closed.
    case edited
    /// Somebody else had told it before Meter went on from there.
    case openingBalance = "opening balance"
    case untold = "not told yet"
    case free, trial, shadow
    case notInOffering = "not in the offering"
    case noPlan = "no plan"
    case unbilledOutcome = "unbilled outcome"
    /// The month's first total came before the new price did.
    case priceBeforeTurn = "price from before the turn"
    /// Another customer pays than the one that used it.
    case usedByAnother = "used by another customer"
}

/// A part of the difference in one row of Waldur's usage, or of usage that is in none.
package struct YearShare: Hashable, Sendable {
    package let resource: String
    package let component: String
    package let month: YearMonth
    /// nil for what is in no row.
    package var period: Int?
    package let cause: YearCause
    /// In hundredths of Meter's smallest unit.
    package let amount: Int128
    /// What is missing on the invoice for it, in hundredths; nil where it has no price of its own.
    package var money: Int128?
    /// Who used how much of what another customer pays, and who that is.
    package var users: [String: Int128] = [:]
    package var payer: String?
}

extension YearShare {
    init(
        _ row: YearRowKey,
        _ cause: YearCause,
        _ amount: Int128,
        money: Int128? = nil,
        users: [String: Int128] = [:],
        payer: String? = nil
    ) {
        self.init(
            resource: row.resource,
            component: row.component,
            month: row.month,
            period: row.period,
            cause: cause,
            amount: amount,
            money: money,
            users: users,
            payer: payer
        )
    }
}

extension YearClass {
    /// Why it is billed to nobody; nil where it is, or may yet be.
    var cause: YearCause? {
        switch self {
        case .free: .free
        case .trial: .trial
        case .shadow: .shadow
        case .notInOffering: .notInOffering
        case .noPlan: .noPlan
        case .unbilledOutcome: .unbilledOutcome
        default: nil
        }
    }
}
