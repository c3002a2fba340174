package import Meter
package import MeterWire

/// What Waldur showed of one resource, read in one go.
package struct Observation: Equatable, Sendable {
    /// When reading began, by our clock: what was settled in Waldur before is in it.
    package let begun: Timestamp
    /// Not before this was it at Waldur's when reading began.
    package let waldurTime: Timestamp
    /// Waldur's current month, to which the plan periods' rows belong.
    package let month: BillingMonth
    package let periods: [WaldurPlanPeriod]
    /// The usage list by month and row; empty for months that were not asked for.
    package var rows: [BillingMonth: [WaldurUsageRow]] = [:]

    /// What was read, and when.
    package init(
        begun: Timestamp,
        waldurTime: Timestamp,
        month: BillingMonth,
        periods: [WaldurPlanPeriod]
    ) {
        self.begun = begun
        self.waldurTime = waldurTime
        self.month = month
        self.periods = periods
    }

    /// A row as both readings show it.
    package enum Value: Equatable, Sendable {
        case absent
        case present(ExactDecimal)
        /// The two readings differ: somebody wrote between them, or the month turned.
        case unsettled
    }

    /// The plan period with this uuid, if Waldur still lists it.
    package func period(_ id: PlanPeriodID) -> WaldurPlanPeriod? {
        periods.first { $0.period.id == id }
    }

    /// Which row of Waldur's a line speaks of.
    package func key(
        _ line: SubmissionPlan.Line,
        of resource: ResourceID,
        in waldur: WaldurID
    ) -> SubmissionKey {
        SubmissionKey(
            waldur: waldur,
            resource: resource,
            component: line.component,
            planPeriod: line.planPeriod,
            month: month
        )
    }

    /// What the plan periods alone show.
    package func shown(_ component: Name, in period: PlanPeriodID) -> ExactDecimal? {
        self.period(period)?.rows.first { $0.component == component }?.usage
    }

    /// Which Meter wrote what the plan periods show; nil where the row does not say that one did.
    package func mark(_ component: Name, in period: PlanPeriodID) -> SubmissionMark? {
        (self.period(period)?.rows.first { $0.component == component }?.description)
            .flatMap { SubmissionMark($0) }
    }

    /// What stands in Waldur for one row, joined by uuid with the usage list, which alone names the month.
    ///
    /// Rows of an earlier month are only in the usage list, which does not name the plan period: there the
    /// submission's own `description` tells the row.
    package func value(_ key: SubmissionKey, marked mark: SubmissionMark) -> Value {
        let listed = rows[key.month] ?? []
        guard key.month == month else {
            let match = listed.first {
                $0.component == key.component && mark.isIn($0.description)
            }
            return match.map { .present($0.usage) } ?? .absent
        }
        guard let row = period(key.planPeriod)?.rows.first(where: { $0.component == key.component })
        else { return .absent }
        guard let match = listed.first(where: { $0.id == row.id }), match.usage == row.usage else {
            return .unsettled
        }
        return .present(row.usage)
    }
}

extension ExactDecimal {
    /// True where Waldur's number is exactly this amount.
    package func isExactly(_ amount: Hundredths) -> Bool { hundredths == amount }
}
