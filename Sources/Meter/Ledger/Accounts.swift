internal import MeterWire

/// Second half of the ledger: the lines of every account, and the figures to tell.
struct Accounts {
    private let book: BookState
    private let period: BillingPeriod
    /// The only resource that is asked for; nil for every one of the period's Waldur.
    private let resource: ResourceKey?
    private var lines: [LedgerLine] = []
    private var figures: [LedgerFigure] = []

    init(book: BookState, period: BillingPeriod, of resource: ResourceKey? = nil) {
        self.book = book
        self.period = period
        self.resource = resource
    }

    mutating func fill(from attribution: Attribution) throws(LedgerError) {
        for (account, total) in attribution.metered {
            try add(.metered, account, nil, LedgerAmount(total: total))
        }
        // What is told, by row of Waldur's usage: rows with usage, rows with a history, and rows that
        // could have usage and have none, since a new month begins by telling zeros.
        var totals: [SubmissionKey: UInt128] = [:]
        for key in emptyRows() { totals[key] = 0 }
        for key in rowsWithHistory() { totals[key] = 0 }
        var notBillable: [LedgerAccount: [NotBillableClass: LedgerAmount]] = [:]
        var unread: [LedgerAccount: LedgerAmount] = [:]
        for (key, usage) in attribution.attributed {
            let weight = book.told(key.component, of: key.resource)?.weight ?? 1
            let amount = try Quantity(usage.sum).weighed(weight).rawValue
            if let reason = key.notBillable {
                let known = notBillable[key.account]?[reason] ?? .zero
                notBillable[key.account, default: [:]][reason] =
                    try known.adding(LedgerAmount(total: amount))
            } else if let row = key.row(in: period.month) {
                totals[row] = try Quantity(totals[row] ?? 0).adding(amount).rawValue
            } else {
                unread[key.account] =
                    try (unread[key.account] ?? .zero).adding(LedgerAmount(total: amount))
            }
        }
        var corrections: [SubmissionKey: LedgerAmount] = [:]
        var adjusted: [LedgerAccount: LedgerAmount] = [:]
        for line in attribution.sortedCorrected {
            let (key, amount) = (line.key, try line.weighed)
            if let row = key.row(in: period.month), key.notBillable == nil {
                corrections[row] = try (corrections[row] ?? .zero).adding(amount)
                totals[row] = totals[row] ?? 0
                continue
            }
            adjusted[key.account] = try (adjusted[key.account] ?? .zero).adding(amount)
            if let reason = key.notBillable {
                let known = notBillable[key.account]?[reason] ?? .zero
                notBillable[key.account, default: [:]][reason] = try known.adding(amount)
            } else {
                unread[key.account] = try (unread[key.account] ?? .zero).adding(amount)
            }
        }
        for (account, amount) in adjusted { try add(.adjusted, account, nil, amount) }
        for (account, reasons) in notBillable {
            for (reason, amount) in reasons {
                try add(.notBillable(reason), account, nil, amount)
            }
        }
        for (account, amount) in unread { try add(.waiting, account, nil, amount) }
        for (row, total) in totals { try tell(row, total, corrections[row] ?? .zero) }
    }

    /// The rows of live resources that have been read: one for each component and plan period.
    private func emptyRows() -> Set<SubmissionKey> {
        var rows: Set<SubmissionKey> = []
        let accesses = resource.map { book.accessesByResource[$0] ?? [] }
        let bindings = accesses?.map { book.bindings[$0] ?? [] } ?? Array(book.bindings.values)
        for binding in bindings.joined()
        where binding.class == .live && isAskedFor(binding.resourceKey) {
            guard let resource = book.resources[binding.resourceKey] else { continue }
            for span in PlanPeriodSplit(resource.periods, in: period).spans {
                let overlaps = binding.from < span.to && binding.to.map { span.from < $0 } ?? true
                guard overlaps else { continue }
                for component in resource.components
                where book.isFed(component, of: binding.resourceKey) {
                    rows.insert(
                        SubmissionKey(
                            waldur: binding.waldur,
                            resource: binding.resource,
                            component: component,
                            planPeriod: span.period.id,
                            month: period.month
                        )
                    )
                }
            }
        }
        return rows
    }

    /// The rows of the month of which anything was told or decided.
    private func rowsWithHistory() -> [SubmissionKey] {
        let told = book.submissions[period.month] ?? MonthSubmissions()
        let decided = book.billing.rows[period.month] ?? [:]
        let opened = book.openings.keys.filter {
            $0.month == period.month && isAskedFor($0.resourceKey)
        }
        if let resource {
            return Array(told[resource].keys) + Array((decided[resource] ?? [:]).keys) + opened
        }
        return told.map(\.key).filter { $0.waldur == period.waldur }
            + decided.values.flatMap(\.keys).filter { $0.waldur == period.waldur } + opened
    }

