internal import MeterWire

/// The usage of one component by one agent or access in a window that begins at `minute`.
struct PlacedUsage {
    let tenant: Name
    let agent: Name
    let access: AccessID?
    let component: Name
    let way: UsageWay
    let minute: Minute
    let total: UsageTotal

    /// Its place, as if all of it had ended so.
    func cell(of outcome: Outcome = .ok) -> CorrectionCell {
        CorrectionCell(
            tenant: tenant,
            agent: agent,
            access: access,
            component: component,
            minute: minute,
            outcome: outcome,
            way: way
        )
    }
}

/// First half of the ledger: whose each window's usage is, and whether it is billed.
struct Attribution {
    private let book: BookState
    private let period: BillingPeriod
    /// The only resource that is asked for; nil for every one of the period's Waldur.
    private let resource: ResourceKey?
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

    init(book: BookState, period: BillingPeriod, of resource: ResourceKey? = nil) {
        self.book = book
        self.period = period
        self.resource = resource
        resolver = AccessResolver(book)
    }

    /// Usage under this binding is in another ledger than this one.
    private func isElsewhere(_ binding: Binding) -> Bool {
        binding.waldur != period.waldur || resource.map { $0 != binding.resourceKey } ?? false
    }

    /// Places the usage of one window.
    mutating func add(_ usage: PlacedUsage) throws(LedgerError) {
        let (tenant, agent, component) = (usage.tenant, usage.agent, usage.component)
        let (access, minute, total) = (usage.access, usage.minute, usage.total)
        let cell = usage.cell()
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
                reason: isAdvisory(cell) ? .advisory : reason
            )
            let known = unassigned[key] ?? (UsageTotal(), minute)
            unassigned[key] = (try known.total.adding(total), min(known.first, minute))
        case .bound(let binding) where isElsewhere(binding):
            line.attributedElsewhere = try line.attributedElsewhere.adding(total.sum)
        case .bound(let binding):
            line.attributed = try line.attributed.adding(total.sum)
            let key = attributedKey(cell, binding)
            let weight = book.told(component, of: binding.resourceKey)?.weight ?? 1
            metered[key.account] =
                try Quantity(metered[key.account] ?? 0)
                .adding(Quantity(total.sum).weighed(weight).rawValue).rawValue
            attributed[key] = try (attributed[key] ?? UsageTotal()).adding(total)
        }
        tenants[key] = line
    }

    private func isAdvisory(_ cell: CorrectionCell) -> Bool {
        book.counting.class(of: cell) == .advisory
    }

    /// Takes what calls with one outcome used out of what is billed, where the offering does not bill that
    /// outcome; it is part of usage that was added before.
    mutating func leaveOut(
        _ usage: PlacedUsage,
        of outcome: Outcome
    ) throws(LedgerError) {
        let resolved = resolver.resolve(
            tenant: usage.tenant,
            agent: usage.agent,
            access: usage.access,
            at: usage.minute
        )
        guard case .bound(let binding) = resolved, !isElsewhere(binding) else { return }
        let billed = attributedKey(usage.cell(), binding)
        let free = attributedKey(usage.cell(of: outcome), binding)
        guard free != billed else { return }
        guard let whole = attributed[billed], whole.sum >= usage.total.sum,
            whole.count >= usage.total.count
        else { throw .partExceedsWhole(usage.component, outcome) }
        let rest = UsageTotal(
            sum: whole.sum - usage.total.sum,
            count: whole.count - usage.total.count
        )
        attributed[billed] = rest == UsageTotal() ? nil : rest
        attributed[free] = try (attributed[free] ?? UsageTotal()).adding(usage.total)
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
                reason: isAdvisory(cell) ? .advisory : reason
            )
            unassignedCorrections[key] =
                try (unassignedCorrections[key] ?? .zero).adding(amount)
        case .bound(let binding) where isElsewhere(binding):
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
        var fate: (planPeriod: PlanPeriodID?, notBillable: NotBillableClass?) =
            isAdvisory(cell)
            ? (nil, .advisory)
            : fate(of: cell.component, told: told, binding: binding, at: cell.minute)
        // What has another reason not to be billed keeps it.
        if fate.notBillable == nil, let told,
            !book.bills(cell.outcome, told, of: binding.resourceKey)
        {
            fate = (nil, .unbilledOutcome)
        }
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
        attributed.sorted { $0.key < $1.key }.map { key, total in
            AttributedUsage(
                key: key,
                total: Quantity(total.sum),
                weight: book.told(key.component, of: key.resource)?.weight ?? 1,
                count: total.count
            )
        }
    }

    var sortedUnassigned: [UnassignedUsage] {
        unassigned.sorted { $0.key < $1.key }.map { key, usage in
            UnassignedUsage(
                key: key,
                total: Quantity(usage.total.sum),
                count: usage.total.count,
                first: usage.first
            )
        }
    }

    var sortedCorrected: [CorrectedLine] {
        corrected.filter { $0.value != .zero }.sorted { $0.key < $1.key }
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
            .sorted { $0.key < $1.key }
            .map { UnassignedCorrection(key: $0.key, amount: $0.value) }
    }

    var sortedTenants: [TenantLine] { tenants.values.sorted { $0.key < $1.key } }
}

extension AttributedUsage.Key: Comparable {
    /// By resource and component, then by what becomes of it, then by who used it.
    package static func < (left: AttributedUsage.Key, right: AttributedUsage.Key) -> Bool {
        if left.resource != right.resource { return left.resource < right.resource }
        if left.component != right.component { return left.component < right.component }
        if left.planPeriod != right.planPeriod {
            return precedes(left.planPeriod, right.planPeriod)
        }
        if left.notBillable != right.notBillable {
            return precedes(left.notBillable, right.notBillable)
        }
        if left.tenant != right.tenant { return left.tenant < right.tenant }
        if left.agent != right.agent { return left.agent < right.agent }
        return left.access < right.access
    }
}

extension UnassignedUsage.Key: Comparable {
    /// By who used it, then by what is wrong with it.
    package static func < (left: UnassignedUsage.Key, right: UnassignedUsage.Key) -> Bool {
        if left.tenant != right.tenant { return left.tenant < right.tenant }
        if left.agent != right.agent { return left.agent < right.agent }
        if left.access != right.access { return precedes(left.access, right.access) }
        if left.component != right.component { return left.component < right.component }
        return left.reason.rawValue < right.reason.rawValue
    }
}

/// Nothing comes before anything.
private func precedes<Value: Comparable>(_ left: Value?, _ right: Value?) -> Bool {
    guard let right else { return false }
    return left.map { $0 < right } ?? true
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
