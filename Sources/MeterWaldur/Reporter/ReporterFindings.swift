internal import Meter
internal import MeterWire

// What weighing a resource's rows brings up for the book: foreign figures, totals that Waldur filed under the
// wrong month, and what ended plan periods have beyond what was billed.

extension Reporter {
    func findings(
        of plan: SubmissionPlan,
        _ figures: ResourceFigures,
        _ observation: Observation,
        at moment: ReporterMoment
    ) -> [Decision] {
        guard let resource = work?.resource else { return [] }
        var decisions: [Decision] = []
        var carry = book.billing.lastCarryNumber
        var adjustment = book.billing.lastAdjustmentNumber
        for line in plan.lines {
            let key = observation.key(line, of: resource, in: settings.waldur)
            decisions += foreign(line, key, adjustment: &adjustment, at: moment)
            if let number = line.misplaced,
                !book.billing.incidents.contains(where: { $0.incident.key == key })
            {
                decisions.append(.incidentFound(incident(line, key, number)))
            }
            guard line.verdict == .held(.planEnded), let figure = line.figure else { continue }
            let made = try? CarryMaking.carries(
                of: key,
                balance: figure.balance,
                adjusted: figure.adjusted,
                confirmed: line.confirmed,
                book: book,
                cause: .planEnded,
                first: carry &+ 1,
                position: figures.position,
                before: observation.waldurTime
            )
            for made in made ?? [] {
                carry = made.number
                decisions.append(.carryMade(made))
                if let month = window(at: moment).month,
                    let settlement = CarryLanding.settlement(of: made, book: book, into: month)
                {
                    decisions.append(.carrySettled(settlement))
                }
            }
        }
        return decisions
    }

    private func incident(
        _ line: SubmissionPlan.Line,
        _ key: SubmissionKey,
        _ number: UInt64
    ) -> Incident {
        let price = book.plan(of: key).map { plan in
            PriceKey(waldur: key.waldur, plan: plan, component: key.component)
        }
        let start = key.month.start(in: settings.zone)
        return Incident(
            kind: .wrongMonth,
            key: key,
            number: number,
            quantity: line.shown?.hundredths ?? .zero,
            frozenPrice: price.flatMap { book.billing.price($0, before: start)?.price },
            duePrice: price.flatMap { book.billing.price($0)?.price }
        )
    }

    /// What is booked about a figure that somebody else wrote, or that somebody took back.
    private func foreign(
        _ line: SubmissionPlan.Line,
        _ key: SubmissionKey,
        adjustment: inout UInt64,
        at moment: ReporterMoment
    ) -> [Decision] {
        let standing = book.billing.foreign[key]
        guard line.verdict == .held(.foreign) else {
            guard let standing, line.verdict != .inFlight,
                !(standing.isToReassert && line.verdict == .tell)
            else { return [] }
            return [
                .foreignDecided(
                    ForeignDecided(
                        key: key,
                        verdict: .gone,
                        reason: "Waldur shows the confirmed figure"
                    )
                )
            ]
        }
        let found = ForeignFound(
            key: key,
            usage: line.shown?.description,
            confirmed: line.confirmed
        )
        guard let standing, standing.found == found else { return [.foreignFound(found)] }
        guard !standing.isToReassert, isPastDecision(key.month, at: moment) else { return [] }
        let reason = "nobody decided before the deadline"
        if settings.acceptsForeign {
            let accepted = try? ForeignAcceptance.decisions(
                standing,
                number: adjustment &+ 1,
                book: book,
                byDefault: true,
                reason: reason
            )
            if let accepted {
                adjustment &+= 1
                return accepted
            }
        }
        return [
            .foreignDecided(
                ForeignDecided(key: key, verdict: .reassert, byDefault: true, reason: reason)
            )
        ]
    }

    /// The deadline for a person's decision in this month has passed.
    private func isPastDecision(_ month: BillingMonth, at moment: ReporterMoment) -> Bool {
        guard let clock = moment.clock else { return false }
        let lead = settings.guardMilliseconds + settings.foreignDecideMilliseconds
        // What is decided when sending stops is not told any more.
        if isFlushing(at: moment) { return true }
        return clock.latest(at: moment.now)
            >= month.end(in: settings.zone).advanced(byMilliseconds: -lead)
    }
}
