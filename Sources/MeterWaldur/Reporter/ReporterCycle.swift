internal import Meter
internal import MeterWire

// Cycles: which resources, in which order, and what happens when the whole Waldur is in trouble.

extension Reporter {
    /// Open intents of this Waldur, oldest first.
    func openIntents(of resource: ResourceID? = nil) -> [OpenIntent] {
        book.openIntents.values
            .filter {
                $0.intent.waldur == settings.waldur
                    && (resource == nil || $0.intent.resource == resource)
            }
            .sorted { $0.intent.number < $1.intent.number }
    }

    var resourcesWithOpenIntents: [ResourceID] {
        Set(openIntents().map(\.intent.resource)).sorted()
    }

    func lookTime(_ resource: ResourceID) -> Timestamp { nextLook[resource] ?? startedAt }

    var wakeTime: Timestamp {
        resourcesWithOpenIntents.map(lookTime).reduce(nextCycle, min)
    }

    mutating func begin(at moment: ReporterMoment) {
        if requested != nil || moment.now >= nextCycle {
            // What a person asks for is tried with every account.
            let isRequested = requested != nil
            takeIn { isRequested || !$0.breaker.isOpen(at: moment.now) }
            cycleRequested = requested
            requested = nil
            isLookOnly = false
            isCutShort = false
            cycleStarted = moment.now
            cyclesBegun += 1
            askEveryAccount()
            enter(.listing)
            return
        }
        let due = resourcesWithOpenIntents.filter { lookTime($0) <= moment.now }
        guard !due.isEmpty else { return }
        isLookOnly = true
        takeIn { _ in true }
        fillQueues(due)
        enter(.working)
    }

    /// Begins with the lanes that are wanted; with all of them where none is.
    private mutating func takeIn(_ isWanted: (ReporterLane) -> Bool) {
        let wanted = lanes.map(isWanted)
        for index in lanes.indices {
            lanes[index].isOut = wanted.contains(true) && !wanted[index]
            lanes[index].queue = []
            lanes[index].offeringsToRead = []
            lanes[index].failuresInRow = 0
        }
    }

    /// Has every account that takes part asked for the same thing.
    mutating func askEveryAccount() {
        for index in lanes.indices {
            lanes[index].reading = lanes[index].takesPart ? .due : .missing
        }
        changes += 1
    }

    /// True once every account has answered or given up.
    var everyAccountHasAnswered: Bool { lanes.allSatisfy { $0.reading != .due } }

    /// Gives each lane what is pinned to it, in this order.
    mutating func fillQueues(_ resources: [ResourceID]) {
        for index in lanes.indices { lanes[index].queue = [] }
        for resource in resources.reversed() {
            let lane = lane(of: resource)
            if lanes[lane].takesPart { lanes[lane].queue.append(resource) }
        }
    }

    mutating func handleResources(
        _ result: Result<[WaldurResource], WaldurError>,
        at moment: ReporterMoment
    ) {
        switch result {
        case .success(let resources):
            failuresInRow = 0
            lanes[active].listed = Dictionary(
                resources.map { ($0.id, $0) },
                uniquingKeysWith: { first, _ in first }
            )
            lanes[active].reading = .done
        case .failure(let error):
            lanes[active].listed = [:]
            return abortLane("resources: \(error)", error, at: moment)
        }
        if everyAccountHasAnswered { listingIsDone(at: moment) }
    }

