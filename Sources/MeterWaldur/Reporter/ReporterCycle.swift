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
            cycleRequested = requested
            requested = nil
            isLookOnly = false
            cycleStarted = moment.now
            cyclesBegun += 1
            phase = .listing
            return
        }
        let due = resourcesWithOpenIntents.filter { lookTime($0) <= moment.now }
        guard !due.isEmpty else { return }
        isLookOnly = true
        queue = due.reversed()
        phase = .working
    }

    mutating func handleResources(
        _ result: Result<[WaldurResource], WaldurError>,
        at moment: ReporterMoment
    ) {
        let resources: [WaldurResource]
        switch result {
        case .success(let read): resources = read
        case .failure(let error): return abortCycle("resources: \(error)", error, at: moment)
        }
        failuresInRow = 0
        listed = Dictionary(
            resources.map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        guard let clock = moment.clock,
            let month = BillingMonth(of: clock.earliest(at: moment.now), in: settings.zone)
        else {
            return abortCycle("Waldur's answers have no usable Date header", nil, at: moment)
        }
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
        queue = (open + rest).reversed()
        let known = Set(queue)
        findings = findings.filter { known.contains($0.key) }
        lines = lines.filter { known.contains($0.key) }
        health = health.filter { known.contains($0.key.resource) }
        failures = failures.filter { known.contains($0.key) }
        offerings = [:]
        offeringsToRead = Set(queue.compactMap { listed[$0]?.offering }).sorted()
        beginMonths(at: moment, present: month)
        if isFlushing(at: moment) {
            flushed = month
            queue = (open + rest.sorted { untold($0) < untold($1) }.reversed()).reversed()
        }
        phase = .offerings
    }

    mutating func handleOffering(
        _ result: Result<WaldurOffering, WaldurError>,
        at moment: ReporterMoment
    ) {
        guard let asked = offeringsToRead.popLast() else { return }
        switch result {
        case .success(let offering): offerings[asked] = offering
        case .failure(let error):
            noteFailure(error)
            if mustAbort(after: error) {
                abortCycle("offering \(asked): \(error)", error, at: moment)
            }
        }
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
        let start = flush.start(
            guardStart: guardStart, resources: bound.values.count(where: \.isLive))
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

    mutating func startNextResource(at moment: ReporterMoment) -> Bool {
        // A cycle that would still run when the last one of the month is due makes room for it.
        if !isLookOnly, let flush = flushStart(at: moment), flush.start <= moment.now,
            flushed != flush.month, window(at: moment).month != nil
        {
            return false
        }
        guard let resource = queue.popLast() else { return false }
        work = ResourceWork(resource: resource, started: moment.now)
        return true
    }

    mutating func finishResource(at moment: ReporterMoment) {
        if let work {
            if !isLookOnly {
                flush.note(
                    milliseconds: moment.now.milliseconds - work.started.milliseconds
                )
            }
            let kept =
                isLookOnly
                ? findings[work.resource, default: []].filter { $0.kind != .unknown } : []
            findings[work.resource] = kept + work.findings
            if let plan = work.plan { lines[work.resource] = plan.lines }
        }
        work = nil
    }

    mutating func endCycle(at moment: ReporterMoment) {
        phase = .idle
        guard !isLookOnly else {
            isLookOnly = false
            return
        }
        trouble = nil
        failedCycles = 0
        cyclesEnded += 1
        // One that made room for the month's last cycle did not get to its end.
        if queue.isEmpty { completedCycle = cycleStarted }
        queue = []
        let started = cycleStarted ?? moment.now
        nextCycle = max(
            started.advanced(byMilliseconds: settings.cycleMilliseconds),
            moment.now.advanced(byMilliseconds: min(1000, settings.cycleMilliseconds))
        )
        if let flush = flushStart(at: moment), flushed != flush.month {
            nextCycle = min(nextCycle, max(flush.start, moment.now.advanced(byMilliseconds: 1)))
        }
    }

    /// Gives up the cycle: the trouble is not with one resource.
    mutating func abortCycle(_ reason: String, _ error: WaldurError?, at moment: ReporterMoment) {
        if let work {
            findings[work.resource] = work.findings
            if let plan = work.plan { lines[work.resource] = plan.lines }
        }
        work = nil
        queue = []
        trouble = reason
        failedCycles += 1
        let exponent = Int64(min(failedCycles, 20))
        var pause = min(settings.backOffMillisecondsMax, 500 << exponent)
        pause = max(jitter.spread(pause), error?.retryAfterMilliseconds ?? 0)
        let until = moment.now.advanced(byMilliseconds: pause)
        for resource in resourcesWithOpenIntents {
            nextLook[resource] = max(nextLook[resource] ?? until, until)
        }
        nextCycle = until
        if !isLookOnly { cyclesEnded += 1 }
        isLookOnly = false
        failuresInRow = 0
        phase = .idle
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
