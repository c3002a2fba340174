internal import Meter
internal import MeterWire

/// A tenant's or an agent's month: what was metered for each row of Waldur's usage, what Waldur was told of it,
/// and why the two differ.
///
/// What was metered is the tenant's or agent's own. What was told stands for the whole row, which agents of a
/// tenant may share; where another tenant is bound to the resource too, it is not shown.
struct BillingStatement {
    private(set) var lines: [BillingLine] = []
    let unassigned: [UnassignedUsage]

    init(
        _ month: LedgerMonth,
        _ book: BookState,
        tenant: Name,
        agent: Name?
    ) throws(LedgerError) {
        unassigned = month.unassigned.filter {
            $0.key.tenant == tenant && (agent == nil || $0.key.agent == agent)
        }
        let resources = Self.resources(of: tenant, agent, month.period, book)
        var metered: [BillingLine.Key: UInt128] = [:]
        var agents: [BillingLine.Key: Set<Name>] = [:]
        for usage in month.attributed where usage.key.tenant == tenant {
            let key = BillingLine.Key(usage.key)
            agents[key, default: []].insert(usage.key.agent)
            guard agent == nil || usage.key.agent == agent else { continue }
            let (sum, overflow) = (metered[key] ?? 0)
                .addingReportingOverflow(usage.total.rawValue)
            guard !overflow else { throw .overflow }
            metered[key] = sum
        }
        var corrected: [BillingLine.Key: LedgerAmount] = [:]
        for line in month.corrected where line.key.tenant == tenant {
            guard agent == nil || line.key.agent == agent else { continue }
            let key = BillingLine.Key(line.key)
            corrected[key] = try (corrected[key] ?? .zero).adding(line.amount)
            metered[key] = metered[key] ?? 0
        }
        var figures: [BillingLine.Key: LedgerFigure] = [:]
        for figure in month.figures where resources[figure.key.resourceKey] != nil {
            let key = BillingLine.Key(figure.key)
            figures[key] = figure
            metered[key] = metered[key] ?? 0
        }
        var terms: [BillingLine.Key: [LedgerTerm: LedgerAmount]] = [:]
        for line in month.lines {
            guard let planPeriod = line.planPeriod else { continue }
            terms[BillingLine.Key(line.account, planPeriod), default: [:]][line.term] = line.amount
        }
        for key in metered.keys.sorted() {
            let isOwn = resources[key.account.resource] ?? false
            lines.append(
                BillingLine(
                    key: key,
                    metered: Quantity(metered[key] ?? 0),
                    corrected: corrected[key] ?? .zero,
                    isShared: (agents[key]?.count ?? 0) > 1,
                    told: isOwn ? figures[key].map { .init($0, terms[key] ?? [:], book) } : nil,
                    isForeign: !isOwn,
                    book: book
                )
            )
        }
    }

    /// - Throws: ``Problem`` where a sum is too large.
    init(_ reading: TenantLedger.Reading, tenant: Name, agent: Name?) throws(Problem) {
        do throws(LedgerError) {
            try self.init(reading.month, reading.book, tenant: tenant, agent: agent)
        } catch {
            throw .unavailable(
                "The ledger of \(reading.month.period.month) cannot be added up: \(error)."
            )
        }
    }

    /// The resources that the tenant's accesses, or one agent's, are bound to in the period, and whether
    /// nobody else's are.
    private static func resources(
        of tenant: Name,
        _ agent: Name?,
        _ period: BillingPeriod,
        _ book: BookState
    ) -> [ResourceKey: Bool] {
        var own: [ResourceKey: Bool] = [:]
        var others: Set<ResourceKey> = []
        for binding in book.bindings.values.joined() where binding.waldur == period.waldur {
            let overlaps =
                binding.from < period.end && binding.to.map { period.start < $0 } ?? true
            guard overlaps else { continue }
            if binding.tenant != tenant {
                others.insert(binding.resourceKey)
            } else if agent == nil || binding.agent == agent {
                own[binding.resourceKey] = true
            }
        }
        for resource in own.keys where others.contains(resource) { own[resource] = false }
        return own
    }

    static func json(_ usage: UnassignedUsage) -> JSONOutput {
        [
            "agent": .string(usage.key.agent.description), "access": .optional(usage.key.access),
            "component": .string(usage.key.component.description),
            "reason": .string(usage.key.reason.rawValue), "metered": .optional(usage.total),
            "since": .string(RFC3339.text(usage.first)),
        ]
    }

    /// What ``BillingLine/cells`` are called.
    static let columns = [
        "resource", "component", "planPeriod", "plan", "class", "metered", "corrected", "unit",
        "adjusted",
        "carriedIn", "carriedOut", "toTell", "submitted", "confirmed", "reportedUnit",
        "difference", "causes",
    ]

    var csv: CSVText {
        var table = CSVText(Self.columns)
        for line in lines { table.add(line.cells) }
        return table
    }
}
