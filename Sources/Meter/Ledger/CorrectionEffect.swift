package import MeterWire

/// What becomes of a part of a correction.
package enum CorrectionFate: Hashable, Sendable, CustomStringConvertible {
    /// It is in the next total that is told of its own row.
    case lands(SubmissionKey)
    /// Nothing more can be told in its row: it leaves it as a carry at once.
    case carry(SubmissionKey)
    /// Its plan period has ended and was told; the reporter makes a carry of it.
    case planEnded(SubmissionKey)
    /// Waldur takes no usage for the resource any more; when its month is cut it becomes a carry.
    case resourceGone(SubmissionKey)
    case notBillable(NotBillableClass)
    /// Nobody has asked Waldur for the resource yet.
    case notRead
    case unassigned(UnassignedReason)

    /// One word.
    package var description: String {
        switch self {
        case .lands: "lands"
        case .carry: "carry"
        case .planEnded: "plan-ended"
        case .resourceGone: "resource-gone"
        case .notBillable(let reason): reason.rawValue
        case .notRead: "not-read"
        case .unassigned(let reason): reason.rawValue
        }
    }

    /// The row of Waldur's usage that it belongs to.
    package var row: SubmissionKey? {
        switch self {
        case .lands(let row), .carry(let row), .planEnded(let row), .resourceGone(let row): row
        case .notBillable, .notRead, .unassigned: nil
        }
    }
}

/// The effect of a correction on one component of a tenant in one month: a pure function of lines and book.
package struct CorrectionEffect: Equatable, Sendable {
    package let tenant: Name
    /// Whose usage it is, sorted.
    package let agents: [Name]
    package let component: Name
    package let period: BillingPeriod
    /// nil where it has none.
    package let resource: ResourceKey?
    package let fate: CorrectionFate
    /// In smallest units of the component.
    package let amount: LedgerAmount
    /// In base units of the row's component.
    package let weighed: LedgerAmount

    /// What lines would do now, in a fixed order.
    ///
    /// - Parameter period: The month of a Waldur that a minute lies in; of any Waldur for nil. nil where
    ///   there is none.
    /// - Throws: `LedgerError.overflow`.
    package static func effects(
        of lines: [CorrectionLine],
        book: BookState,
        period: (WaldurID?, Minute) -> BillingPeriod?
    ) throws(LedgerError) -> [CorrectionEffect] {
        let resolver = AccessResolver(book)
        var attributions: [BillingPeriod: Attribution] = [:]
        for line in lines {
            let cell = line.cell
            let resolution = resolver.resolve(
                tenant: cell.tenant,
                agent: cell.agent,
                access: cell.access,
                at: cell.minute
            )
            var waldur: WaldurID?
            if case .bound(let binding) = resolution { waldur = binding.waldur }
            guard let period = period(waldur, cell.minute) else { continue }
            var attribution =
                attributions[period] ?? Attribution(book: book, period: period)
            try attribution.add(line.amount, to: cell)
            attributions[period] = attribution
        }
        var effects: [CorrectionEffect] = []
        let periods = attributions.keys.sorted { left, right in
            left.month != right.month ? left.month < right.month : left.waldur < right.waldur
        }
        for period in periods {
            guard let attribution = attributions[period] else { continue }
            effects += try Self.effects(of: attribution, in: period, book)
        }
        return effects
    }

    /// Agents of a tenant whose parts go the same way are added up.
    private static func effects(
        of attribution: Attribution,
        in period: BillingPeriod,
        _ book: BookState
    ) throws(LedgerError) -> [CorrectionEffect] {
        var effects: [CorrectionEffect] = []
        func add(
            _ key: TenantLine.Key,
            _ agent: Name,
            _ resource: ResourceKey?,
            _ fate: CorrectionFate,
            _ amount: LedgerAmount,
            _ weighed: LedgerAmount
        ) throws(LedgerError) {
            let index = effects.firstIndex {
                $0.tenant == key.tenant && $0.component == key.component
                    && $0.resource == resource && $0.fate == fate
            }
            let known = index.map { effects[$0] }
            let effect = CorrectionEffect(
                tenant: key.tenant,
                agents: Set((known?.agents ?? []) + [agent]).sorted(),
                component: key.component,
                period: period,
                resource: resource,
                fate: fate,
                amount: try (known?.amount ?? .zero).adding(amount),
                weighed: try (known?.weighed ?? .zero).adding(weighed)
            )
            if let index { effects[index] = effect } else { effects.append(effect) }
        }
        for line in attribution.sortedCorrected {
            let key = TenantLine.Key(tenant: line.key.tenant, component: line.key.component)
            try add(
                key,
                line.key.agent,
                line.key.resource,
                fate(of: line.key, in: period, book),
                line.amount,
                line.weighed
            )
        }
        for correction in attribution.sortedUnassignedCorrections {
            let key = TenantLine.Key(
                tenant: correction.key.tenant,
                component: correction.key.component
            )
            let fate = CorrectionFate.unassigned(correction.key.reason)
            try add(key, correction.key.agent, nil, fate, correction.amount, correction.amount)
        }
        return effects.filter { $0.amount != .zero }
    }

    private static func fate(
        of key: AttributedUsage.Key,
        in period: BillingPeriod,
        _ book: BookState
    ) -> CorrectionFate {
        if let reason = key.notBillable { return .notBillable(reason) }
        guard let row = key.row(in: period.month) else { return .notRead }
        return fate(of: row, book)
    }

    /// What becomes of something that is added to a row now.
    package static func fate(of row: SubmissionKey, _ book: BookState) -> CorrectionFate {
        if book.billing.isCut(row.month, of: row.waldur) { return .carry(row) }
        if book.resources[row.resourceKey]?.takesUsage == false { return .resourceGone(row) }
        return book.isOver(row) && book.found(row) != nil ? .planEnded(row) : .lands(row)
    }
}
