internal import Meter
internal import MeterWire

/// Compares one row over ledger, usage list and invoice, and divides each difference among its causes.
///
/// Money goes the same way as the quantity: from what the figure to tell costs at the due price, step by step
/// to what the items cost. Each step's part is what it changes, so that the parts add up to the cent.
struct RowReconciliation {
    typealias Share = Reconciliation.Share
    /// An item, and on whose invoice it is.
    typealias BilledItem = (customer: CustomerID, item: WaldurInvoiceItem)

    /// What is compared.
    struct Facts {
        /// Without a plan period (`isPlaced`) that one is of no meaning.
        let key: SubmissionKey
        /// Waldur says which plan period it is in.
        var isPlaced = true
        let tenants: Set<Name>
        let figure: LedgerFigure?
        let terms: [LedgerTerm: LedgerAmount]
        let shown: ExactDecimal?
        let held: ReportFinding.Kind?
        /// In order of their making; nil where nobody could look.
        let items: [BilledItem]?
        /// What each tenant used of it.
        let users: [Name: Quantity]
        /// Why nothing is told of the resource at all.
        let gone: DifferenceCause?
    }

    private let facts: Facts
    private let input: ReconciliationInput
    private let units: UInt64
    /// nil where nobody has seen one.
    private var due: ExactDecimal?
    /// With what each share takes off on the way from the figure to tell to what Waldur shows, in the
    /// reported unit; nil where it does not lie on that way.
    private var parts: [(share: Share, step: ExactDecimal?)] = []
    /// What is left of the quantity to explain, in smallest units.
    private var left: ExactDecimal

    init(_ facts: Facts, _ input: ReconciliationInput) throws(LedgerError) {
        self.facts = facts
        self.input = input
        units = input.book.unitsPerReported(facts.key.component, of: facts.key.resourceKey)
        due = input.book.duePrice(of: facts.key, in: input.ledger.period)
        left = try ExactDecimal(LedgerAmount(total: facts.figure?.total.rawValue ?? 0))
            .subtracting(Self.smallest(facts.shown, units))
        try addDecisions()
        try addTelling()
        if left != .zero { try add(.usage, .unexplained, .open, left) }
    }

    // MARK: - Ledger and usage row

    /// Everything that makes the figure to tell another one than what was metered.
    private mutating func addDecisions() throws(LedgerError) {
        if let opening = facts.terms[.opening] {
            try add(.usage, .openingBalance, .settled, ExactDecimal(opening).negated)
        }
        var adjusted = ExactDecimal(facts.terms[.adjusted] ?? .zero)
        for standing in input.book.billing.adjustments(of: facts.key) {
            let adjustment = standing.adjustment
            adjusted = try adjusted.subtracting(ExactDecimal(adjustment.amount))
            let isForeign = adjustment.kind == .changedInWaldur
            let isSeen = !isForeign || standing.isAcknowledged || standing.author != "reporter"
            try add(
                .usage,
                isForeign ? .changedInWaldur : .correction,
                isSeen ? .settled : .open,
                ExactDecimal(adjustment.amount).negated,
                note: "adjustment \(adjustment.number): \(adjustment.reason)"
            )
        }
        // Corrections of usage, which may be in several rows.
        if adjusted != .zero {
            try add(.usage, .correction, .settled, adjusted.negated)
        }
        for standing in input.book.billing.carries(to: facts.key) {
            let carry = standing.carry
            try add(
                .usage,
                carry.cause == .residue ? .rounding : .carried,
                .settled,
                ExactDecimal(carry.amount).negated,
                note: "carry \(carry.number) (\(carry.cause.rawValue)) from \(carry.from.month)"
            )
        }
        for standing in input.book.billing.carries(from: facts.key) { try add(out: standing) }
        if let residue = facts.terms[.residue] {
            try add(.usage, .rounding, .settled, ExactDecimal(residue))
        }
    }

