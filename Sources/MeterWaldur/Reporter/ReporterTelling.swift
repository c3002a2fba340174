internal import Meter
internal import MeterWire

// Intents, calls and their outcomes.

extension Reporter {
    /// Judges every open intent of the resource by what was just read, and books what is known.
    mutating func settleOpenIntents(at moment: ReporterMoment) {
        guard let current = work, let observation = current.observation else { return }
        var decisions: [Decision] = []
        var stillOpen = false
        for open in openIntents(of: current.resource) {
            let number = open.intent.number
            let attempt = attempt(number)
            let settlement = Settlement.judge(
                open,
                attempt: attempt,
                observation: observation,
                requestLifeMilliseconds: settings.requestLifeMilliseconds
            )
            if !settlement.confirmed.isEmpty {
                decisions.append(
                    .submissionConfirmed(
                        SubmissionOutcome(number: number, components: settlement.confirmed)
                    )
                )
                failures[current.resource] = nil
                for component in settlement.confirmed {
                    health[open.intent.key(component)] = nil
                }
            }
            if !settlement.refused.isEmpty {
                decisions.append(
                    .submissionRefused(
                        SubmissionOutcome(
                            number: number,
                            components: settlement.refused,
                            status: settlement.status,
                            note: settlement.note
                        )
                    )
                )
                noteRefused(open.intent, settlement, attempt, at: moment)
            }
            if !settlement.open.isEmpty {
                stillOpen = true
                if !open.isUnknown {
                    decisions.append(
                        .submissionUnknown(
                            SubmissionOutcome(
                                number: number,
                                components: settlement.open,
                                note: attempt.reason ?? "two readings differ"
                            )
                        )
                    )
                }
                noteOpen(open.intent, settlement, observation)
            } else {
                attempts[number] = nil
            }
        }
        if stillOpen { postpone(current.resource, at: moment) }
        let isEnd = stillOpen || isLookOnly
        work?.endsAfterSettling = isEnd
        if decisions.isEmpty {
            settled(at: moment)
        } else {
            work?.step = .settle(decisions)
        }
    }

    private mutating func noteRefused(
        _ intent: SubmissionIntent,
        _ settlement: Settlement,
        _ attempt: Attempt,
        at moment: ReporterMoment
    ) {
        for item in intent.items where settlement.refused.contains(item.component) {
            work?.tried.insert(.init(planPeriod: intent.planPeriod, component: item.component))
            work?.findings.append(
                ReportFinding(
                    .refused,
                    resource: intent.resource,
                    planPeriod: intent.planPeriod,
                    component: item.component,
                    ours: item.amount.description,
                    note: settlement.note
                )
            )
            fail(intent.key(item.component), at: moment)
            if settlement.status == 403, let offering = listed[intent.resource]?.offering {
                lanes[active].forbidden.insert(offering)
            }
            // What was given up for lost may still arrive; then it is ours.
            if attempt.isUnknown {
                strays[intent.key(item.component), default: []].insert(item.amount)
            }
        }
    }

    private mutating func noteOpen(
        _ intent: SubmissionIntent,
        _ settlement: Settlement,
        _ observation: Observation
    ) {
        for item in intent.items where settlement.open.contains(item.component) {
            work?.findings.append(
                ReportFinding(
                    .unknown,
                    resource: intent.resource,
                    planPeriod: intent.planPeriod,
                    component: item.component,
                    ours: item.amount.description,
                    note: "submission \(intent.number)"
                )
            )
        }
        // A row that stands in this month's plan period and not in this month's list was stamped with
        // another month.
        let listed = Set((observation.rows[observation.month] ?? []).map(\.id))
        let shown = observation.period(intent.planPeriod)?.rows ?? []
        if intent.month == observation.month, shown.contains(where: { !listed.contains($0.id) }) {
            work?.findings.append(
                ReportFinding(
                    .wrongMonth,
                    resource: intent.resource,
                    planPeriod: intent.planPeriod,
                    waldurs: "with another month than \(observation.month)"
                )
            )
        }
    }

    mutating func handleBooked(
        _ result: Result<BookState, ReporterTrouble>,
        at moment: ReporterMoment
    ) {
        switch result {
        case .failure(let trouble): return engineFailed("book", trouble, at: moment)
        case .success(let state): book = state
        }
        if phase == .months {
            months.step = nil
            changes += 1
            return
        }
        switch work?.step {
        case .settle:
            work?.isUnsettled = false
            settled(at: moment)
        case .record: work?.step = .readFigures
        case .intend(let wanted):
            // It has the number that was next when it was booked.
            let intent = openIntents(of: wanted.resource).last?.intent ?? wanted
            if window(at: moment).month == intent.month {
                work?.step = .send(intent)
            } else {
                refuse(intent, "not sent: the month is about to end")
            }
        default: break
        }
    }

