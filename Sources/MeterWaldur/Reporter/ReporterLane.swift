internal import Meter
internal import MeterWire

/// What one account does in a cycle, beside the others: it reads what it sees, and tells the resources that
/// are pinned to it, one after the other.
struct ReporterLane: Sendable {
    /// What every account is asked for by itself, and what came of it.
    enum Reading: Equatable, Sendable {
        case due
        case done
        /// It was not asked, since it is left alone, or gave no answer.
        case missing
    }

    let account: ReportingAccount
    var breaker: CircuitBreaker
    var reading = Reading.missing
    /// What it saw in the present cycle.
    var listed: [ResourceID: WaldurResource] = [:]
    /// Offerings whose resources Waldur did not let it report.
    var forbidden: Set<OfferingID> = []
    var offeringsToRead: [OfferingID] = []
    /// What is left of the cycle, last first.
    var queue: [ResourceID] = []
    var work: ResourceWork?
    /// Calls in a row that got no answer.
    var failuresInRow = 0
    /// It has no part in the rest of the cycle: something failed that concerns every call of its account.
    var isOut = false
    /// Why it was out when it last was; nil after a cycle that it got to the end of.
    var trouble: String?
    /// When the call that is under way began.
    var callBegun: Timestamp?

    /// It takes part in the rest of the cycle.
    var takesPart: Bool { !isOut }
}
