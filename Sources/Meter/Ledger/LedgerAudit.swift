internal import MeterWire

/// Goes through a ledger's lines with the sources of each beside it.
struct LedgerAudit {
    private let month: LedgerMonth
    private let book: BookState
    private(set) var violations: [Violation] = []

    /// An account's stored terms; those told to Waldur by plan period.
    private struct Slot: Hashable {
        let account: LedgerAccount
        let planPeriod: PlanPeriodID?
        let term: LedgerTerm
    }

    init(month: LedgerMonth, book: BookState) {
        self.month = month
        self.book = book
    }

    /// What came in = what became of it; metered and not billable = the usage that has a resource.
    mutating func checkAccounts() throws(LedgerError) {
        var incoming: [LedgerAccount: LedgerAmount] = [:]
        var outgoing: [LedgerAccount: LedgerAmount] = [:]
        for line in month.lines {
            if line.term.isIncoming {
                incoming[line.account] =
                    try (incoming[line.account] ?? .zero).adding(line.amount)
            } else {
                outgoing[line.account] =
                    try (outgoing[line.account] ?? .zero).adding(line.amount)
            }
        }
        let unequal = Set(incoming.keys).union(outgoing.keys)
            .filter { incoming[$0] ?? .zero != outgoing[$0] ?? .zero }
        for account in unequal.sorted() {
            violations.append(
                .account(
                    account,
                    incoming: incoming[account] ?? .zero,
                    outgoing: outgoing[account] ?? .zero
                )
            )
        }
        var sources: [Slot: LedgerAmount] = [:]
        for usage in month.attributed {
            let amount = try LedgerAmount(total: usage.weighed.rawValue)
            try add(amount, to: &sources, usage.key.account, nil, .metered)
            if let reason = usage.key.notBillable {
                try add(amount, to: &sources, usage.key.account, nil, .notBillable(reason))
            } else if usage.key.planPeriod == nil {
                try add(amount, to: &sources, usage.key.account, nil, .waiting)
            }
        }
        for correction in month.corrected {
            let amount = try correction.weighed
            if let reason = correction.key.notBillable {
                try add(amount, to: &sources, correction.key.account, nil, .adjusted)
                try add(amount, to: &sources, correction.key.account, nil, .notBillable(reason))
            } else if correction.key.planPeriod == nil {
                try add(amount, to: &sources, correction.key.account, nil, .adjusted)
                try add(amount, to: &sources, correction.key.account, nil, .waiting)
            }
        }
        let stored = try stored { line in line.planPeriod == nil }
        compare(stored, sources)
    }

    /// Every row told to Waldur: the book says what is confirmed and in flight, what was adjusted and
    /// carried, the usage what the total is, and the figure to tell is what the lines of the row come to.
    mutating func checkTold() throws(LedgerError) {
        var totals: [SubmissionKey: Quantity] = [:]
        for usage in month.attributed {
            guard let planPeriod = usage.key.planPeriod, usage.key.notBillable == nil else {
                continue
            }
            let row = SubmissionKey(
                waldur: usage.key.resource.waldur,
                resource: usage.key.resource.resource,
                component: usage.key.told,
                planPeriod: planPeriod,
                month: month.period.month
            )
            totals[row] = try (totals[row] ?? Quantity(0)).adding(usage.weighed.rawValue)
        }
        let decided = try decidedTerms()
        for (row, _) in book.submissions[month.period.month] ?? MonthSubmissions()
        where row.waldur == month.period.waldur {
            totals[row] = totals[row] ?? Quantity(0)
        }
        for row in decided.keys { totals[row] = totals[row] ?? Quantity(0) }
        for figure in month.figures { totals[figure.key] = totals[figure.key] ?? Quantity(0) }

        var sources: [Slot: LedgerAmount] = [:]
        for (row, total) in totals {
            let account = LedgerAccount(resource: row.resourceKey, component: row.component)
            let units = book.unitsPerReported(row.component, of: row.resourceKey)
            let standing = book.submission(row)
            let confirmed =
                standing?.confirmed?.amount ?? book.openings[row]?.amount ?? .zero
            let intended = standing?.open.last?.amount ?? confirmed
            let confirmedAmount = try LedgerAmount(confirmed, unitsPerReported: units)
            let intendedAmount = try LedgerAmount(intended, unitsPerReported: units)
            var balance = try LedgerAmount(total: total.rawValue)
            for (term, amount) in decided[row] ?? [:] {
                balance =
                    try term.isIncoming ? balance.adding(amount) : balance.subtracting(amount)
                try add(amount, to: &sources, account, row.planPeriod, term)
            }
            let residue = try Rounding.down(balance, unitsPerReported: units).residue
            let toTell = try balance.subtracting(residue)
            for (term, amount): (LedgerTerm, LedgerAmount) in [
                (.confirmed, confirmedAmount),
                (.inFlight, try intendedAmount.subtracting(confirmedAmount)),
                (.waiting, try toTell.subtracting(intendedAmount)),
                (.residue, residue),
            ] {
                try add(amount, to: &sources, account, row.planPeriod, term)
            }
        }
        let stored = try stored { line in line.planPeriod != nil }
        compare(stored, sources)
        try checkFigures(stored, totals)
    }

