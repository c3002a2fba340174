internal import Meter
internal import MeterWaldur
internal import MeterWire

/// Makes drafts of corrections from what is asked for, and refuses what makes no sense.
struct AdjustmentPlanning {
    let ledger: TenantLedger
    let calendar: BillingCalendar
    let events: any KeptEventLookup
    /// How the ids of events are known again.
    let identifiers: IdentifierHash

    /// Lines of one request; more belong into a void, or a file that is backfilled.
    static let lineCountMax = 10_000
    /// Months back that are corrected: what the reporter can still take account of.
    static let monthsBackMax = 12

    /// Usage was more or less than was metered.
    func amend(_ lines: [RequestFields]) async throws(Problem) -> AdjustmentDraft {
        guard (1...Self.lineCountMax).contains(lines.count) else {
            throw .badBody("`lines` has 1 to \(Self.lineCountMax) elements.")
        }
        let book = ledger.source.book
        var amounts: [CorrectionCell: LedgerAmount] = [:]
        for fields in lines {
            let (cell, amount) = try line(fields, book)
            let sum = (amounts[cell] ?? .zero).rawValue &+ amount.rawValue
            amounts[cell] = LedgerAmount(sum)
        }
        let corrections = CorrectionPlan.lines(amounts)
        guard !corrections.isEmpty else { throw .badBody("The lines add up to nothing.") }
        try await refuseBelowZero(corrections, book)
        return .usage(try plan(.amend, corrections, book))
    }

    /// An earlier adjustment or correction was wrong.
    func revert(_ number: UInt64) async throws(Problem) -> AdjustmentDraft {
        let book = ledger.source.book
        if let standing = book.billing.corrections[number] {
            try refuseRevert(number, standing.isReverted, standing.kind == .revert)
            let lines = standing.lines.map(\.opposite)
            try await refuseBelowZero(lines, book)
            return .usage(try plan(.revert, lines, book, reverts: number))
        }
        if let standing = book.billing.backfills[number] {
            return try await revert(standing, book)
        }
        guard let standing = book.billing.adjustments[number] else {
            throw .precondition(
                "There is no adjustment \(number); see `meterctl adjust list`."
            )
        }
        try refuseRevert(number, standing.isReverted, standing.adjustment.kind == .revert)
        let made = standing.adjustment
        let revert = AdjustmentMade(
            number: 0,
            kind: .revert,
            key: made.key,
            amount: LedgerAmount(-made.amount.rawValue),
            reason: "",
            reverts: number
        )
        return .row(revert, CorrectionEffect.fate(of: made.key, book))
    }

    private func refuseRevert(
        _ number: UInt64,
        _ isReverted: Bool,
        _ isRevert: Bool
    ) throws(Problem) {
        if isReverted { throw .precondition("Adjustment \(number) is taken back already.") }
        if isRevert {
            throw .precondition(
                "Adjustment \(number) takes another back; amend again instead of reverting it."
            )
        }
    }

    func plan(
        _ kind: CorrectionMade.Kind,
        _ lines: [CorrectionLine],
        _ book: BookState,
        reverts: UInt64? = nil,
        voids: VoidSelection? = nil
    ) throws(Problem) -> CorrectionPlan {
        do throws(LedgerError) {
            return try CorrectionPlan(kind, lines, reverts: reverts, voids: voids, book: book) {
                calendar.period($0, at: $1)
            }
        } catch {
            throw .badBody("The correction cannot be added up: \(error).")
        }
    }

    // MARK: - Lines

    private func line(
        _ fields: RequestFields,
        _ book: BookState
    ) throws(Problem) -> (CorrectionCell, LedgerAmount) {
        let component = try fields.name("component")
        guard book.components[component] != nil else {
            throw .precondition(
                "Component \(component) is not declared; see `meterctl components list`."
            )
        }
        var access: AccessID?
        if let text = try fields.optional("access") {
            guard let id = AccessID(text) else { throw .badBody("`access` is a uuid.") }
            access = id
        }
        let tenant = try fields.name("tenant")
        if let access, let known = book.accesses[access], known.tenant != tenant {
            throw .precondition("Access \(access) is not one of \(tenant).")
        }
        guard let minute = try fields.minute("at") else { throw .badBody("`at` is missing.") }
        if let reason = try refusalReason(of: minute.start) {
            throw .precondition("`at` cannot be corrected: \(reason).")
        }
        let cell = CorrectionCell(
            tenant: tenant,
            agent: try fields.name("agent"),
            access: access,
            component: component,
            minute: minute
        )
        return (cell, try Self.amount(try fields.text("amount")))
    }

