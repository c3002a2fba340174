internal import MeterWire

/// First half of the ledger: whose each window's usage is, and whether it is billed.
struct Attribution {
    private let book: BookState
    private let period: BillingPeriod
    private let resolver: AccessResolver
    private var splits: [ResourceKey: PlanPeriodSplit] = [:]

    private(set) var attributed: [AttributedUsage.Key: UsageTotal] = [:]
    /// What corrections add to it, in smallest units.
    private(set) var corrected: [AttributedUsage.Key: LedgerAmount] = [:]
    private var unassignedCorrections: [UnassignedUsage.Key: LedgerAmount] = [:]
    private var unassigned: [UnassignedUsage.Key: (total: UsageTotal, first: Minute)] = [:]
    private var tenants: [TenantLine.Key: TenantLine] = [:]
    /// What was metered for each account: added up on its own, not from the lines that it must equal.
    private(set) var metered: [LedgerAccount: UInt128] = [:]

    init(book: BookState, period: BillingPeriod) {
        self.book = book
        self.period = period
        resolver = AccessResolver(book)
    }

    /// Places the usage of one window, which begins at `minute`.
    mutating func add(
        _ total: UsageTotal,
        tenant: Name,
        agent: Name,
        access: AccessID?,
        component: Name,
        at minute: Minute
    ) throws(LedgerError) {
        let key = TenantLine.Key(tenant: tenant, component: component)
        var line = tenants[key] ?? TenantLine(key)
        line.metered = try line.metered.adding(total.sum)
        switch resolver.resolve(tenant: tenant, agent: agent, access: access, at: minute) {
        case .unassigned(let reason):
            line.unassigned = try line.unassigned.adding(total.sum)
            let key = UnassignedUsage.Key(
                tenant: tenant,
                agent: agent,
                access: access,
                component: component,
                reason: reason
            )
            let known = unassigned[key] ?? (UsageTotal(), minute)
            unassigned[key] = (try known.total.adding(total), min(known.first, minute))
        case .bound(let binding) where binding.waldur != period.waldur:
            line.attributedElsewhere = try line.attributedElsewhere.adding(total.sum)
        case .bound(let binding):
            line.attributed = try line.attributed.adding(total.sum)
            let key = attributedKey(
                CorrectionCell(
                    tenant: tenant,
                    agent: agent,
                    component: component,
                    minute: minute
                ),
                binding
            )
            let weight = book.told(component, of: binding.resourceKey)?.weight ?? 1
            metered[key.account] =
                try Quantity(metered[key.account] ?? 0)
                .adding(Quantity(total.sum).weighed(weight).rawValue).rawValue
            attributed[key] = try (attributed[key] ?? UsageTotal()).adding(total)
        }
        tenants[key] = line
    }

    /// Places what corrections add to one cell as its usage is placed.
    mutating func add(_ amount: LedgerAmount, to cell: CorrectionCell) throws(LedgerError) {
        let key = TenantLine.Key(tenant: cell.tenant, component: cell.component)
        var line = tenants[key] ?? TenantLine(key)
        line.adjusted = try line.adjusted.adding(amount)
        let resolution = resolver.resolve(
            tenant: cell.tenant,
            agent: cell.agent,
            access: cell.access,
            at: cell.minute
        )
        switch resolution {
        case .unassigned(let reason):
            line.adjustedUnassigned = try line.adjustedUnassigned.adding(amount)
            let key = UnassignedUsage.Key(
                tenant: cell.tenant,
                agent: cell.agent,
                access: cell.access,
                component: cell.component,
                reason: reason
            )
            unassignedCorrections[key] =
                try (unassignedCorrections[key] ?? .zero).adding(amount)
        case .bound(let binding) where binding.waldur != period.waldur:
            line.adjustedElsewhere = try line.adjustedElsewhere.adding(amount)
        case .bound(let binding):
            line.adjustedAttributed = try line.adjustedAttributed.adding(amount)
            let key = attributedKey(cell, binding)
            corrected[key] = try (corrected[key] ?? .zero).adding(amount)
        }
        tenants[key] = line
    }

    /// Under what usage of a binding is kept.
    private mutating func attributedKey(
        _ cell: CorrectionCell,
        _ binding: Binding
    ) -> AttributedUsage.Key {
        // What is made up of others has no part of that name, and is in no offering.
        let told = book.told(cell.component, of: binding.resourceKey)?.component
        let fate = fate(of: cell.component, told: told, binding: binding, at: cell.minute)
        return AttributedUsage.Key(
            tenant: cell.tenant,
            agent: cell.agent,
            access: binding.access,
            resource: binding.resourceKey,
            component: cell.component,
            told: told ?? cell.component,
            planPeriod: fate.planPeriod,
            notBillable: fate.notBillable
        )
    }