    /// The terms that come from decisions, by going through all of them rather than through what the book
    /// keeps for each row.
    private func decidedTerms() throws(LedgerError) -> [SubmissionKey: [LedgerTerm: LedgerAmount]] {
        var terms: [SubmissionKey: [LedgerTerm: LedgerAmount]] = [:]
        func add(
            _ term: LedgerTerm,
            _ key: SubmissionKey,
            _ amount: LedgerAmount
        ) throws(LedgerError) {
            guard key.waldur == month.period.waldur, key.month == month.period.month else { return }
            terms[key, default: [:]][term] =
                try (terms[key]?[term] ?? .zero).adding(amount)
        }
        for opening in book.openings.values {
            let units = book.unitsPerReported(opening.key.component, of: opening.key.resourceKey)
            try add(
                .opening,
                opening.key,
                LedgerAmount(opening.amount, unitsPerReported: units)
            )
        }
        for standing in book.billing.adjustments.values {
            try add(.adjusted, standing.adjustment.key, standing.adjustment.amount)
        }
        for correction in month.corrected where correction.key.notBillable == nil {
            guard let row = correction.key.row(in: month.period.month) else { continue }
            try add(.adjusted, row, correction.weighed)
        }
        for standing in book.billing.carries.values {
            let carry = standing.carry
            switch standing.settled?.settlement {
            case nil, .landed: try add(.carriedOut, carry.from, carry.amount)
            case .creditRequest: try add(.creditRequested, carry.from, carry.amount)
            case .writtenOff: try add(.writtenOff, carry.from, carry.amount)
            }
            if let target = standing.target { try add(.carriedIn, target, carry.amount) }
        }
        return terms
    }

    private mutating func checkFigures(
        _ stored: [Slot: LedgerAmount],
        _ totals: [SubmissionKey: Quantity]
    ) throws(LedgerError) {
        for figure in month.figures {
            let row = figure.key
            let account = LedgerAccount(resource: row.resourceKey, component: row.component)
            let units = book.unitsPerReported(row.component, of: row.resourceKey)
            var lines = LedgerAmount.zero
            for term: LedgerTerm in [.confirmed, .inFlight, .waiting] {
                let slot = Slot(account: account, planPeriod: row.planPeriod, term: term)
                lines = try lines.adding(stored[slot] ?? .zero)
            }
            let told = try LedgerAmount(figure.amount, unitsPerReported: units)
            if told != lines || totals[row] != figure.total {
                violations.append(.figure(row, stored: figure.amount, lines: lines))
            }
        }
        let told = Set(month.figures.map(\.key))
        for row in totals.keys.sorted() where !told.contains(row) {
            violations.append(.figure(row, stored: .zero, lines: .zero))
        }
    }

    /// A tenant's usage either has a resource or has none.
    mutating func checkTenants() throws(LedgerError) {
        var attributed: [TenantLine.Key: Quantity] = [:]
        var unassigned: [TenantLine.Key: Quantity] = [:]
        for usage in month.attributed {
            let key = TenantLine.Key(tenant: usage.key.tenant, component: usage.key.component)
            attributed[key] = try (attributed[key] ?? Quantity(0)).adding(usage.total.rawValue)
        }
        for usage in month.unassigned {
            let key = TenantLine.Key(tenant: usage.key.tenant, component: usage.key.component)
            unassigned[key] = try (unassigned[key] ?? Quantity(0)).adding(usage.total.rawValue)
        }
        var adjusted: [TenantLine.Key: LedgerAmount] = [:]
        for correction in month.corrected {
            let key = TenantLine.Key(
                tenant: correction.key.tenant,
                component: correction.key.component
            )
            adjusted[key] = try (adjusted[key] ?? .zero).adding(correction.amount)
        }
        var adjustedUnassigned: [TenantLine.Key: LedgerAmount] = [:]
        for correction in month.unassignedCorrections {
            let key = TenantLine.Key(
                tenant: correction.key.tenant,
                component: correction.key.component
            )
            adjustedUnassigned[key] =
                try (adjustedUnassigned[key] ?? .zero).adding(correction.amount)
        }
        let lines = Dictionary(month.tenants.map { ($0.key, $0) }) { first, _ in first }
        let keys = Set(lines.keys).union(attributed.keys).union(unassigned.keys)
            .union(adjusted.keys).union(adjustedUnassigned.keys)
        for key in keys.sorted() {
            let line = lines[key] ?? TenantLine(key)
            let placed = try line.adjustedAttributed.adding(line.adjustedElsewhere)
                .adding(line.adjustedUnassigned)
            if line.adjusted != placed { violations.append(.tenant(line)) }
            compare(key, "adjusted", line.adjustedAttributed, adjusted[key] ?? .zero)
            compare(
                key,
                "adjusted, unassigned",
                line.adjustedUnassigned,
                adjustedUnassigned[key] ?? .zero
            )
            let sum = try line.attributed.adding(line.attributedElsewhere.rawValue)
                .adding(line.unassigned.rawValue)
            if line.metered != sum { violations.append(.tenant(line)) }
            compare(key, "attributed", line.attributed, attributed[key] ?? Quantity(0))
            compare(key, "unassigned", line.unassigned, unassigned[key] ?? Quantity(0))
        }
    }

