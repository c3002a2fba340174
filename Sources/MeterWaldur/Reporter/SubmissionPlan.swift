package import Meter
package import MeterWire

/// What is to be told of one resource, and what stands in the way: a pure function of what the ledger
/// says, what was confirmed, and what Waldur shows.
package struct SubmissionPlan: Equatable, Sendable {
    /// One figure and what becomes of it.
    package struct Line: Equatable, Sendable {
        package enum Verdict: Equatable, Sendable {
            /// Equal in ledger, book and Waldur.
            case unchanged
            /// To be told.
            case tell
            /// An earlier submission has no outcome yet.
            case inFlight
            /// Not told, because of this.
            case held(ReportFinding.Kind)
        }

        package let planPeriod: PlanPeriodID
        package let component: Name
        /// nil where the ledger has nothing and Waldur shows a row.
        package let figure: ResourceFigures.Figure?
        package let confirmed: Hundredths?
        package let shown: ExactDecimal?
        package let verdict: Verdict
        /// The mark of another Meter beside a foreign figure; nil where a row has none, or our own.
        package let writer: SubmissionMark?
        /// Waldur has what the ledger says, and Meter told it.
        package var isInWaldur: Bool {
            verdict == .unchanged && figure != nil && confirmed != nil && shown != nil
        }

        /// The submission of the month before that Waldur filed under this one; nil for none.
        package let misplaced: UInt64?

        /// Why less is told than was confirmed; nil where it is not less.
        package var lowersBecause: String? {
            guard let figure, let confirmed, figure.amount < confirmed else { return nil }
            return "adjusted \(figure.adjusted), carried in \(figure.carriedIn)"
        }
    }

    package var lines: [Line] = []
    package var findings: [ReportFinding] = []

    /// How a line goes into calls.
    package enum Company: Sendable {
        /// In one call with the other lines of its plan period.
        case together
        /// In a call of its own: an earlier one was refused, and what Waldur does not like must hold up
        /// no other component.
        case alone
        /// In none: its pause after a refusal is not over.
        case notYet
    }

    /// The calls that tell what is to be told.
    ///
    /// - Parameter accompanies: Which lines that Waldur has already go along with what is to be told.
    package func calls(
        company: (Line) -> Company,
        accompanies: (Line) -> Bool = { _ in false }
    ) -> [(planPeriod: PlanPeriodID, lines: [Line])] {
        var together: [(planPeriod: PlanPeriodID, lines: [Line])] = []
        var alone: [(planPeriod: PlanPeriodID, lines: [Line])] = []
        for line in lines {
            guard line.verdict == .tell || line.isInWaldur && accompanies(line) else { continue }
            switch company(line) {
            case .notYet: continue
            case .alone: alone.append((line.planPeriod, [line]))
            case .together:
                if let last = together.last, last.planPeriod == line.planPeriod {
                    together[together.count - 1].lines.append(line)
                } else {
                    together.append((line.planPeriod, [line]))
                }
            }
        }
        return together + alone
    }

    /// What the plan is made from.
    package struct Input: Sendable {
        package var resource: ResourceID
        package var waldur: WaldurID
        package var observation: Observation
        package var offering: WaldurOffering
        package var figures: ResourceFigures
        /// What was told of the resource in the month.
        package var standings: [SubmissionKey: SubmissionStanding]
        package var openings: [SubmissionKey: OpeningBalance]
        /// Own amounts that were given up for lost and may still have arrived late.
        package var strays: [SubmissionKey: Set<Hundredths>]
        /// What was told of it in the month before.
        package var before: [SubmissionKey: SubmissionStanding]
        /// A month that follows one that was reported begins by telling everything once, zeros included.
        package var tellsZeros: Bool
        /// Foreign figures that are to be overwritten.
        package var reasserted: Set<SubmissionKey>

        package init(
            resource: ResourceID,
            waldur: WaldurID,
            observation: Observation,
            offering: WaldurOffering,
            figures: ResourceFigures,
            book: BookState,
            strays: [SubmissionKey: Set<Hundredths>] = [:]
        ) {
            self.resource = resource
            self.waldur = waldur
            self.observation = observation
            self.offering = offering
            self.figures = figures
            let key = ResourceKey(waldur: waldur, resource: resource)
            standings = book.submissions(of: key, in: observation.month)
            openings = book.openings
            self.strays = strays
            let previous = observation.month.previous
            before = book.submissions(of: key, in: previous)
            reasserted = Set(book.billing.foreign.values.filter(\.isToReassert).map(\.found.key))
            tellsZeros =
                book.billing.isCut(previous, of: waldur)
                && !(book.submissions[previous]?.isEmpty ?? true)
        }

        /// Our submission of the month before, of whatever outcome, that told what Waldur shows now.
        func misplaced(_ component: Name, _ period: PlanPeriodID, _ shown: ExactDecimal?) -> UInt64?
        {
            guard let shown, shown.digits != 0 else { return nil }
            let key = SubmissionKey(
                waldur: waldur,
                resource: resource,
                component: component,
                planPeriod: period,
                month: observation.month.previous
            )
            guard let standing = before[key] else { return nil }
            return (standing.open + [standing.confirmed, standing.lastSettled].compactMap(\.self))
                .last { shown.isExactly($0.amount) }?.number
        }

        func key(_ component: Name, _ period: PlanPeriodID) -> SubmissionKey {
            SubmissionKey(
                waldur: waldur,
                resource: resource,
                component: component,
                planPeriod: period,
                month: observation.month
            )
        }
    }

    /// Weighs every figure of the ledger and every row of Waldur's.
    package init(_ input: Input) {
        for period in input.observation.periods {
            let id = period.period.id
            var components = Set(period.rows.map(\.component))
            for key in input.figures.figures.keys where key.planPeriod == id {
                components.insert(key.component)
            }
            for (key, standing) in input.standings
            where key.planPeriod == id
                && (standing.confirmed != nil || !standing.open.isEmpty)
            {
                components.insert(key.component)
            }
            for component in components.sorted() { weigh(component, in: period, input) }
        }
        for (untold, total) in input.figures.untold.sorted(by: { $0.key < $1.key }) {
            let kind: ReportFinding.Kind
            switch untold.reason {
            case .notInOffering: kind = .notInOffering
            case .noPlan: kind = .noPlan
            case .shadow, .free, .trial, .internal, .advisory, .unbilledOutcome: continue
            }
            findings.append(
                ReportFinding(
                    kind,
                    resource: input.resource,
                    component: untold.component,
                    ours: "\(total.total)"
                )
            )
        }
    }

    private mutating func weigh(
        _ component: Name,
        in period: WaldurPlanPeriod,
        _ input: Input
    ) {
        let id = period.period.id
        let key = input.key(component, id)
        let figure = input.figures.figures[.init(planPeriod: id, component: component)]
        let standing = input.standings[key]
        let confirmed = standing?.confirmed?.amount ?? input.openings[key]?.amount
        let shown = input.observation.shown(component, in: id)
        var verdict = Line.Verdict.unchanged
        // Decisions are what lowers a figure where no less was metered than when it was confirmed.
        let mayLower = figure.map { $0.total >= standing?.confirmed?.total ?? Quantity(0) } ?? false
        let misplaced = confirmed == nil ? input.misplaced(component, id, shown) : nil

        let writer = input.observation.mark(component, in: id)
            .flatMap { standing?.told($0) ?? false ? nil : $0 }

        func finding(
            _ kind: ReportFinding.Kind,
            ours: Hundredths?,
            waldurs: String? = nil,
            note: String? = nil
        ) -> ReportFinding {
            ReportFinding(
                kind,
                resource: input.resource,
                planPeriod: id,
                component: component,
                ours: ours.map(\.description),
                waldurs: waldurs,
                note: note
            )
        }

        let isTold = input.offering.usageComponents.contains(component)
        if let standing, !standing.open.isEmpty {
            verdict = .inFlight
            findings.append(finding(.unknown, ours: standing.open.last?.amount))
        } else if misplaced == nil,
            isForeign(shown, confirmed: confirmed, strays: input.strays[key], isTold: isTold)
        {
            if input.reasserted.contains(key), period.period.end == nil, let figure,
                mayLower || figure.amount >= confirmed ?? .zero
            {
                verdict = .tell
            } else {
                verdict = .held(.foreign)
            }
            findings.append(
                finding(
                    .foreign,
                    ours: confirmed,
                    waldurs: shown.map(\.description),
                    note: writer.map { Self.note(on: $0, input.figures.position) }
                )
            )
        } else if let figure {
            verdict = Self.verdict(
                figure.amount,
                confirmed: confirmed,
                shown: shown,
                hasEnded: period.period.end != nil,
                isTold: isTold,
                tellsZeros: input.tellsZeros,
                mayLower: mayLower
            )
            if case .held(let kind) = verdict {
                findings.append(
                    finding(
                        kind,
                        ours: figure.amount,
                        waldurs: (kind == .lowered ? confirmed : nil)?.description
                            ?? shown?.description
                    )
                )
            }
        } else if let confirmed, confirmed > .zero {
            verdict = .held(.lowered)
            findings.append(finding(.lowered, ours: .zero, waldurs: confirmed.description))
        }
        if isTold, figure.map({ $0.amount > .zero }) ?? false, !isPriced(component, period, input) {
            findings.append(finding(.notPriced, ours: figure?.amount))
        }
        lines.append(
            Line(
                planPeriod: id,
                component: component,
                figure: figure,
                confirmed: confirmed,
                shown: shown,
                verdict: verdict,
                writer: writer,
                misplaced: misplaced
            )
        )
    }

    /// What another Meter's mark tells a person.
    private static func note(on writer: SubmissionMark, _ position: UInt64) -> String {
        "another Meter wrote it: \(writer); this one's journal is at \(position). One of the two may run on a restored "
            + "copy: find out which, and stop it"
    }

    /// Compares values, since Waldur's `modified_by` and `description` survive an edit by its staff.
    private func isForeign(
        _ shown: ExactDecimal?,
        confirmed: Hundredths?,
        strays: Set<Hundredths>?,
        isTold: Bool
    ) -> Bool {
        if let shown, let value = shown.hundredths, strays?.contains(value) == true { return false }
        switch (shown, confirmed) {
        case (nil, nil): return false
        case (nil, .some): return true
        // What somebody stores for a component that is not billed by usage is none of Meter's business.
        case (.some, nil): return isTold
        case (.some(let shown), .some(let confirmed)): return !shown.isExactly(confirmed)
        }
    }

    private static func verdict(
        _ amount: Hundredths,
        confirmed: Hundredths?,
        shown: ExactDecimal?,
        hasEnded: Bool,
        isTold: Bool,
        tellsZeros: Bool,
        mayLower: Bool
    ) -> Line.Verdict {
        if let confirmed, amount == confirmed, shown.map({ $0.isExactly(confirmed) }) ?? false {
            return .unchanged
        }
        if confirmed == nil, shown == nil, amount == .zero, hasEnded || !tellsZeros || !isTold {
            return .unchanged
        }
        if !isTold { return .held(.notInOffering) }
        if !mayLower, confirmed.map({ amount < $0 }) ?? false { return .held(.lowered) }
        if hasEnded, shown != nil { return .held(.planEnded) }
        if amount >= Self.amountLimit { return .held(.tooLarge) }
        return .tell
    }

    private func isPriced(
        _ component: Name,
        _ period: WaldurPlanPeriod,
        _ input: Input
    ) -> Bool {
        let plan = input.offering.plans.first { $0.id == period.period.plan }
        return plan?.prices[component] != nil
    }

    /// The first amount that Waldur's invoice item has no room for; it answers 500 to it.
    package static let amountLimit = Hundredths(100_000_000_000_000)
}
