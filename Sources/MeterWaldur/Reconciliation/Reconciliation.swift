package import Meter
package import MeterWire

/// The ledger beside Waldur's usage rows, and why they differ.
package struct Reconciliation: Sendable {
    /// Why a row differs, or what is to be known of one that does not.
    package enum Cause: Hashable, Sendable {
        /// A submission has no outcome yet.
        case inFlight
        /// Metered since the last cycle; the next one tells it.
        case notYetTold
        /// The reporter is silent around the turn of the month.
        case monthEnd
        /// Waldur's value is not the one that was confirmed.
        case foreign
        /// Confirmed once, and Waldur has no row any more.
        case missingInWaldur
        /// Metered and not told, by the binding's class or for want of a component or plan.
        case notTold(NotBillableClass)
        /// Stored in Waldur without a plan period: never billed.
        case withoutPlanPeriod
        /// Told and stored, and the plan has no price: never billed.
        case notPriced
        /// What rounding leaves for later.
        case roundingResidue
        /// The reporter holds the figure back for this.
        case held(ReportFinding.Kind)

        /// The word for tables.
        package var name: String {
            switch self {
            case .inFlight: "in-flight"
            case .notYetTold: "not-yet-told"
            case .monthEnd: "month-end"
            case .foreign: "foreign"
            case .missingInWaldur: "missing-in-waldur"
            case .notTold(let reason): reason.rawValue
            case .withoutPlanPeriod: "without-plan-period"
            case .notPriced: "not-priced"
            case .roundingResidue: "rounding-residue"
            case .held(let kind): kind.rawValue
            }
        }
    }

    package struct Line: Equatable, Sendable {
        package let resource: ResourceID
        package let month: BillingMonth
        /// nil for usage that belongs to none.
        package let planPeriod: PlanPeriodID?
        package let component: Name
        package let tenants: Set<Name>
        /// What the ledger would have Waldur show.
        package let ours: Hundredths
        /// What Waldur shows; nil without a row.
        package let waldurs: ExactDecimal?
        /// Of what is metered and not in `ours`, since Waldur takes two decimals; in smallest units.
        package let residue: LedgerAmount
        package let causes: [Cause]

        /// Equal where Waldur shows what the ledger says, or neither has anything.
        package var isEqual: Bool {
            waldurs.map { $0.isExactly(ours) } ?? (ours == .zero)
        }

        /// A difference that a submission under way or the next cycle takes away.
        package var isInFlight: Bool {
            !isEqual && causes.contains { $0 == .inFlight || $0 == .notYetTold }
        }

        /// Metered on purpose without being told: a difference that nobody need do anything about.
        package var isNotTold: Bool {
            causes.contains { cause in
                guard case .notTold(let reason) = cause else { return false }
                return [.shadow, .free, .trial, .internal, .advisory].contains(reason)
            }
        }

        /// Ours minus Waldur's.
        package var difference: ExactDecimal {
            (waldurs ?? .zero).subtracted(from: ours)
        }
    }

    package var lines: [Line] = []
    /// Bound resources that the account does not see.
    package var unseen: [ResourceID] = []

    /// True where nothing differs but what is under way or not told on purpose.
    package var isClean: Bool {
        unseen.isEmpty && lines.allSatisfy { $0.isEqual || $0.isInFlight || $0.isNotTold }
    }

    /// Compares one resource.
    package static func lines(
        _ reading: ResourceReading,
        waldur: WaldurID,
        window: ReportingWindow
    ) -> [Line] {
        let input = reading.planInput(waldur: waldur)
        let month = reading.observation.month
        var lines: [Line] = []
        func line(
            _ component: Name,
            in planPeriod: PlanPeriodID?,
            ours: Hundredths,
            waldurs: ExactDecimal?,
            residue: LedgerAmount = .zero,
            _ causes: [Cause]
        ) {
            lines.append(
                Line(
                    resource: reading.listing.id,
                    month: month,
                    planPeriod: planPeriod,
                    component: component,
                    tenants: reading.tenants,
                    ours: ours,
                    waldurs: waldurs,
                    residue: residue,
                    causes: causes
                )
            )
        }
        if reading.isLive {
            let plan = SubmissionPlan(input)
            let unpriced = Set(
                plan.findings.filter { $0.kind == .notPriced }.map {
                    [$0.planPeriod?.description, $0.component?.description]
                }
            )
            for weighed in plan.lines {
                var causes = causes(weighed, window: window)
                if unpriced.contains([
                    weighed.planPeriod.description, weighed.component.description,
                ]) {
                    causes.append(.notPriced)
                }
                let residue = weighed.figure?.residue ?? .zero
                if residue != .zero { causes.append(.roundingResidue) }
                line(
                    weighed.component,
                    in: weighed.planPeriod,
                    ours: weighed.figure?.amount ?? .zero,
                    waldurs: weighed.shown,
                    residue: residue,
                    causes
                )
            }
        }
        for (untold, figure) in reading.figures.untold.sorted(by: { $0.key < $1.key }) {
            // Beside a live binding Waldur's rows are the live one's; without one they are compared, but never with
            // what is not the count.
            let rows = reading.observation.periods.flatMap(\.rows)
                .filter { $0.component == untold.component }
            let isCompared = !reading.isLive && untold.reason != .advisory
            let shown = !isCompared || rows.isEmpty ? nil : ExactDecimal.sum(rows.map(\.usage))
            line(
                untold.component,
                in: nil,
                ours: figure.amount,
                waldurs: shown,
                residue: figure.residue,
                [.notTold(untold.reason)]
            )
        }
        if !reading.isLive {
            let compared = Set(
                reading.figures.untold.keys.filter { $0.reason != .advisory }.map(\.component)
            )
            for period in reading.observation.periods {
                for row in period.rows where !compared.contains(row.component) {
                    line(
                        row.component,
                        in: period.period.id,
                        ours: .zero,
                        waldurs: row.usage,
                        [.foreign]
                    )
                }
            }
        }
        let placed = Set(reading.observation.periods.flatMap(\.rows).map(\.id))
        for row in reading.observation.rows[month] ?? [] where !placed.contains(row.id) {
            line(row.component, in: nil, ours: .zero, waldurs: row.usage, [.withoutPlanPeriod])
        }
        return lines
    }

    private static func causes(
        _ line: SubmissionPlan.Line,
        window: ReportingWindow
    ) -> [Cause] {
        switch line.verdict {
        case .unchanged: []
        case .inFlight: [.inFlight]
        case .tell: [window.month == nil ? .monthEnd : .notYetTold]
        case .held(.foreign): [line.shown == nil ? .missingInWaldur : .foreign]
        case .held(let kind): [.held(kind)]
        }
    }
}

extension ReporterService {
    /// Reads Waldur and the ledger, and compares them row by row; changes nothing in Waldur.
    ///
    /// - Parameter tenant: Only resources that one of this tenant's bindings names; nil for all.
    package nonisolated func reconcile(
        tenant: Name? = nil
    ) async throws(ReporterTrouble) -> Reconciliation {
        let readings = try await readings(tenant: tenant)
        let window = status.window
        var reconciliation = Reconciliation()
        reconciliation.unseen = readings.unseen
        for reading in readings.seen {
            reconciliation.lines += Reconciliation.lines(
                reading,
                waldur: settings.waldur,
                window: window
            )
        }
        return reconciliation
    }
}
