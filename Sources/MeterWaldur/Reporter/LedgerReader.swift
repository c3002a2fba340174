package import Meter
package import MeterWire

/// Asks the ledger for resources, one query for many of them.
///
/// What a query found is used again for other resources of the same cycle: all that decides a resource's
/// figures (bindings, declared components, its own plan periods) is compared, and asked anew where it has
/// changed: for all where it concerns all, else for the one resource.
package struct LedgerReader: Sendable {
    private struct Known: Sendable {
        let month: LedgerMonth
        let through: Minute
        let book: BookState
        let figures: [ResourceID: [LedgerFigure]]
        let untold: [ResourceID: [AttributedUsage]]

        private static let ageMinutesMax: UInt32 = 1

        /// What concerns every resource is as it was. In a long cycle later resources are told later usage.
        func serves(_ month: BillingMonth, _ through: Minute, _ now: BookState) -> Bool {
            self.month.period.month == month && self.through <= through
                && through.rawValue - self.through.rawValue <= Self.ageMinutesMax
                && book.bindings == now.bindings && book.components == now.components
                && book.openings == now.openings
                && book.billing.offeringUnits == now.billing.offeringUnits
                && book.billing.lastAdjustmentNumber == now.billing.lastAdjustmentNumber
        }

        /// What decides the figures of one resource alone is as it was.
        func isUpToDate(_ resource: ResourceKey, _ now: BookState) -> Bool {
            let month = month.period.month
            return book.resources[resource] == now.resources[resource]
                && book.billing.rows[month]?[resource] == now.billing.rows[month]?[resource]
        }
    }

    /// What the running check found in the newest ledger of each month.
    package private(set) var violations: [BillingMonth: [Violation]] = [:]

    private let waldur: WaldurID
    private let zone: WaldurZone
    private var known: Known?

    package init(waldur: WaldurID, zone: WaldurZone) {
        self.waldur = waldur
        self.zone = zone
    }

    /// Forgets what was found, so that the next figures are new.
    package mutating func forget() { known = nil }

    /// What is to be told of a resource, up to and with a minute or an earlier one of this cycle.
    package mutating func figures(
        of resource: ResourceID,
        in month: BillingMonth,
        through: Minute,
        engine: some ReportingEngine
    ) async throws(ReporterTrouble) -> ResourceFigures {
        let book = engine.bookState
        if let known, known.serves(month, through, book) {
            let key = ResourceKey(waldur: waldur, resource: resource)
            guard known.isUpToDate(key, book) else {
                // Of a resource that is news, such as each in the first cycle, its own ledger is asked for.
                let own = try await read(month, through: through, of: key, engine: engine)
                return try figures(of: resource, from: own)
            }
            return try figures(of: resource, from: known)
        }
        let known = try await read(month, through: through, engine: engine)
        violations[month] = Conservation.check(known.month, book: known.book)
        self.known = known
        return try figures(of: resource, from: known)
    }

    /// Everything of a month, to its end.
    package mutating func month(
        _ month: BillingMonth,
        engine: some ReportingEngine
    ) async throws(ReporterTrouble) -> LedgerMonth {
        guard let end = Minute(month.end(in: zone)), end.rawValue > 0 else {
            throw ReporterTrouble("\(month) has no minute")
        }
        let known = try await read(
            month,
            through: Minute(rawValue: end.rawValue - 1),
            engine: engine
        )
        violations[month] = Conservation.check(known.month, book: known.book)
        return known.month
    }

    /// The ledger of a month up to and with a minute, of all resources or of one.
    private func read(
        _ month: BillingMonth,
        through: Minute,
        of resource: ResourceKey? = nil,
        engine: some ReportingEngine
    ) async throws(ReporterTrouble) -> Known {
        guard let start = Minute(month.start(in: zone)), let end = Minute(month.end(in: zone)),
            start <= through,
            let period = BillingPeriod(
                waldur: waldur,
                month: month,
                start: start,
                end: min(end, Minute(rawValue: through.rawValue + 1))
            )
        else { throw ReporterTrouble("\(month) has no minute yet") }
        // A decision may come between the query and its answer; then the answer's windows may not fit.
        for _ in 0..<3 {
            let query = Ledger.query(engine.bookState, period, of: resource)
            let answer = try await engine.usage(query)
            let book = engine.bookState
            do throws(LedgerError) {
                let ledger = try Ledger.attribute(
                    answer,
                    to: query,
                    book: book,
                    period: period,
                    of: resource
                )
                return Known(
                    month: ledger,
                    through: through,
                    book: book,
                    figures: Dictionary(grouping: ledger.figures, by: \.key.resource),
                    untold: Dictionary(
                        grouping: ledger.attributed.filter { $0.key.notBillable != nil },
                        by: \.key.resource.resource
                    )
                )
            } catch {
                guard case .windowsStale = error else {
                    throw ReporterTrouble("the ledger of \(month): \(error)")
                }
            }
        }
        throw ReporterTrouble("the bindings change faster than the ledger can be asked")
    }

    private func figures(
        of resource: ResourceID,
        from known: Known
    ) throws(ReporterTrouble) -> ResourceFigures {
        var figures = ResourceFigures(position: known.month.position)
        do throws(LedgerError) {
            for figure in known.figures[resource] ?? []
            where figure.key.month == known.month.period.month {
                let rounded = try Rounding.down(
                    figure.balance,
                    unitsPerReported: units(figure.key.component, of: resource, known.book)
                )
                figures.figures[
                    .init(planPeriod: figure.key.planPeriod, component: figure.key.component)
                ] =
                    ResourceFigures.Figure(
                        total: figure.total,
                        amount: figure.told,
                        residue: rounded.residue,
                        balance: figure.balance,
                        adjusted: figure.adjusted,
                        carriedIn: figure.carriedIn
                    )
            }
            for usage in known.untold[resource] ?? [] {
                guard let reason = usage.key.notBillable else { continue }
                let key = ResourceFigures.Untold(reason: reason, component: usage.key.told)
                let sum = (figures.untold[key]?.total.rawValue ?? 0)
                    .addingReportingOverflow(try usage.weighed.rawValue)
                guard !sum.overflow else { throw .overflow }
                let total = Quantity(sum.partialValue)
                let rounded = try Rounding.down(
                    total.rawValue,
                    unitsPerReported: units(key.component, of: resource, known.book)
                )
                figures.untold[key] = ResourceFigures.Figure(
                    total: total,
                    amount: rounded.amount,
                    residue: rounded.residue,
                    balance: try LedgerAmount(total: total.rawValue)
                )
            }
        } catch {
            throw ReporterTrouble("the ledger of resource \(resource): \(error)", concernsOne: true)
        }
        return figures
    }

    private func units(_ component: Name, of resource: ResourceID, _ book: BookState) -> UInt64 {
        book.unitsPerReported(component, of: ResourceKey(waldur: waldur, resource: resource))
    }
}