    /// What a cycle has to do with is known once every account has said what it sees.
    mutating func listingIsDone(at moment: ReporterMoment) {
        listed = [:]
        for lane in lanes where lane.reading == .done {
            listed.merge(lane.listed) { first, _ in first }
        }
        guard let clock = moment.clock,
            let month = BillingMonth(of: clock.earliest(at: moment.now), in: settings.zone)
        else { return abortCycle("Waldur's answers have no usable Date header", at: moment) }
        let open = resourcesWithOpenIntents
        bound = Dictionary(
            BoundResource.all(in: month, of: settings, book: book).map { ($0.resource, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        // What is open comes first, then what went well last time, then what failed.
        let rest = bound.keys.filter { !open.contains($0) }.sorted { left, right in
            let leftFailures = failures[left] ?? 0
            let rightFailures = failures[right] ?? 0
            return leftFailures != rightFailures ? leftFailures < rightFailures : left < right
        }
        let known = Set(open + rest)
        findings = findings.filter { known.contains($0.key) }
        lines = lines.filter { known.contains($0.key) }
        health = health.filter { known.contains($0.key.resource) }
        failures = failures.filter { known.contains($0.key) }
        let unwritable = pin(open + rest).filter { bound[$0]?.isLive ?? false }
        for resource in unwritable {
            findings[resource] = [ReportFinding(.noAccount, resource: resource)]
        }
        wholeCalls = wholeCalls.filter { known.contains($0.key) }
        turned = turned.filter { known.contains($0.key) }
        loads = Array(repeating: FinalFlush.Load(), count: lanes.count)
        for bound in bound.values where bound.isLive {
            let lane = pins[bound.resource] ?? 0
            loads[lane].resources += 1
            loads[lane].components += componentCount(of: bound.resource)
        }
        beginMonths(at: moment, present: month)
        var order = open + rest
        if isFlushing(at: moment) {
            flushed = month
            order = open + flushOrder(rest)
        }
        fillQueues(order.filter { !unwritable.contains($0) })
        askForOfferings()
        enter(.offerings)
    }

    /// Has each offering read by the first account that tells resources of it.
    private mutating func askForOfferings() {
        offerings = [:]
        var asked: Set<OfferingID> = []
        for index in lanes.indices {
            let own = Set(lanes[index].queue.compactMap { listed[$0]?.offering })
            lanes[index].offeringsToRead = own.subtracting(asked).sorted()
            asked.formUnion(own)
        }
    }

    mutating func handleOffering(
        _ result: Result<WaldurOffering, WaldurError>,
        at moment: ReporterMoment
    ) {
        guard let asked = lanes[active].offeringsToRead.popLast() else { return }
        switch result {
        case .success(let offering): offerings[asked] = offering
        case .failure(let error):
            noteFailure(error)
            if mustAbort(after: error) {
                lanes[active].offeringsToRead.append(asked)
                return abortLane("offering \(asked): \(error)", error, at: moment)
            }
        }
        if lanes.allSatisfy(\.offeringsToRead.isEmpty) { changes += 1 }
    }

    /// When the last cycle of the present month is to begin, and whether that is still to come or has
    /// begun; nil without a clock.
    func flushStart(at moment: ReporterMoment) -> (month: BillingMonth, start: Timestamp)? {
        guard let clock = moment.clock,
            let month = BillingMonth(of: clock.earliest(at: moment.now), in: settings.zone)
        else { return nil }
        let guardStart = month.end(in: settings.zone)
            .advanced(byMilliseconds: -settings.guardMilliseconds)
        // In our own time, at which Waldur's clock may already stand there.
        let ahead = clock.latest(at: moment.now).milliseconds - moment.now.milliseconds
        let start = flush.start(guardStart: guardStart, loads: loads)
        return (month, start.advanced(byMilliseconds: -ahead))
    }

    /// The last cycle of the month is due or under way.
    func isFlushing(at moment: ReporterMoment) -> Bool {
        flushStart(at: moment).map { $0.start <= moment.now } ?? false
    }

    /// How much of a resource had not been told after its last turn; a resource of which nothing is known
    /// comes first.
    private func untold(_ resource: ResourceID) -> Int128 {
        lines[resource].map { lines in
            lines.map { ($0.figure?.amount ?? .zero).rawValue - ($0.confirmed ?? .zero).rawValue }
                .reduce(0) { sum, amount in sum + min(max(amount, 0), 1 << 80) }
        } ?? .max
    }

    /// What is unsent and largest first; what is told up to now, the longest ago first: until sending stops it is
    /// told again.
    private func flushOrder(_ resources: [ResourceID]) -> [ResourceID] {
        let places = resources.map { resource in
            (resource: resource, untold: untold(resource), turned: turned[resource] ?? startedAt)
        }
        return places.sorted { left, right in
            if left.untold != right.untold { return left.untold > right.untold }
            if left.turned != right.turned { return left.turned < right.turned }
            return left.resource < right.resource
        }.map(\.resource)
    }

    /// How many components a resource's last total has, as far as that is known.
    private func componentCount(of resource: ResourceID) -> Int {
        if let lines = lines[resource], !lines.isEmpty { return lines.count }
        let offering = listed[resource].flatMap { offerings[$0.offering] }
        return max(1, offering?.usageComponents.count ?? 1)
    }

    mutating func startNextResource(at moment: ReporterMoment) -> Bool {
        // A cycle that would still run when the last one of the month is due makes room for it.
        if !isLookOnly, let flush = flushStart(at: moment), flush.start <= moment.now,
            flushed != flush.month, window(at: moment).month != nil
        {
            isCutShort = isCutShort || !lanes[active].queue.isEmpty
            lanes[active].queue = []
        }
        guard let resource = lanes[active].queue.popLast() else { return false }
        work = ResourceWork(resource: resource, started: moment.now)
        return true
    }

    mutating func finishResource(at moment: ReporterMoment) {
        if let work {
            if !isLookOnly {
                flush.note(
                    milliseconds: moment.now.milliseconds - work.started.milliseconds,
                    calls: work.callMilliseconds
                )
                turned[work.resource] = moment.now
            }
            let kept =
                isLookOnly
                ? findings[work.resource, default: []].filter { $0.kind != .unknown } : []
            findings[work.resource] = kept + work.findings
            if let plan = work.plan { lines[work.resource] = plan.lines }
        }
        work = nil
    }

    /// Ends a cycle when every lane has done its part or is out.
    mutating func endCycle(at moment: ReporterMoment) {
        let wasLookOnly = isLookOnly
        isLookOnly = false
        enter(.idle)
        let isGivenUp = lanes.allSatisfy(\.isOut)
        if wasLookOnly, !isGivenUp { return }
        for index in lanes.indices where !lanes[index].isOut {
            lanes[index].trouble = nil
            lanes[index].breaker.succeed()
        }
        trouble = troubleOfLanes
        if !wasLookOnly { cyclesEnded += 1 }
        if isGivenUp {
            nextCycle = lanes.compactMap(\.breaker.until).min() ?? moment.now
            return
        }
        // One that made room for the month's last cycle did not get to its end.
        if !isCutShort, trouble == nil { completedCycle = cycleStarted }
        let started = cycleStarted ?? moment.now
        nextCycle = max(
            started.advanced(byMilliseconds: settings.cycleMilliseconds),
            moment.now.advanced(byMilliseconds: min(1000, settings.cycleMilliseconds))
        )
        guard let flush = flushStart(at: moment) else { return }
        if flushed != flush.month {
            nextCycle = min(nextCycle, max(flush.start, moment.now.advanced(byMilliseconds: 1)))
        } else if window(at: moment).month == flush.month {
            // What is left of the time shortens the tails.
            nextCycle = min(nextCycle, moment.now.advanced(byMilliseconds: 1_000))
        }
    }

    /// Why accounts did not get to the end of the cycle; nil where each did.
    private var troubleOfLanes: String? {
        let troubles = lanes.compactMap { lane in
            lane.trouble.map { lanes.count == 1 ? $0 : "account \(lane.account.name): \($0)" }
        }
        return troubles.isEmpty ? nil : troubles.joined(separator: "; ")
    }

    /// The active lane gives the cycle up: the trouble is not with one resource. Other accounts go on.
    mutating func abortLane(_ reason: String, _ error: WaldurError?, at moment: ReporterMoment) {
        if let work {
            findings[work.resource] = work.findings
            if let plan = work.plan { lines[work.resource] = plan.lines }
        }
        work = nil
        lanes[active].isOut = true
        lanes[active].queue = []
        lanes[active].trouble = reason
        lanes[active].failuresInRow = 0
        let until = lanes[active].breaker.fail(
            at: moment.now,
            retryAfterMilliseconds: error?.retryAfterMilliseconds,
            jitter: &jitter
        )
        for resource in resourcesWithOpenIntents where lane(of: resource) == active {
            nextLook[resource] = max(nextLook[resource] ?? until, until)
        }
        let offerings = lanes[active].offeringsToRead
        lanes[active].offeringsToRead = []
        changes += 1
        guard let heir = lanes.firstIndex(where: \.takesPart) else { return endCycle(at: moment) }
        lanes[heir].offeringsToRead += offerings
        guard lanes[active].reading == .due else { return }
        lanes[active].reading = .missing
        guard everyAccountHasAnswered else { return }
        switch phase {
        case .listing: listingIsDone(at: moment)
        case .months: sharedStepIsDone(at: moment)
        case .idle, .offerings, .working: break
        }
    }

    /// Gives the cycle up with every account: the trouble is Meter's own. No lane has anything under way.
    mutating func abortCycle(_ reason: String, at moment: ReporterMoment) {
        for index in lanes.indices where lanes[index].takesPart && phase != .idle {
            active = index
            abortLane(reason, nil, at: moment)
        }
    }

    mutating func noteFailure(_ error: WaldurError) {
        failuresInRow = error.concernsEveryCall ? failuresInRow + 1 : 0
    }

    /// True for what no other call will escape, and for the third call in a row without an answer: one
    /// resource that hangs must not look like a Waldur that does.
    func mustAbort(after error: WaldurError) -> Bool {
        guard error.concernsEveryCall else { return false }
        return error.surelyNotRun || failuresInRow >= 3
    }
}