    private mutating func add(out standing: CarryStanding) throws(LedgerError) {
        let carry = standing.carry
        let cause: DifferenceCause
        var open = DifferenceStanding.settled
        var fate = standing.state
        switch standing.settled?.settlement {
        case .creditRequest: cause = .creditRequested
        case .writtenOff: cause = carry.cause == .residue ? .rounding : .writtenOff
        case .landed: cause = carry.cause == .residue ? .rounding : .carried
        case nil:
            let landing = CarryLanding(carry, book: input.book, into: input.present)
            if standing.waits, let obstacle = landing.obstacle {
                fate += ": \(obstacle.rawValue)"
                open = carry.cause == .residue ? .settled : .open
            } else if standing.waits {
                open = carry.cause == .residue ? .settled : .passing
            }
            switch standing.waits ? landing.obstacle : nil {
            case _ where carry.cause == .residue: cause = .rounding
            case .resourceGone, .notBound, .notInOffering: cause = .resourceGone
            case .otherCustomer: cause = .movedToAnotherCustomer
            case .otherPlan, .otherPrice, nil: cause = .carried
            }
        }
        let target = standing.target.map { ", in \($0.month)" } ?? ""
        try add(
            .usage,
            cause,
            open,
            ExactDecimal(carry.amount),
            note: "carry \(carry.number) (\(carry.cause.rawValue)) \(fate)\(target)"
        )
    }

    /// From the figure to tell to what Waldur shows.
    private mutating func addTelling() throws(LedgerError) {
        let figure = facts.figure
        if let waiting = facts.terms[.waiting] {
            // Waldur is told nothing below zero: that part waits for more usage, or for the cut.
            let below = Hundredths(min(figure?.amount.rawValue ?? 0, 0))
            let step = try reported(waiting)
                .subtracting(ExactDecimal(digits: below.rawValue, scale: 2))
            let (cause, standing) =
                below < .zero && step == .zero
                ? (.correction, .passing) : cause(ofWaiting: waiting)
            try add(
                .usage,
                cause,
                standing,
                ExactDecimal(waiting),
                through: step,
                note: cause == .lowered ? loss : nil
            )
        }
        let confirmed = figure?.confirmed
        let told = ExactDecimal(digits: (confirmed ?? .zero).rawValue, scale: 2)
        var rest = try told.subtracting(facts.shown ?? .zero)
        let open = input.book.submission(facts.key)?.open.last
        if let open, facts.shown?.isExactly(open.amount) ?? false {
            // It has arrived, and nobody has read it back yet.
            try add(.usage, .inFlight, .passing, .zero, note: "submission \(open.number)")
            rest = .zero
        } else if let flying = facts.terms[.inFlight] {
            let note = open.map { "submission \($0.number)" }
            try add(
                .usage,
                .inFlight,
                .passing,
                ExactDecimal(flying),
                through: reported(flying),
                note: note
            )
        }
        guard rest != .zero else { return }
        let (cause, standing) = cause(ofShown: facts.shown, confirmed: confirmed)
        try add(
            .usage,
            cause,
            standing,
            Self.smallest(rest, units),
            through: rest,
            note: "confirmed \(confirmed?.description ?? "nothing"), Waldur shows "
                + (facts.shown?.description ?? "no row")
        )
    }

    private func cause(
        ofWaiting waiting: LedgerAmount
    ) -> (DifferenceCause, DifferenceStanding) {
        if waiting < .zero, loss != nil { return (.lowered, .open) }
        if let gone = facts.gone { return (gone, .open) }
        guard facts.key.month == input.present else { return (.lateAfterReport, .passing) }
        switch facts.held {
        case nil: return (input.isSilent ? .monthEnd : .lateAfterReport, .passing)
        case .foreign: return (.changedInWaldur, .open)
        case .otherCustomer: return (.movedToAnotherCustomer, .open)
        case .resourceState, .resourceUnseen: return (.resourceGone, .open)
        case .planEnded: return (.carried, .passing)
        case .lowered: return (.lowered, .open)
        case .tooLarge: return (.tooLarge, .open)
        case .notInOffering: return (.notInOffering, .open)
        case .noPlan: return (.noPlan, .open)
        case .wrongMonth: return (.wrongMonth, .open)
        case .noAccount: return (.noAccount, .open)
        case .refused, .unknown, .unreadable, .notPriced: return (.lateAfterReport, .passing)
        }
    }

    /// That less is metered than was when Waldur was told; nil where no less is.
    private var loss: String? {
        guard let told = input.book.submission(facts.key)?.confirmed else { return nil }
        let metered = facts.figure?.total ?? Quantity(0)
        guard metered < told.total else { return nil }
        return
            "\(told.total) were metered when submission \(told.number) was told, \(metered) are now"
    }

