internal import Meter
internal import MeterWire

/// One resource's turn in a cycle.
struct ResourceWork: Sendable {
    enum Step: Equatable, Sendable {
        case readPlanPeriods
        case readUsageRows(BillingMonth)
        /// Book what became of submissions.
        case settle([Decision])
        /// Book what was seen of the resource.
        case record([Decision])
        case readFigures
        case intend(SubmissionIntent)
        case send(SubmissionIntent)
    }

    let resource: ResourceID
    let started: Timestamp
    var step = Step.readPlanPeriods
    /// When the present reading began.
    var begun: Timestamp?
    var observation: Observation?
    var monthsToList: [BillingMonth] = []
    /// A call was sent and what became of it is not in the book yet.
    var isUnsettled = false
    var figures: ResourceFigures?
    var plan: SubmissionPlan?
    /// What this turn has already tried to tell; nothing is tried twice in one turn.
    var tried: Set<ResourceFigures.Key> = []
    var findings: [ReportFinding] = []
    /// The turn ends once the decisions are in the book.
    var endsAfterSettling = false
    /// The cycle ends once the decisions are in the book, for this reason.
    var aborting: (reason: String, error: WaldurError)?

    /// How long its calls took, all together.
    var callMilliseconds: Int64 = 0
    /// What weighing its rows brought up is in the book.
    var hasRecorded = false

    init(resource: ResourceID, started: Timestamp) {
        self.resource = resource
        self.started = started
    }
}