    /// What was corrected, by going through every correction in the book.
    ///
    /// - Parameter tenants: Of whom the ledger is; nil for all.
    mutating func checkCorrected(of tenants: Set<Name>?) throws(LedgerError) {
        var totals: [TenantLine.Key: LedgerAmount] = [:]
        for line in book.billing.corrections.values.flatMap(\.lines)
        where month.period.contains(line.minute) && tenants?.contains(line.tenant) ?? true {
            let key = TenantLine.Key(tenant: line.tenant, component: line.component)
            totals[key] = try (totals[key] ?? .zero).adding(line.amount)
        }
        let lines = Dictionary(month.tenants.map { ($0.key, $0) }) { first, _ in first }
        for key in Set(lines.keys).union(totals.keys).sorted() {
            compare(key, "adjusted", lines[key]?.adjusted ?? .zero, totals[key] ?? .zero)
        }
    }

    /// What was metered, by another way through the same usage.
    mutating func checkMetered(_ answer: UsageAnswer) {
        var totals: [TenantLine.Key: Quantity] = [:]
        for (group, total) in answer.totals {
            guard let tenant = group.tenant, let component = group.component else { continue }
            let key = TenantLine.Key(tenant: tenant, component: component)
            totals[key] = Quantity((totals[key]?.rawValue ?? 0) &+ total.sum)
        }
        let lines = Dictionary(month.tenants.map { ($0.key, $0) }) { first, _ in first }
        for key in Set(lines.keys).union(totals.keys).sorted() {
            compare(
                key,
                "metered",
                lines[key]?.metered ?? Quantity(0),
                totals[key] ?? Quantity(0)
            )
        }
    }

    // MARK: sums

    private func stored(
        _ belongs: (LedgerLine) -> Bool
    ) throws(LedgerError) -> [Slot: LedgerAmount] {
        var stored: [Slot: LedgerAmount] = [:]
        for line in month.lines where belongs(line) {
            try add(line.amount, to: &stored, line.account, line.planPeriod, line.term)
        }
        return stored
    }

    private func add(
        _ amount: LedgerAmount,
        to sums: inout [Slot: LedgerAmount],
        _ account: LedgerAccount,
        _ planPeriod: PlanPeriodID?,
        _ term: LedgerTerm
    ) throws(LedgerError) {
        let slot = Slot(account: account, planPeriod: planPeriod, term: term)
        sums[slot] = try (sums[slot] ?? .zero).adding(amount)
    }

    private mutating func compare(_ stored: [Slot: LedgerAmount], _ sources: [Slot: LedgerAmount]) {
        let unequal = Set(stored.keys).union(sources.keys)
            .filter { stored[$0] ?? .zero != sources[$0] ?? .zero }
        let slots = unequal.sorted { left, right in
            left.account != right.account
                ? left.account < right.account
                : "\(left.planPeriod?.description ?? "") \(left.term)"
                    < "\(right.planPeriod?.description ?? "") \(right.term)"
        }
        for slot in slots {
            violations.append(
                .term(
                    slot.account,
                    slot.term,
                    stored: stored[slot] ?? .zero,
                    source: sources[slot] ?? .zero
                )
            )
        }
    }

    private mutating func compare<Value: Equatable & CustomStringConvertible>(
        _ key: TenantLine.Key,
        _ term: String,
        _ stored: Value,
        _ source: Value
    ) {
        if stored != source {
            violations.append(
                .tenantTerm(
                    key,
                    term: term,
                    stored: stored.description,
                    source: source.description
                )
            )
        }
    }
}