    private func isAskedFor(_ key: ResourceKey) -> Bool {
        resource.map { $0 == key } ?? (key.waldur == period.waldur)
    }

    /// The lines and the figure of one row of Waldur's usage.
    private mutating func tell(
        _ row: SubmissionKey,
        _ total: UInt128,
        _ corrections: LedgerAmount
    ) throws(LedgerError) {
        let account = LedgerAccount(resource: row.resourceKey, component: row.component)
        let units = book.unitsPerReported(row.component, of: row.resourceKey)
        let decided = try RowAccount(row, units: units, book: book)
        let adjusted = try decided.adjusted.adding(corrections)
        let balance = try decided.balance(metered: total).adding(corrections)
        let rounded = try Rounding.down(balance, unitsPerReported: units)
        let standing = book.submission(row)
        let confirmed = book.found(row)
        let inFlight = standing?.open.last?.amount

        let confirmedAmount = try LedgerAmount(confirmed ?? .zero, unitsPerReported: units)
        let intended = try LedgerAmount(inFlight ?? confirmed ?? .zero, unitsPerReported: units)
        let toTell = try LedgerAmount(rounded.amount, unitsPerReported: units)
        let terms: [(LedgerTerm, LedgerAmount)] = [
            (.opening, decided.opening),
            (.adjusted, adjusted),
            (.carriedIn, decided.carriedIn),
            (.confirmed, confirmedAmount),
            (.inFlight, try intended.subtracting(confirmedAmount)),
            (.waiting, try toTell.subtracting(intended)),
            (.residue, rounded.residue),
            (.carriedOut, decided.carriedOut),
            (.creditRequested, decided.creditRequested),
            (.writtenOff, decided.writtenOff),
        ]
        for (term, amount) in terms { try add(term, account, row.planPeriod, amount) }

        figures.append(
            LedgerFigure(
                key: row,
                total: Quantity(total),
                adjusted: adjusted,
                carriedIn: decided.carriedIn,
                balance: balance,
                amount: rounded.amount,
                confirmed: confirmed,
                inFlight: inFlight,
                isPlanPeriodOver: book.isOver(row)
            )
        )
    }

    private mutating func add(
        _ term: LedgerTerm,
        _ account: LedgerAccount,
        _ planPeriod: PlanPeriodID?,
        _ amount: LedgerAmount
    ) throws(LedgerError) {
        guard amount != .zero else { return }
        lines.append(
            LedgerLine(account: account, planPeriod: planPeriod, term: term, amount: amount)
        )
    }

    // MARK: in a fixed order

    var sortedLines: [LedgerLine] {
        lines.sorted { left, right in
            if left.account != right.account { return left.account < right.account }
            if left.planPeriod != right.planPeriod {
                guard let first = left.planPeriod else { return true }
                guard let second = right.planPeriod else { return false }
                return first < second
            }
            return left.term.rank < right.term.rank
        }
    }

    var sortedFigures: [LedgerFigure] { figures.sorted { $0.key < $1.key } }
}

extension BookState {
    /// A row's plan period has ended, or nobody knows it.
    func isOver(_ row: SubmissionKey) -> Bool {
        guard let periods = resources[row.resourceKey]?.periods,
            let index = periods.firstIndex(where: { $0.id == row.planPeriod })
        else { return true }
        return periods[index].end != nil || index + 1 < periods.count
    }
}

extension AttributedUsage.Key {
    /// The row of Waldur's usage that it is told in; nil while nobody knows the plan period.
    package func row(in month: BillingMonth) -> SubmissionKey? {
        planPeriod.map { planPeriod in
            SubmissionKey(
                waldur: resource.waldur,
                resource: resource.resource,
                component: told,
                planPeriod: planPeriod,
                month: month
            )
        }
    }
}

extension LedgerTerm {
    /// The order in which an account's terms are listed.
    fileprivate var rank: Int {
        switch self {
        case .opening: 0
        case .metered: 1
        case .adjusted: 2
        case .carriedIn: 3
        case .confirmed: 4
        case .inFlight: 5
        case .waiting: 6
        case .residue: 7
        case .carriedOut: 8
        case .notBillable(let reason):
            9 + (NotBillableClass.allCases.firstIndex(of: reason) ?? 0)
        case .creditRequested: 20
        case .writtenOff: 21
        }
    }
}