    /// After the open intents were judged: on to what is to be told, if anything may be.
    private mutating func settled(at moment: ReporterMoment) {
        guard let current = work, !current.endsAfterSettling, let observation = current.observation
        else { return endTurn(at: moment) }
        if current.figures != nil { return tell(at: moment) }
        let news =
            listed[current.resource].map { listing in
                ResourceNews.decisions(
                    listing,
                    offerings[listing.offering],
                    observation,
                    waldur: settings.waldur,
                    book: book
                )
            } ?? []
        let mayTell = isTellable(current.resource, observation)
        if mayTell {
            work?.step = news.isEmpty ? .readFigures : .record(news)
        } else if news.isEmpty {
            endTurn(at: moment)
        } else {
            work?.endsAfterSettling = true
            work?.step = .settle(news)
        }
    }

    /// False where nothing of the resource can be told; says why in a finding.
    private mutating func isTellable(_ resource: ResourceID, _ observation: Observation) -> Bool {
        guard let bound = bound[resource], bound.isLive, let listing = listed[resource],
            book.billing.released[ResourceKey(waldur: settings.waldur, resource: resource)] == nil
        else { return false }
        guard offerings[listing.offering] != nil else {
            work?.findings.append(
                ReportFinding(
                    .unreadable,
                    resource: resource,
                    note: "offering \(listing.offering)"
                )
            )
            return false
        }
        guard listing.takesUsage else {
            work?.findings.append(
                ReportFinding(.resourceState, resource: resource, waldurs: listing.state)
            )
            return false
        }
        for tenant in bound.liveTenants.sorted() {
            // Only a tenant that is named by its uuid can be compared.
            guard let named = CustomerID(tenant.description), let customer = listing.customer,
                named != customer
            else { continue }
            work?.findings.append(
                ReportFinding(
                    .otherCustomer,
                    resource: resource,
                    ours: named.description,
                    waldurs: customer.description
                )
            )
            return false
        }
        return true
    }

    mutating func handleFigures(
        _ result: Result<ResourceFigures, ReporterTrouble>,
        at moment: ReporterMoment
    ) {
        switch result {
        case .success(let figures):
            work?.figures = figures
            tell(at: moment)
        case .failure(let trouble): engineFailed("ledger", trouble, at: moment)
        }
    }

    /// Trouble of Meter's own: it ends the turn where it comes from this resource, so that no other one waits
    /// for it, and everything else of the lane.
    private mutating func engineFailed(
        _ place: String,
        _ trouble: ReporterTrouble,
        at moment: ReporterMoment
    ) {
        guard phase == .working, let resource = work?.resource, trouble.concernsOne else {
            return phase == .months
                ? abortCycle("\(place): \(trouble)", at: moment)
                : abortLane("\(place): \(trouble)", nil, at: moment)
        }
        work?.findings.append(
            ReportFinding(.unreadable, resource: resource, note: "\(place): \(trouble)")
        )
        failures[resource, default: 0] += 1
        postpone(resource, at: moment)
        endTurn(at: moment)
    }

    /// Weighs the figures and begins the next call, if there is one and it may be sent.
    private mutating func tell(at moment: ReporterMoment) {
        guard let current = work, let observation = current.observation,
            let figures = current.figures, let listing = listed[current.resource],
            let offering = offerings[listing.offering]
        else { return endTurn(at: moment) }
        let plan = SubmissionPlan(
            SubmissionPlan.Input(
                resource: current.resource,
                waldur: settings.waldur,
                observation: observation,
                offering: offering,
                figures: figures,
                book: book,
                strays: strays
            )
        )
        let decisions = findings(of: plan, figures, observation, at: moment)
        if !decisions.isEmpty, !current.hasRecorded {
            work?.hasRecorded = true
            work?.step = .record(decisions)
            return
        }
        let isFirst = current.plan == nil
        work?.plan = plan
        for finding in plan.findings where isFirst || !current.findings.contains(finding) {
            work?.findings.append(finding)
        }
        // No call is begun that may still run when sending stops.
        guard window(at: moment).month == observation.month,
            flush.callMilliseconds <= timeUntilGuard(at: moment) ?? .max
        else { return endTurn(at: moment) }
        let now = moment.now
        let whole = periodsToldWhole(plan, current.resource, observation, at: moment)
        let calls = plan.calls { line in
            health[observation.key(line, of: current.resource, in: settings.waldur)].map {
                cycleRequested != nil || $0.retryAt <= now ? .alone : .notYet
            } ?? .together
        } accompanies: { line in
            whole.contains(line.planPeriod) && offering.usageComponents.contains(line.component)
        }
        for call in calls {
            let items = call.lines.compactMap { line -> SubmissionIntent.Item? in
                let key = ResourceFigures.Key(
                    planPeriod: line.planPeriod,
                    component: line.component
                )
                guard let figure = line.figure, !current.tried.contains(key) else { return nil }
                return SubmissionIntent.Item(
                    component: line.component,
                    total: figure.total,
                    amount: figure.amount
                )
            }
            guard !items.isEmpty else { continue }
            for item in items {
                work?.tried.insert(
                    .init(planPeriod: call.planPeriod, component: item.component)
                )
            }
            noteCall(items, call.planPeriod, of: plan, current.resource, at: moment)
            let intent = SubmissionIntent(
                number: book.lastIntentNumber + 1,
                waldur: settings.waldur,
                resource: current.resource,
                planPeriod: call.planPeriod,
                month: observation.month,
                position: figures.position,
                items: items,
                lowersBecause: call.lines.filter { line in
                    items.contains { $0.component == line.component }
                }.compactMap(\.lowersBecause).first,
                account: lanes.count > 1 ? lanes[active].account.name : nil
            )
            work?.step = .intend(intent)
            return
        }
        let flushes = flushes(at: moment)
        if flushes.isEmpty { return endTurn(at: moment) }
        work?.endsAfterSettling = true
        work?.step = .settle(flushes)
    }

