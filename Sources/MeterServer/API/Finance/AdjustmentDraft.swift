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
            AdjustmentEffects(plan.effects, as: .booked, calendar, book).json
        case .row(let adjustment, let fate):
            AdjustmentEffects(adjustment, fate, calendar, book).json
        }
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
