package import Meter
package import MeterWire

/// Tells one Waldur its totals: a synchronous state machine that says what to do next and is told what
/// came of it.
///
/// ```text
///          ┌ cycle ────────────────────────────────────────────────────────────────────────┐
/// rest ──► list resources ─► read offerings ─► months ─► for each resource:                 ──► rest
///          │   read plan periods (and usage rows, where a submission is open)               │
///          │   ─► settle what is open ─► book what was seen ─► ask the ledger               │
///          │   ─► book the intent ─► send ─► read both again ─► settle ─┐                   │
///          │                  ▲─────────── the next call, if any ───────┘                   │
///          └───────────────────────────────────────────────────────────────────────────────┘
/// ```
///
/// Each of its accounts is a *lane* with one thing under way at a time. Resources, orders and invoices are read
/// through every account; each resource is told by the account that it is pinned to, and all accounts tell
/// theirs at the same time. A lane that has nothing to do until another one is done rests.
///
/// It may be thrown away after any step: a new one, made from the book alone, ends with the same figures
/// in Waldur. Every intent that it finds open is unknown, and an unknown outcome is looked up, never
/// repeated; while it is unknown, nothing newer is sent for that resource.
package struct Reporter: Sendable {
    enum Phase: Equatable, Sendable {
        case idle
        case listing
        case offerings
        case months
        case working
    }

    /// When all of a plan period was last told in one call.
    struct WholeCall: Sendable {
        var at: Timestamp?
        var isPartialSince = false
    }

    /// How telling one row has fared since it was last confirmed.
    struct Health: Sendable {
        var failures = 0
        var retryAt: Timestamp
    }

    /// How this Waldur is reported to.
    package let settings: ReporterSettings
    let startedAt: Timestamp
    var book = BookState()
    var phase = Phase.idle
    var jitter: Jitter

    var nextCycle: Timestamp
    var cycleStarted: Timestamp?
    /// When the newest cycle that was asked for was asked for.
    var requested: Timestamp?
    /// When the present cycle was asked for; nil for one that was simply due.
    var cycleRequested: Timestamp?
    /// Only what is open is looked up; nothing is sent.
    var isLookOnly = false
    /// Resources were left out, so that the month's last cycle could begin in time.
    var isCutShort = false

    var lanes: [ReporterLane]
    /// The lane that is asked for or handed something now.
    var active = 0
    /// Which lane tells a resource; it changes only while nothing of the resource is open.
    var pins: [ResourceID: Int] = [:]
    /// What each lane has to tell at the month's end.
    var loads: [FinalFlush.Load] = []
    /// When calls carried all components of a plan period, and whether one has left out any since.
    var wholeCalls: [ResourceID: [PlanPeriodID: WholeCall]] = [:]
    /// When a resource's last turn ended.
    var turned: [ResourceID: Timestamp] = [:]
    /// Counts the moments in which lanes that rest may have something to do.
    package internal(set) var changes = 0

    var bound: [ResourceID: BoundResource] = [:]
    var listed: [ResourceID: WaldurResource] = [:]
    var offerings: [OfferingID: WaldurOffering] = [:]

    var attempts: [UInt64: Attempt] = [:]
    var strays: [SubmissionKey: Set<Hundredths>] = [:]
    var health: [SubmissionKey: Health] = [:]
    /// How often in a row a resource could not be read.
    var failures: [ResourceID: Int] = [:]
    var nextLook: [ResourceID: Timestamp] = [:]
    var months = MonthWork()
    var nextLateSweep: Timestamp
    var flush = FinalFlush()
    /// The month whose final flush has begun.
    var flushed: BillingMonth?

    /// What keeps figures from being told, by resource, as of its last turn.
    package internal(set) var findings: [ResourceID: [ReportFinding]] = [:]
    /// What was weighed, by resource, as of its last turn.
    package internal(set) var lines: [ResourceID: [SubmissionPlan.Line]] = [:]
    /// Why the last cycle did not get to its end; nil after one that did.
    package internal(set) var trouble: String?
    /// When the last cycle that got to its end began.
    package internal(set) var completedCycle: Timestamp?
    /// Cycles that began and that ended, well or not, since the start.
    package internal(set) var cyclesBegun = 0
    package internal(set) var cyclesEnded = 0

    /// Makes a reporter that has seen nothing but what the book will show it.
    ///
    /// - Parameter seed: Spreads the pauses after failures.
    package init(settings: ReporterSettings, startedAt: Timestamp, seed: UInt64) {
        self.settings = settings
        self.startedAt = startedAt
        nextCycle = startedAt
        nextLateSweep = startedAt
        jitter = Jitter(seed: seed)
        lanes = settings.accounts.map { account in
            ReporterLane(
                account: account,
                breaker: CircuitBreaker(longestMilliseconds: settings.backOffMillisecondsMax)
            )
        }
    }

    /// Asks for a cycle as soon as the present one has ended: it tells what was used before this moment,
    /// and tries again what waits after a refusal.
    ///
    /// - Returns: What `cyclesEnded` will be when a cycle that began after this call has ended.
    package mutating func requestCycle(at now: Timestamp) -> Int {
        requested = now
        return phase == .idle || isLookOnly ? cyclesEnded + 1 : cyclesEnded + 2
    }

    /// Whether anything may be sent, and into which month.
    package func window(at moment: ReporterMoment) -> ReportingWindow {
        ReportingWindow.at(moment.now, clock: moment.clock, settings: settings, book: book)
    }

    /// True where stopping this lane now leaves no submission without an outcome that waiting a little would
    /// give.
    package func mayStop(lane: Int = 0) -> Bool {
        let work = lanes[lane].work
        if case .send = work?.step { return false }
        return !(work?.isUnsettled ?? false)
    }

    /// What a lane is to do next.
    ///
    /// - Parameter book: The book's present state, as far as it is durable.
    package mutating func next(
        lane: Int = 0,
        at moment: ReporterMoment,
        book: BookState
    ) -> ReporterAction {
        self.book = book
        active = lane
        if phase == .idle { begin(at: moment) }
        while true {
            switch phase {
            case .idle:
                // A cycle may have been asked for while the last one ran.
                guard requested != nil else { return .rest(until: wakeTime) }
                begin(at: moment)
            case .listing:
                return lanes[lane].reading == .due ? .listResources : waiting(at: moment)
            case .offerings:
                if lanes[lane].takesPart, let offering = lanes[lane].offeringsToRead.last {
                    return .readOffering(offering)
                }
                guard lanes.allSatisfy({ $0.offeringsToRead.isEmpty || !$0.takesPart }) else {
                    return waiting(at: moment)
                }
                enter(.months)
            case .months:
                if let action = nextMonthAction(at: moment) { return action }
                if !months.isDone { return waiting(at: moment) }
                enter(.working)
            case .working:
                if lanes[lane].work == nil, !startNextResource(at: moment) {
                    guard lanes.allSatisfy({ $0.work == nil && $0.queue.isEmpty }) else {
                        return waiting(at: moment)
                    }
                    endCycle(at: moment)
                    continue
                }
                if let action = nextAction(at: moment) { return action }
            }
        }
    }

    /// Nothing to do before another lane is done with something.
    private func waiting(at moment: ReporterMoment) -> ReporterAction {
        .rest(until: moment.now.advanced(byMilliseconds: settings.cycleMilliseconds))
    }

    /// Goes over to another phase, which lanes that rest may wait for.
    mutating func enter(_ phase: Phase) {
        self.phase = phase
        changes += 1
    }

    /// Takes in what came of the action that `next` gave this lane last.
    package mutating func handle(
        _ event: ReporterEvent,
        lane: Int = 0,
        at moment: ReporterMoment
    ) {
        active = lane
        switch event {
        case .resources(let result): handleResources(result, at: moment)
        case .offering(let result): handleOffering(result, at: moment)
        case .orders(let result): handleOrders(result, at: moment)
        case .order(let result): handleOrder(result, at: moment)
        case .invoices(let result): handleInvoices(result, at: moment)
        case .month(let result): handleMonth(result, at: moment)
        case .planPeriods(let result): handlePlanPeriods(result, at: moment)
        case .usageRows(let result): handleUsageRows(result, at: moment)
        case .figures(let result): handleFigures(result, at: moment)
        case .booked(let result): handleBooked(result, at: moment)
        case .sent(let result): handleSent(result, at: moment)
        case .rested: break
        }
    }
}

extension Reporter {
    /// The turn that the active lane is in.
    var work: ResourceWork? {
        get { lanes[active].work }
        _modify { yield &lanes[active].work }
    }

    /// The calls in a row of the active lane that got no answer.
    var failuresInRow: Int {
        get { lanes[active].failuresInRow }
        _modify { yield &lanes[active].failuresInRow }
    }
}
