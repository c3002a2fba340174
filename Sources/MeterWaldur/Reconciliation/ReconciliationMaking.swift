package import Meter
internal import MeterWire

extension Reconciliation {
    /// Compares a month: a pure function of what was read.
    package init(_ input: ReconciliationInput) throws(LedgerError) {
        self.init(input.ledger.period)
        seesItems = input.items != nil
        unseen = input.resources.filter { $0.listing == nil }.map(\.bound.resource)
        let placing = ItemPlacing(input)
        let ledgers = ResourceLedger.all(input.ledger)
        for resource in input.resources {
            let key = ResourceKey(waldur: waldur, resource: resource.bound.resource)
            rows += try Self.rows(of: resource, ledgers[key] ?? ResourceLedger(), placing, input)
        }
        try addItems(placing, input)
    }

    // MARK: - Rows

    private static func rows(
        of resource: ReconciliationInput.Resource,
        _ ledger: ResourceLedger,
        _ placing: ItemPlacing,
        _ input: ReconciliationInput
    ) throws(LedgerError) -> [RowLine] {
        let period = input.ledger.period
        let key = ResourceKey(waldur: period.waldur, resource: resource.bound.resource)
        var lines: [RowLine] = []
        if resource.bound.isLive {
            let figures = ledger.figures.filter { $0.key.month == period.month }
            var keys = Set(figures.map(\.key))
            for row in resource.rows {
                if let id = row.planPeriod { keys.insert(input.key(row.component, id, of: key)) }
            }
            keys.formUnion(placing.rows[key] ?? [])
            for rowKey in keys.sorted() {
                lines.append(
                    try line(
                        rowKey,
                        figures.first { $0.key == rowKey },
                        resource.rows.first {
                            $0.planPeriod == rowKey.planPeriod
                                && $0.component == rowKey.component
                        }?.usage,
                        of: resource,
                        ledger,
                        placing,
                        input
                    )
                )
            }
        }
        // What is in no plan period is never billed.
        let strays = resource.rows.filter { resource.bound.isLive && $0.planPeriod == nil }
        for stray in strays {
            var row = RowReconciliation.Facts(
                key: input.key(stray.component, PlanPeriodID(high: 0, low: 0), of: key),
                tenants: resource.bound.tenants,
                figure: nil,
                terms: [:],
                shown: stray.usage,
                held: nil,
                items: input.items == nil ? nil : [],
                users: [:],
                gone: nil
            )
            row.isPlaced = false
            var comparison = try RowReconciliation(row, input)
            lines.append(try comparison.line())
        }
        return try lines + untold(of: resource, key, ledger, input)
    }

    private static func line(
        _ key: SubmissionKey,
        _ figure: LedgerFigure?,
        _ shown: ExactDecimal?,
        of resource: ReconciliationInput.Resource,
        _ ledger: ResourceLedger,
        _ placing: ItemPlacing,
        _ input: ReconciliationInput
    ) throws(LedgerError) -> RowLine {
        var terms: [LedgerTerm: LedgerAmount] = [:]
        for line in ledger.lines
        where line.planPeriod == key.planPeriod && line.account.component == key.component {
            terms[line.term] = line.amount
        }
        var users: [Name: Quantity] = [:]
        for usage in ledger.attributed
        where usage.key.told == key.component && usage.key.planPeriod == key.planPeriod {
            let (sum, overflow) = (users[usage.key.tenant]?.rawValue ?? 0)
                .addingReportingOverflow(try usage.weighed.rawValue)
            guard !overflow else { throw .overflow }
            users[usage.key.tenant] = Quantity(sum)
        }
        let place = ResourceFigures.Key(planPeriod: key.planPeriod, component: key.component)
        var comparison = try RowReconciliation(
            RowReconciliation.Facts(
                key: key,
                tenants: resource.bound.tenants,
                figure: figure,
                terms: terms,
                shown: shown,
                held: resource.held[place],
                items: input.items == nil ? nil : placing.items[key] ?? [],
                users: users,
                gone: gone(resource)
            ),
            input
        )
        return try comparison.line()
    }

    /// Why nothing is told of a resource at all.
    private static func gone(_ resource: ReconciliationInput.Resource) -> DifferenceCause? {
        guard let listing = resource.listing else { return .resourceUnseen }
        if !listing.takesUsage { return .resourceGone }
        if !resource.hasAccount { return .noAccount }
        let strangers = resource.bound.liveTenants.contains { tenant in
            CustomerID(tenant.description).map { $0 != listing.customer } ?? false
        }
        return listing.customer != nil && strangers ? .movedToAnotherCustomer : nil
    }

