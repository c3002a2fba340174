internal import Meter
internal import MeterWaldur
internal import MeterWire

/// A correction that somebody asks for: what it would do, and, once it is wanted so, what is booked.
enum AdjustmentDraft {
    /// Of usage; with the events that it takes back, where it is a void.
    case usage(CorrectionPlan, VoidedUsage? = nil)
    /// Takes back an adjustment of one row of Waldur's usage.
    case row(AdjustmentMade, CorrectionFate)

    /// What whoever applies it has looked at, 64 hexadecimal digits.
    var digest: String {
        switch self {
        case .usage(let plan, _): plan.digest
        case .row(let adjustment, let fate):
            CorrectionPlan.digest(of: adjustment, fate)
        }
    }

    /// What is booked, in one append.
    func decisions(
        reason: String,
        position: UInt64,
        calendar: BillingCalendar,
        book: BookState
    ) throws(LedgerError) -> [Decision] {
        switch self {
        case .usage(let plan, _):
            return try plan.decisions(reason: reason, book: book, position: position)
        case .row(let adjustment, let fate):
            let made = AdjustmentMade(
                number: book.billing.lastAdjustmentNumber &+ 1,
                kind: adjustment.kind,
                key: adjustment.key,
                amount: adjustment.amount,
                reason: reason,
                reverts: adjustment.reverts
            )
            guard case .carry(let row) = fate, let end = calendar.end(of: row)
            else { return [.adjustmentMade(made)] }
            let carry = CarryMaking.carry(
                of: row,
                adjustment.amount,
                book: book,
                cause: .correction,
                number: book.billing.lastCarryNumber &+ 1,
                position: position,
                before: end
            )
            return [.adjustmentMade(made), .carryMade(carry)]
        }
    }

    /// Its effect, part by part.
    func effects(_ calendar: BillingCalendar, _ book: BookState) -> [JSONOutput] {
        switch self {
        case .usage(let plan, _):
            plan.effects.map { effect in
                Self.json(
                    effect.fate,
                    tenant: effect.tenant,
                    month: effect.period.month,
                    component: effect.component,
                    resource: effect.resource,
                    amount: effect.amount,
                    weighed: effect.weighed,
                    calendar,
                    book
                )
            }
        case .row(let adjustment, let fate):
            [
                Self.json(
                    fate,
                    tenant: book.resources[adjustment.key.resourceKey]?.customer,
                    month: adjustment.key.month,
                    component: adjustment.key.component,
                    resource: adjustment.key.resourceKey,
                    amount: adjustment.amount,
                    weighed: adjustment.amount,
                    calendar,
                    book
                )
            ]
        }
    }

    private static func json(
        _ fate: CorrectionFate,
        tenant: Name?,
        month: BillingMonth,
        component: Name,
        resource: ResourceKey?,
        amount: LedgerAmount,
        weighed: LedgerAmount,
        _ calendar: BillingCalendar,
        _ book: BookState
    ) -> JSONOutput {
        var landing: CarryLanding?
        if case .carry(let row) = fate, let end = calendar.end(of: row),
            let present = book.presentMonth(of: row.waldur)
        {
            let carry = CarryMaking.carry(
                of: row,
                weighed,
                book: book,
                cause: .correction,
                number: book.billing.lastCarryNumber &+ 1,
                position: 0,
                before: end
            )
            landing = CarryLanding(carry, book: book, into: present)
        }
        return .object([
            JSONMember("tenant", .optional(tenant)),
            JSONMember("month", .string(month.description)),
            JSONMember("component", .string(component.description)),
            JSONMember("amount", .string(amount.description)),
            JSONMember("becomes", .string(fate.description)),
            JSONMember("resource", .optional(resource?.resource)),
            JSONMember("planPeriod", .optional(fate.row?.planPeriod)),
            JSONMember("landsIn", .optional(landsIn(fate, landing)?.description)),
            JSONMember("obstacle", .optional(landing?.obstacle?.rawValue)),
        ])
    }

    /// The month whose totals it is in, as things stand.
    private static func landsIn(_ fate: CorrectionFate, _ landing: CarryLanding?) -> BillingMonth? {
        if case .lands(let row) = fate { return row.month }
        return landing?.obstacle == nil ? landing?.target?.month : nil
    }
}

/// The months of every Waldur.
struct BillingCalendar {
    /// Whose months usage is in that no Waldur has.
    let waldur: WaldurID
    let zones: [WaldurID: WaldurZone]

    init(_ ledger: TenantLedger, among ledgers: TenantLedgers) {
        waldur = ledger.waldur
        zones = Dictionary(
            (ledgers.all + [ledger]).map { ($0.waldur, $0.zone) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// When the month of a row ends.
    func end(of row: SubmissionKey) -> Timestamp? {
        zones[row.waldur].map { row.month.end(in: $0) }
    }

    func period(_ month: BillingMonth, of waldur: WaldurID? = nil) -> BillingPeriod? {
        let waldur = waldur ?? self.waldur
        guard let zone = zones[waldur], let start = Minute(month.start(in: zone)),
            let end = Minute(month.end(in: zone))
        else { return nil }
        return BillingPeriod(waldur: waldur, month: month, start: start, end: end)
    }

    /// The month of a Waldur that a minute lies in; nil where it is unknown here.
    func period(_ waldur: WaldurID?, at minute: Minute) -> BillingPeriod? {
        let waldur = waldur ?? self.waldur
        return zones[waldur].flatMap { BillingMonth(of: minute.start, in: $0) }
            .flatMap { period($0, of: waldur) }
    }
}