    private func cause(
        ofShown shown: ExactDecimal?,
        confirmed: Hundredths?
    ) -> (DifferenceCause, DifferenceStanding) {
        let book = input.book
        let standing = book.submission(facts.key)
        if let shown, standing?.open.contains(where: { shown.isExactly($0.amount) }) ?? false {
            return (.inFlight, .passing)
        }
        if let told = standing?.confirmed, !input.before.hadSettled(told.number) {
            return (.inFlight, .passing)
        }
        guard let shown else { return (.missingInWaldur, .open) }
        if confirmed == nil, isMisplaced(shown) { return (.wrongMonth, .open) }
        // Meter's own figure is sent again with the next cycle.
        if book.billing.foreign[facts.key]?.isToReassert ?? false {
            return (.changedInWaldur, .passing)
        }
        return (.changedInWaldur, .open)
    }

    /// Whether Waldur shows under this month what was told of the one before.
    private func isMisplaced(_ shown: ExactDecimal) -> Bool {
        guard shown != .zero else { return false }
        if input.book.billing.incidents.contains(where: { incident, _ in
            incident.kind == .wrongMonth && incident.key == facts.key
                && shown.isExactly(incident.quantity)
        }) {
            return true
        }
        let before = SubmissionKey(
            waldur: facts.key.waldur,
            resource: facts.key.resource,
            component: facts.key.component,
            planPeriod: facts.key.planPeriod,
            month: facts.key.month.previous
        )
        guard let standing = input.book.submission(before) else { return false }
        return (standing.open + [standing.confirmed, standing.lastSettled].compactMap(\.self))
            .contains { shown.isExactly($0.amount) }
    }

    // MARK: - Usage row and invoice

    /// The line with what the invoice has of it.
    mutating func line() throws(LedgerError) -> Reconciliation.RowLine {
        let figure = facts.figure
        let shown = facts.shown ?? .zero
        let usage: [BilledItem] = (facts.items ?? []).filter { $0.item.unitPrice.digits >= 0 }
        let main = usage.first { $0.item.quantity == shown } ?? usage.first
        if due == nil { due = main?.item.unitPrice }
        // The money of the way to here is known only now that the price is.
        try price()
        var billing = usage.map(\.item)
        let billed = usage.isEmpty ? nil : try ExactDecimal.sum(billing.map(\.quantity))
        let expected = try money(toTell)
        if let main {
            try addItem(main.item)
            for extra in billing where extra.id != main.item.id { try addExtra(extra) }
            try addCustomer(main.customer)
        } else if shown != .zero, let swallowed = try addNoItem(shown) {
            billing = [swallowed]
        }
        let cost = facts.items == nil ? nil : try ExactDecimal.sum(billing.map(\.price))
        return try Reconciliation.RowLine(
            resource: facts.key.resource,
            month: facts.key.month,
            planPeriod: facts.isPlaced ? facts.key.planPeriod : nil,
            component: facts.key.component,
            tenants: facts.tenants,
            unitsPerReported: units,
            ledger: ExactDecimal(LedgerAmount(total: figure?.total.rawValue ?? 0)),
            toTell: figure?.told ?? .zero,
            usage: facts.shown == nil ? nil : Self.smallest(facts.shown, units),
            shown: facts.shown,
            billed: billed == nil ? nil : Self.smallest(billed, units),
            price: due,
            expected: expected,
            cost: cost,
            customer: main?.customer,
            items: billing.map(\.id),
            shares: parts.map(\.share)
        )
    }

    private var toTell: ExactDecimal {
        ExactDecimal(digits: (facts.figure?.told ?? .zero).rawValue, scale: 2)
    }

    /// Puts money to the shares between ledger and usage row.
    private mutating func price() throws(LedgerError) {
        var running = toTell
        for (index, part) in parts.enumerated() {
            guard let step = part.step else { continue }
            let next = try running.subtracting(step)
            parts[index].share.money = try moneyBetween(running, next)
            running = next
        }
    }

    private mutating func addItem(_ item: WaldurInvoiceItem) throws(LedgerError) {
        let shown = facts.shown ?? .zero
        let difference = try shown.subtracting(item.quantity)
        if difference != .zero {
            try add(
                .invoice,
                .changedInWaldur,
                .open,
                Self.smallest(difference, units),
                money: moneyBetween(shown, item.quantity),
                note: "item \(item.id) has \(item.quantity)"
            )
        }
        guard let due else { return }
        // Nobody pays for an item of nothing, whatever its price, once nothing is added to it any more.
        let isForNothing = item.quantity == .zero && facts.key.month < input.present
        if item.unitPrice != due, !isForNothing {
            let incident = input.book.billing.incidents.last { incident, _ in
                incident.key == facts.key && incident.kind != .notFlushed
            }
            let number = incident?.incident.number.map { ", by submission \($0)" } ?? ""
            try add(
                .invoice,
                .priceFrozenBeforeTurn,
                .open,
                .zero,
                money: cost(item.quantity, due).subtracting(cost(item.quantity, item.unitPrice)),
                note: "item \(item.id) holds \(item.unitPrice), due is \(due)\(number)"
            )
        }
        let stated = try cost(item.quantity, item.unitPrice)
        if stated != item.price {
            try add(
                .invoice,
                .unexplained,
                .open,
                .zero,
                money: stated.subtracting(item.price),
                note: "item \(item.id) costs \(item.price), quantity and price come to \(stated)"
            )
        }
    }