    /// The open plan periods of which a call carries all components: once a day, in the month's last cycles, and
    /// where the resource is about to end. Waldur shows as a resource's usage what the last call carried.
    private func periodsToldWhole(
        _ plan: SubmissionPlan,
        _ resource: ResourceID,
        _ observation: Observation,
        at moment: ReporterMoment
    ) -> Set<PlanPeriodID> {
        let isLast = isFlushing(at: moment) || isEnding(resource, at: moment)
        var whole: Set<PlanPeriodID> = []
        for period in observation.periods where period.period.end == nil {
            let id = period.period.id
            let call = wholeCalls[resource]?[id] ?? WholeCall()
            let isDue =
                isLast
                || call.at.map { moment.now >= $0.advanced(byMilliseconds: Self.dayMilliseconds) }
                    ?? true
            let isIncomplete =
                call.isPartialSince
                || plan.lines.contains { $0.planPeriod == id && $0.verdict == .tell }
            if isDue, isIncomplete { whole.insert(id) }
        }
        return whole
    }

    private static let dayMilliseconds: Int64 = 86_400_000

    /// Takes in which components of a plan period a call carries.
    private mutating func noteCall(
        _ items: [SubmissionIntent.Item],
        _ period: PlanPeriodID,
        of plan: SubmissionPlan,
        _ resource: ResourceID,
        at moment: ReporterMoment
    ) {
        let carried = Set(items.map(\.component))
        let isWhole = plan.lines.allSatisfy { line in
            line.planPeriod != period || carried.contains(line.component) || !line.isInWaldur
        }
        var call = wholeCalls[resource]?[period] ?? WholeCall()
        if isWhole { call.at = moment.now }
        call.isPartialSince = !isWhole
        wholeCalls[resource, default: [:]][period] = call
    }

    mutating func handleSent(_ result: Result<Void, WaldurError>, at moment: ReporterMoment) {
        guard case .send(let intent) = work?.step else { return }
        if let begun = lanes[active].callBegun {
            let took = moment.now.milliseconds - begun.milliseconds
            flush.note(callMilliseconds: took, components: intent.items.count)
            work?.callMilliseconds += took
        }
        work?.isUnsettled = true
        switch result {
        case .success:
            attempts[intent.number] = Attempt(sent: moment.now, answer: .accepted)
        case .failure(let error) where error.surelyNotRun:
            noteFailure(error)
            if error.concernsEveryCall {
                work?.aborting = ("resource \(intent.resource): \(error)", error)
            }
            for item in intent.items { fail(intent.key(item.component), at: moment) }
            return refuse(intent, "\(error)", status: error.status)
        case .failure(.status(let status, let message, _))
        where (400..<500).contains(status)
            && status != 408:
            attempts[intent.number] = Attempt(
                sent: moment.now,
                answer: .refused(status: status, message: message)
            )
        case .failure(let error):
            attempts[intent.number] = Attempt(
                sent: moment.now,
                answer: .unknown("\(error)")
            )
        }
        work?.step = .readPlanPeriods
    }

    /// Books that a submission was surely not applied, and ends the turn.
    private mutating func refuse(_ intent: SubmissionIntent, _ reason: String, status: Int? = nil) {
        work?.findings.append(
            ReportFinding(
                .refused,
                resource: intent.resource,
                planPeriod: intent.planPeriod,
                note: reason
            )
        )
        work?.endsAfterSettling = true
        work?.step = .settle([
            .submissionRefused(
                SubmissionOutcome(number: intent.number, status: status, note: reason)
            )
        ])
    }
}