    /// Whether usage under a binding is billed, and in which plan period.
    private mutating func fate(
        of component: Name,
        told: Name?,
        binding: Binding,
        at minute: Minute
    ) -> (planPeriod: PlanPeriodID?, notBillable: NotBillableClass?) {
        switch binding.class {
        case .free: return (nil, .free)
        case .trial: return (nil, .trial)
        case .internal: return (nil, .internal)
        case .shadow: return (nil, .shadow)
        case .live: break
        }
        if book.components[component] == nil { return (nil, .notInOffering) }
        // Of a resource that nobody has asked Waldur for, nothing is known: its usage waits.
        guard let resource = book.resources[binding.resourceKey] else { return (nil, nil) }
        guard let told, resource.components.contains(told) else { return (nil, .notInOffering) }
        let split =
            splits[binding.resourceKey] ?? PlanPeriodSplit(resource.periods, in: period)
        splits[binding.resourceKey] = split
        guard let planPeriod = split.period(at: minute) else { return (nil, .noPlan) }
        return (planPeriod.id, nil)
    }

    // MARK: in a fixed order

    var sortedAttributed: [AttributedUsage] {
        attributed.sorted { $0.key.order < $1.key.order }.map { key, total in
            AttributedUsage(
                key: key,
                total: Quantity(total.sum),
                weight: book.told(key.component, of: key.resource)?.weight ?? 1,
                count: total.count
            )
        }
    }

    var sortedUnassigned: [UnassignedUsage] {
        unassigned.sorted { $0.key.order < $1.key.order }.map { key, usage in
            UnassignedUsage(
                key: key,
                total: Quantity(usage.total.sum),
                count: usage.total.count,
                first: usage.first
            )
        }
    }

    var sortedCorrected: [CorrectedLine] {
        corrected.filter { $0.value != .zero }.sorted { $0.key.order < $1.key.order }
            .map { key, amount in
                CorrectedLine(
                    key: key,
                    amount: amount,
                    weight: book.told(key.component, of: key.resource)?.weight ?? 1
                )
            }
    }

    var sortedUnassignedCorrections: [UnassignedCorrection] {
        unassignedCorrections.filter { $0.value != .zero }
            .sorted { $0.key.order < $1.key.order }
            .map { UnassignedCorrection(key: $0.key, amount: $0.value) }
    }

    var sortedTenants: [TenantLine] { tenants.values.sorted { $0.key < $1.key } }
}

extension AttributedUsage.Key {
    /// A text whose order is that of the lines, and which no two keys share.
    fileprivate var order: [[UInt8]] {
        [
            Array(resource.description.utf8), component.bytes,
            Array((planPeriod?.description ?? "").utf8),
            Array((notBillable?.rawValue ?? "").utf8), tenant.bytes, agent.bytes,
            Array(access.description.utf8),
        ]
    }
}

extension UnassignedUsage.Key {
    fileprivate var order: [[UInt8]] {
        [
            tenant.bytes, agent.bytes, Array((access?.description ?? "").utf8), component.bytes,
            Array(reason.rawValue.utf8),
        ]
    }
}

private func < (left: [[UInt8]], right: [[UInt8]]) -> Bool {
    left.lexicographicallyPrecedes(right) { $0.lexicographicallyPrecedes($1) }
}

extension Quantity {
    func adding(_ amount: UInt128) throws(LedgerError) -> Quantity {
        let (sum, overflow) = rawValue.addingReportingOverflow(amount)
        guard !overflow else { throw .overflow }
        return Quantity(sum)
    }
}

extension Quantity {
    /// In base units of which one of these is so many.
    func weighed(_ weight: UInt64) throws(LedgerError) -> Quantity {
        let (product, overflow) = rawValue.multipliedReportingOverflow(by: UInt128(weight))
        guard !overflow else { throw .overflow }
        return Quantity(product)
    }
}

extension UsageTotal {
    func adding(_ other: UsageTotal) throws(LedgerError) -> UsageTotal {
        let (sum, overflow) = sum.addingReportingOverflow(other.sum)
        let (count, countOverflow) = count.addingReportingOverflow(other.count)
        guard !overflow, !countOverflow else { throw .overflow }
        return UsageTotal(sum: sum, count: count)
    }
}