    /// Why nothing of this time is corrected or added; nil if it may be.
    func refusalReason(of time: Timestamp) throws(Problem) -> String? {
        guard time <= ledger.source.now() else { return "it lies ahead" }
        let earliest = try earliest
        return time < earliest.start(in: ledger.zone)
            ? "it lies before \(earliest), which is not corrected any more" : nil
    }

    /// The first month that is still corrected.
    var earliest: BillingMonth {
        get throws(Problem) {
            guard var earliest = ledger.present else {
                throw .unavailable("The server's clock shows no month.")
            }
            for _ in 0..<Self.monthsBackMax { earliest = earliest.previous }
            return earliest
        }
    }

    /// A whole number of smallest units, with a sign where it takes away.
    private static func amount(_ text: String) throws(Problem) -> LedgerAmount {
        guard let number = Int64(text), number != 0, number != .min, "\(number)" == text else {
            throw .badBody(
                "`amount` is a whole number of smallest units as a string, such as \"-500\"; not zero."
            )
        }
        return LedgerAmount(Int128(number) * 100)
    }

    // MARK: - Below zero

    private struct Used: Hashable {
        let tenant: Name
        let agent: Name
        let access: AccessID?
        let component: Name
        let month: BillingMonth
    }

    /// Nobody used less than nothing in a month. Of usage that does not count nothing but a void takes
    /// away, and each event once.
    func refuseBelowZero(
        _ lines: [CorrectionLine],
        _ book: BookState
    ) async throws(Problem) {
        var changes: [Used: Int128] = [:]
        for line in lines where book.counting.class(of: line.cell) == .counted {
            guard let month = calendar.period(nil, at: line.minute)?.month else { continue }
            let key = Used(
                tenant: line.tenant,
                agent: line.agent,
                access: line.access,
                component: line.component,
                month: month
            )
            changes[key, default: 0] += line.amount.rawValue
        }
        let lowered = changes.filter { $0.value < 0 }
        for month in Set(lowered.keys.map(\.month)).sorted() {
            guard let period = calendar.period(month) else { continue }
            let keys = lowered.keys.filter { $0.month == month }
            let answer = try await ledger.source.usage(
                UsageQuery(
                    tenants: Set(keys.map(\.tenant)),
                    agents: Set(keys.map(\.agent)),
                    components: Set(keys.map(\.component)),
                    windows: [period.start, period.end],
                    grouping: [.tenant, .agent, .access, .component]
                )
            )
            var corrected: [Used: Int128] = [:]
            for (cell, amount) in book.billing.corrected.cells(from: period.start, to: period.end)
            where book.counting.class(of: cell) == .counted {
                let key = Used(
                    tenant: cell.tenant,
                    agent: cell.agent,
                    access: cell.access,
                    component: cell.component,
                    month: month
                )
                corrected[key, default: 0] += amount.rawValue
            }
            for key in keys {
                let group = UsageGroup(
                    tenant: key.tenant,
                    agent: key.agent,
                    access: key.access,
                    component: key.component
                )
                let metered = answer.totals[group]?.sum ?? 0
                let used =
                    (Int128(exactly: metered) ?? .max / 200) * 100 + (corrected[key] ?? 0)
                guard used + (lowered[key] ?? 0) < 0 else { continue }
                throw .precondition(
                    "\(key.tenant)/\(key.agent) used \(LedgerAmount(used)) of \(key.component) in "
                        + "\(month)\(key.access.map { " with access \($0)" } ?? " without an access"); "
                        + "\(LedgerAmount(-(lowered[key] ?? 0))) cannot be taken away."
                )
            }
        }
    }
}

extension AdjustmentPlanning {
    init(
        _ ledger: TenantLedger,
        among ledgers: TenantLedgers,
        _ context: ServerContext,
        _ identifiers: IdentifierHash
    ) {
        self.ledger = ledger
        calendar = BillingCalendar(ledger, among: ledgers)
        events = context.engine
        self.identifiers = identifiers
    }

    /// Only what was looked at is applied.
    static func compare(_ digest: String?, with present: String) throws(Problem) {
        guard digest != present else { return }
        throw .precondition(
            "The effect is not the one that the digest was made of: the figures have changed since, or "
                + "a month was cut. Look again with `--dry-run`."
        )
    }
}
