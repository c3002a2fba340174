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
            decisions += foreign(line, key, figures, adjustment: &adjustment, at: moment)
            if let number = line.misplaced,
                !isKnown(.wrongMonth, key)
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
        _ figures: ResourceFigures,
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
            confirmed: line.confirmed,
            writer: line.writer
        )
        guard let standing, standing.found == found else {
            return [.foreignFound(found)] + overwriting(found, figures)
        }
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
        // Of two Meters each would overwrite the other when the time is over.
        guard found.writer == nil else { return [] }
        return [
            .foreignDecided(
                ForeignDecided(key: key, verdict: .reassert, byDefault: true, reason: reason)
            )
        ]
    }

    /// What is done at once about a figure that another Meter wrote whose journal is not as far as ours: it is a
    /// restored copy, or one that somebody forgot. Ours is told again, but once in a row and month: two that both
    /// go on would else overwrite each other for ever.
    private func overwriting(_ found: ForeignFound, _ figures: ResourceFigures) -> [Decision] {
        guard let writer = found.writer, writer.position < figures.position,
            !book.billing.overwritten.contains(found.key)
        else { return [] }
        var decisions: [Decision] = [
            .foreignDecided(
                ForeignDecided(
                    key: found.key,
                    verdict: .reassert,
                    byDefault: true,
                    reason:
                        "written by another Meter whose journal was at \(writer.position); this one's is at "
                        + "\(figures.position)"
                )
            )
        ]
        if !isKnown(.secondMeter, found.key) {
            decisions.append(
                .incidentFound(
                    Incident(
                        kind: .secondMeter,
                        key: found.key,
                        number: writer.number,
                        quantity: found.usage.flatMap { ExactDecimal($0)?.hundredths } ?? .zero
                    )
                )
            )
        }
        return decisions
    }

    private func isKnown(_ kind: Incident.Kind, _ key: SubmissionKey) -> Bool {
        book.billing.incidents.contains { $0.incident.kind == kind && $0.incident.key == key }
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
