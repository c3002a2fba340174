internal import Meter
internal import MeterWire

// One resource's turn: read, settle, record, ask the ledger, tell.

extension Reporter {
    /// The action of the present step; nil once the turn has ended.
    mutating func nextAction(at moment: ReporterMoment) -> ReporterAction? {
        guard var current = work else { return nil }
        switch current.step {
        case .readPlanPeriods:
            if !isLookOnly, !isReadable(&current) {
                work = current
                finishResource(at: moment)
                return nil
            }
            if let wait = timeUntilMinute(at: moment), current.observation == nil {
                return .rest(until: moment.now.advanced(byMilliseconds: wait))
            }
            current.begun = moment.now
            work = current
            return .readPlanPeriods(current.resource)
        case .readUsageRows(let month): return .readUsageRows(current.resource, month)
        case .settle(let decisions), .record(let decisions): return .book(decisions)
        case .readFigures:
            guard let observation = current.observation,
                let through = Minute(observation.waldurTime)
            else {
                finishResource(at: moment)
                return nil
            }
            // Usage of a later minute may belong to a plan period that begins after this reading.
            return .readFigures(current.resource, observation.month, through: through)
        case .intend(let intent): return .book([.submissionIntended(intent)])
        case .send(let intent):
            lanes[active].callBegun = moment.now
            let mark = book.openIntents[intent.number]?.mark
            let items = intent.items.map { item in
                SetUsageCall.Item(
                    component: item.component,
                    amount: item.amount,
                    description: mark?.description ?? "meter \(intent.number)"
                )
            }
            var call = SetUsageCall(
                resource: intent.resource,
                planPeriod: intent.planPeriod,
                items: items
            )
            call.timeoutMilliseconds = timeUntilGuard(at: moment)
            return .setUsage(call)
        }
    }

    /// How long to wait until what was used before the cycle was asked for can be told; nil for no time.
    ///
    /// Only minutes that have begun at Waldur's when reading begins are told, and its clock is known to a
    /// second or so: asked right after a full minute, a cycle would leave that minute out.
    private func timeUntilMinute(at moment: ReporterMoment) -> Int64? {
        guard let cycleRequested, let clock = moment.clock, let minute = Minute(cycleRequested)
        else { return nil }
        let wait = minute.start.milliseconds - clock.earliest(at: moment.now).milliseconds
        return wait > 0 && wait <= 5_000 ? wait : nil
    }

    /// How long until sending stops for the month; nil where Waldur's clock is unknown.
    func timeUntilGuard(at moment: ReporterMoment) -> Int64? {
        guard let clock = moment.clock, let month = window(at: moment).month else { return nil }
        let guardStart = month.end(in: settings.zone)
            .advanced(byMilliseconds: -settings.guardMilliseconds)
        return max(1, guardStart.milliseconds - clock.latest(at: moment.now).milliseconds)
    }

    /// False for a resource that the account does not see, unless something of it is open.
    private func isReadable(_ current: inout ResourceWork) -> Bool {
        guard listed[current.resource] == nil else { return true }
        current.findings.append(ReportFinding(.resourceUnseen, resource: current.resource))
        return !openIntents(of: current.resource).isEmpty
    }

    mutating func handlePlanPeriods(
        _ result: Result<[WaldurPlanPeriod], WaldurError>,
        at moment: ReporterMoment
    ) {
        guard var current = work, let begun = current.begun else { return }
        let periods: [WaldurPlanPeriod]
        switch result {
        case .success(let read): periods = read
        case .failure(let error): return readingFailed(error, at: moment)
        }
        failuresInRow = 0
        guard let clock = moment.clock,
            let month = BillingMonth(of: clock.earliest(at: begun), in: settings.zone),
            month == BillingMonth(of: clock.latest(at: moment.now), in: settings.zone)
        else {
            // The month turns while it is read; the next cycle reads one month.
            postpone(current.resource, at: moment)
            return finishResource(at: moment)
        }
        current.observation = Observation(
            begun: begun,
            waldurTime: clock.earliest(at: begun),
            month: month,
            periods: periods
        )
        let open = openIntents(of: current.resource)
        current.monthsToList = open.isEmpty ? [] : Set(open.map(\.intent.month) + [month]).sorted()
        work = current
        listOrSettle(at: moment)
    }

    mutating func handleUsageRows(
        _ result: Result<[WaldurUsageRow], WaldurError>,
        at moment: ReporterMoment
    ) {
        guard case .readUsageRows(let month) = work?.step else { return }
        switch result {
        case .success(let rows):
            failuresInRow = 0
            work?.observation?.rows[month] = rows
            listOrSettle(at: moment)
        case .failure(let error): readingFailed(error, at: moment)
        }
    }

    private mutating func listOrSettle(at moment: ReporterMoment) {
        if let month = work?.monthsToList.popLast() {
            work?.step = .readUsageRows(month)
        } else {
            settleOpenIntents(at: moment)
        }
    }

    private mutating func readingFailed(_ error: WaldurError, at moment: ReporterMoment) {
        guard let resource = work?.resource else { return }
        noteFailure(error)
        work?.findings.append(
            ReportFinding(.unreadable, resource: resource, note: "\(error)")
        )
        failures[resource, default: 0] += 1
        if mustAbort(after: error) {
            work?.aborting = ("resource \(resource): \(error)", error)
        }
        postpone(resource, at: moment)
        let unknown = unknownDecisions(of: resource)
        if unknown.isEmpty { return endTurn(at: moment) }
        work?.endsAfterSettling = true
        work?.step = .settle(unknown)
    }

    /// Ends the turn, and the cycle if that was asked for.
    mutating func endTurn(at moment: ReporterMoment) {
        if let aborting = work?.aborting {
            abortLane(aborting.reason, aborting.error, at: moment)
        } else {
            finishResource(at: moment)
        }
    }

    /// Open intents that the book does not yet call unknown, though their answer is not known.
    private func unknownDecisions(of resource: ResourceID) -> [Decision] {
        openIntents(of: resource).filter { !$0.isUnknown }.map { open in
            .submissionUnknown(
                SubmissionOutcome(
                    number: open.intent.number,
                    note: attempt(open.intent.number).reason
                )
            )
        }
    }

    func attempt(_ number: UInt64) -> Attempt {
        attempts[number] ?? Attempt(sent: startedAt, answer: .unknown("open at start"))
    }

    /// Not read again before a while has passed.
    mutating func postpone(_ resource: ResourceID, at moment: ReporterMoment) {
        nextLook[resource] = moment.now.advanced(byMilliseconds: settings.lookMilliseconds)
    }

    /// Counts a failure to tell a row; it is not tried again before its pause is over.
    mutating func fail(_ key: SubmissionKey, at moment: ReporterMoment) {
        var state = health[key] ?? Health(retryAt: moment.now)
        state.failures += 1
        let pause = min(
            settings.backOffMillisecondsMax * 6,
            settings.cycleMilliseconds << Int64(min(state.failures - 1, 10))
        )
        state.retryAt = moment.now.advanced(byMilliseconds: jitter.spread(pause))
        health[key] = state
    }
}

extension Attempt {
    /// Why nobody knows what became of it; nil where Waldur answered.
    var reason: String? {
        guard case .unknown(let reason) = answer else { return nil }
        return reason
    }
}