    private mutating func addExtra(_ item: WaldurInvoiceItem) throws(LedgerError) {
        try add(
            .invoice,
            .secondItemForEndedPeriod,
            .open,
            Self.smallest(item.quantity, units).negated,
            money: item.price.negated,
            note: "item \(item.id)"
        )
    }

    /// A row that is told and on no invoice, or whose item is one that takes back.
    ///
    /// - Returns: The item that the row's total has overwritten.
    private mutating func addNoItem(
        _ shown: ExactDecimal
    ) throws(LedgerError) -> WaldurInvoiceItem? {
        let quantity = try Self.smallest(shown, units)
        if input.book.isUnpriced(facts.key) {
            try add(.invoice, .componentNotPriced, .open, quantity)
            return nil
        }
        guard let items = facts.items else { return nil }
        let swallowed = items.first {
            $0.item.unitPrice.digits < 0 && $0.item.quantity == shown
        }
        guard let swallowed else {
            let cause: DifferenceCause =
                facts.isPlaced ? .notOnInvoice : .withoutPlanPeriod
            try add(.invoice, cause, .open, quantity, money: money(shown))
            return nil
        }
        try add(
            .invoice,
            .compensation,
            .open,
            quantity,
            money: money(shown)?.subtracting(swallowed.item.price),
            note: "the total overwrote item \(swallowed.item.id), which takes back"
        )
        return swallowed.item
    }

    /// Whether it is on the invoice of whoever used it.
    private mutating func addCustomer(_ billed: CustomerID) throws(LedgerError) {
        let owner = input.book.resources[facts.key.resourceKey]?
            .customer(at: input.ledger.period.start.start)
        var strangers: [String] = []
        for (tenant, used) in facts.users.sorted(by: { $0.key < $1.key }) where used != Quantity(0)
        {
            let customer =
                CustomerID(tenant.description) ?? owner.flatMap { CustomerID($0.description) }
            if let customer, customer != billed { strangers.append("\(used) used by \(tenant)") }
        }
        guard !strangers.isEmpty else { return }
        try add(
            .invoice,
            .movedToAnotherCustomer,
            .open,
            .zero,
            money: .zero,
            note: strangers.joined(separator: ", ") + " on the invoice of customer \(billed)"
        )
    }

    // MARK: - Arithmetic

    private mutating func add(
        _ gap: Share.Gap,
        _ cause: DifferenceCause,
        _ standing: DifferenceStanding,
        _ quantity: ExactDecimal,
        money: ExactDecimal? = nil,
        through step: ExactDecimal? = nil,
        note: String? = nil
    ) throws(LedgerError) {
        if gap == .usage { left = try left.subtracting(quantity) }
        parts.append((Share(gap, cause, standing, quantity, money: money, note: note), step))
    }

    private func reported(_ amount: LedgerAmount) -> ExactDecimal {
        // Told amounts are whole hundredths of the reported unit.
        ExactDecimal(digits: amount.rawValue / Int128(units), scale: 2)
    }

    /// nil where no price is known.
    private func money(_ quantity: ExactDecimal) throws(LedgerError) -> ExactDecimal? {
        guard let due else { return nil }
        return try cost(quantity, due)
    }

    private func moneyBetween(
        _ left: ExactDecimal,
        _ right: ExactDecimal
    ) throws(LedgerError) -> ExactDecimal? {
        guard let due else { return nil }
        return try cost(left, due).subtracting(cost(right, due))
    }

    /// What Waldur bills.
    private func cost(
        _ quantity: ExactDecimal,
        _ price: ExactDecimal
    ) throws(LedgerError) -> ExactDecimal {
        try quantity.multiplied(by: price).roundedAway(places: 2)
    }

    private static func smallest(
        _ reported: ExactDecimal?,
        _ units: UInt64
    ) throws(LedgerError) -> ExactDecimal {
        guard let reported else { return .zero }
        return try reported.multiplied(by: ExactDecimal(digits: Int128(units), scale: 0))
    }
}