    /// Usage that is metered and in no row: of classes that are not billed, and of resources that nobody
    /// has read.
    private static func untold(
        of resource: ReconciliationInput.Resource,
        _ key: ResourceKey,
        _ ledger: ResourceLedger,
        _ input: ReconciliationInput
    ) throws(LedgerError) -> [RowLine] {
        var lines: [RowLine] = []
        var compared: Set<Name> = []
        func add(
            _ component: Name,
            _ amount: LedgerAmount,
            _ cause: DifferenceCause,
            _ standing: DifferenceStanding,
            shown: ExactDecimal?
        ) throws(LedgerError) {
            let units = input.book.unitsPerReported(component, of: key)
            let usage = try shown?.multiplied(by: ExactDecimal(digits: Int128(units), scale: 0))
            let ledger = ExactDecimal(amount)
            let difference = try ledger.subtracting(usage ?? .zero)
            lines.append(
                try RowLine(
                    resource: resource.bound.resource,
                    month: input.ledger.period.month,
                    planPeriod: nil,
                    component: component,
                    tenants: resource.bound.tenants,
                    unitsPerReported: units,
                    ledger: ledger,
                    usage: usage,
                    shown: shown,
                    shares: difference == .zero
                        ? [] : [Share(.usage, cause, standing, difference)]
                )
            )
        }
        for line in ledger.lines {
            switch line.term {
            case .notBillable(let reason):
                let component = line.account.component
                // Beside a live binding Waldur's rows are the live one's; without one they are compared, but
                // never with what is not the count.
                let rows = resource.rows.filter { $0.component == component }
                let isCompared =
                    !resource.bound.isLive && reason != .advisory && !rows.isEmpty
                    && compared.insert(component).inserted
                let shown = isCompared ? try ExactDecimal.sum(rows.map(\.usage)) : nil
                try add(component, line.amount, reason.cause, reason.standing, shown: shown)
            case .waiting where line.planPeriod == nil:
                let cause: DifferenceCause =
                    resource.listing == nil ? .resourceUnseen : .resourceNotRead
                try add(line.account.component, line.amount, cause, .open, shown: nil)
            default: continue
            }
        }
        guard !resource.bound.isLive else { return lines }
        for (component, rows) in Dictionary(grouping: resource.rows, by: \.component)
            .sorted(by: { $0.key < $1.key })
        where !compared.contains(component) {
            try add(
                component,
                .zero,
                .changedInWaldur,
                .open,
                shown: ExactDecimal.sum(rows.map(\.usage))
            )
        }
        return lines
    }

    // MARK: - Items

    /// Everything on the invoices that no row accounts for, and the invoices as a whole.
    private mutating func addItems(
        _ placing: ItemPlacing,
        _ input: ReconciliationInput
    ) throws(LedgerError) {
        let accounted = Set(rows.flatMap(\.items))
        for (customer, items) in (input.items ?? [:]).sorted(by: { $0.key < $1.key }) {
            var usage: [ExactDecimal] = []
            var notUsage: [ExactDecimal] = []
            var unexplained: [ExactDecimal] = []
            for item in items.sorted(by: { $0.id < $1.id }) {
                let stated = try item.quantity.multiplied(by: item.unitPrice)
                    .roundedAway(places: 2)
                unexplained.append(try item.price.subtracting(stated))
                if accounted.contains(item.id) {
                    usage.append(item.price)
                    continue
                }
                notUsage.append(item.price)
                let kind = ItemPlacing.kind(of: item)
                let share: Share? =
                    switch kind {
                    case .customerCredit:
                        try Share(
                            .invoice, .customerCredit, .settled, .zero, money: item.price.negated)
                    case .compensation:
                        try Share(
                            .invoice, .compensation, .settled, .zero, money: item.price.negated)
                    case .fixed, .limit, .oneTime, .planSwitch, .otherUsage, .other: nil
                    }
                others.append(OtherItem(customer: customer, kind: kind, item: item, share: share))
            }
            let billed = rows.filter { $0.customer == customer }
            invoices.append(
                try InvoiceLine(
                    customer: customer,
                    itemCount: items.count,
                    tenants: billed.reduce(into: []) { $0.formUnion($1.tenants) },
                    expected: ExactDecimal.sum(billed.compactMap(\.expected)),
                    usage: ExactDecimal.sum(usage),
                    notUsage: ExactDecimal.sum(notUsage),
                    total: ExactDecimal.sum(items.map(\.price)),
                    unexplained: ExactDecimal.sum(unexplained)
                )
            )
        }
    }
}

/// What the ledger has of one resource.
private struct ResourceLedger {
    var figures: [LedgerFigure] = []
    var lines: [LedgerLine] = []
    var attributed: [AttributedUsage] = []

    static func all(_ ledger: LedgerMonth) -> [ResourceKey: ResourceLedger] {
        var all: [ResourceKey: ResourceLedger] = [:]
        for figure in ledger.figures {
            all[figure.key.resourceKey, default: ResourceLedger()].figures.append(figure)
        }
        for line in ledger.lines {
            all[line.account.resource, default: ResourceLedger()].lines.append(line)
        }
        for usage in ledger.attributed {
            all[usage.key.resource, default: ResourceLedger()].attributed.append(usage)
        }
        return all
    }
}

extension ReconciliationInput {
    func key(
        _ component: Name, _ planPeriod: PlanPeriodID, of resource: ResourceKey
    ) -> SubmissionKey {
        SubmissionKey(
            waldur: resource.waldur,
            resource: resource.resource,
            component: component,
            planPeriod: planPeriod,
            month: ledger.period.month
        )
    }
}

extension NotBillableClass {
    var cause: DifferenceCause {
        switch self {
        case .free: .free
        case .trial: .trial
        case .internal: .internal
        case .shadow: .shadow
        case .notInOffering: .notInOffering
        case .noPlan: .noPlan
        case .advisory: .advisory
        case .unbilledOutcome: .unbilledOutcome
        }
    }

    /// What a person has decided is settled; what is missing in Waldur is not.
    var standing: DifferenceStanding {
        switch self {
        case .free, .trial, .internal, .shadow, .advisory, .unbilledOutcome: .settled
        case .notInOffering, .noPlan: .open
        }
    }
}
