internal import Meter
internal import MeterWire

// What a cycle does before it turns to resources: it reads orders, sees whether Waldur has turned, cuts what
// is over, takes up what came late, and lets land what may.

/// One step of it.
enum MonthStep: Equatable, Sendable {
    case readOrders
    case readOrder(OrderID)
    case readInvoices
    case readMonth(BillingMonth)
    case book([Decision])

    /// Every account is asked, since none may see all of it; the others are done once.
    var isShared: Bool {
        switch self {
        case .readOrders, .readOrder, .readInvoices: true
        case .readMonth, .book: false
        }
    }
}

/// What is left of it in a cycle.
struct MonthWork: Sendable {
    var step: MonthStep?
    /// Nothing is left to do.
    var isDone = false
    /// What accounts answered to the present step.
    var orders: [WaldurOrder] = []
    var invoices: [WaldurInvoice] = []
    var isGone = true
    var ordersAreRead = false
    /// Open orders that the list no longer has.
    var vanished: [OrderID] = []
    var turnIsChecked = false
    var hasLanded = false
    /// Months to go through, last first.
    var sweeps: [BillingMonth] = []
}

extension Reporter {
    /// Begins with the months of a cycle.
    mutating func beginMonths(at moment: ReporterMoment, present: BillingMonth) {
        months = MonthWork()
        guard let first = firstMonth else { return }
        let isLateDue = moment.now >= nextLateSweep
        if isLateDue {
            nextLateSweep = moment.now.advanced(byMilliseconds: settings.lateMilliseconds)
        }
        var month = present
        // Events are admitted for 62 days, so that nothing but a backfill comes for a month older than three.
        for age in 1...Self.monthsBackMax {
            month = month.previous
            guard month >= first else { break }
            let mayGrow = age <= 3 || wasBackfilled(month)
            if !book.billing.isCut(month, of: settings.waldur) || isLateDue && mayGrow {
                months.sweeps.append(month)
            }
        }
    }

    private static let monthsBackMax = 12

    private func wasBackfilled(_ month: BillingMonth) -> Bool {
        let (start, end) = (month.start(in: settings.zone), month.end(in: settings.zone))
        return book.billing.backfills.values.contains {
            $0.begun.earliest.start < end && start <= $0.begun.latest.start
        }
    }

    /// The month in which this Waldur's first live binding begins.
    private var firstMonth: BillingMonth? {
        book.bindings.values.joined()
            .filter { $0.waldur == settings.waldur && $0.class == .live }
            .map(\.from).min()
            .flatMap { BillingMonth(of: $0.start, in: settings.zone) }
    }

    /// The active lane's action in the present step; nil where it has none, or months are done with.
    mutating func nextMonthAction(at moment: ReporterMoment) -> ReporterAction? {
        if months.step == nil {
            chooseMonthStep(at: moment)
            if months.step == nil { months.isDone = true }
            changes += 1
        }
        guard let step = months.step else { return nil }
        if step.isShared {
            guard lanes[active].reading == .due else { return nil }
        } else {
            guard active == lanes.firstIndex(where: \.takesPart) else { return nil }
        }
        switch step {
        case .readOrders: return .readOrders
        case .readOrder(let order): return .readOrder(order)
        case .readInvoices: return .readInvoices
        case .readMonth(let month): return .readMonth(month)
        case .book(let decisions): return .book(decisions)
        }
    }

    /// Has a step done by every account.
    private mutating func share(_ step: MonthStep) {
        months.step = step
        months.orders = []
        months.invoices = []
        months.isGone = true
        askEveryAccount()
    }

    /// The active lane has its answer; the last one leads on.
    mutating func answered(at moment: ReporterMoment) {
        lanes[active].reading = .done
        if everyAccountHasAnswered { sharedStepIsDone(at: moment) }
    }

    /// Goes on with what all accounts together answered.
    mutating func sharedStepIsDone(at moment: ReporterMoment) {
        let step = months.step
        months.step = nil
        changes += 1
        switch step {
        case .readOrders: ordersAreRead(at: moment)
        case .readOrder(let order): orderIsRead(order)
        case .readInvoices: invoicesAreRead(at: moment)
        case nil, .readMonth, .book: break
        }
    }

    private mutating func chooseMonthStep(at moment: ReporterMoment) {
        if !months.ordersAreRead {
            months.ordersAreRead = true
            return share(.readOrders)
        }
        if let order = months.vanished.popLast() {
            return share(.readOrder(order))
        }
        if !months.turnIsChecked {
            months.turnIsChecked = true
            if window(at: moment).unturned != nil { return share(.readInvoices) }
        }
        while let month = months.sweeps.popLast() {
            // What Waldur has of an open intent nobody knows; the cycle after its outcome goes on.
            guard !openIntents().contains(where: { $0.intent.month == month }) else { continue }
            months.step = .readMonth(month)
            return
        }
        guard !months.hasLanded else { return }
        months.hasLanded = true
        guard let month = window(at: moment).month else { return }
        let settlements = book.billing.waitingCarries.keys.sorted()
            .filter { $0.waldur == settings.waldur }
            .flatMap { book.billing.waiting(of: $0) }
            .compactMap { CarryLanding.settlement(of: $0.carry, book: book, into: month) }
        if !settlements.isEmpty { months.step = .book(settlements.map { .carrySettled($0) }) }
    }

    mutating func handleInvoices(
        _ result: Result<[WaldurInvoice], WaldurError>,
        at moment: ReporterMoment
    ) {
        switch result {
        case .success(let read): months.invoices += read
        // An account without a role at the provider sees none.
        case .failure(.status(403, _, _)): break
        case .failure(let error): return abortLane("invoices: \(error)", error, at: moment)
        }
        answered(at: moment)
    }

    private mutating func invoicesAreRead(at moment: ReporterMoment) {
        let invoices = months.invoices
        guard let clock = moment.clock, let month = window(at: moment).unturned else { return }
        let start = month.start(in: settings.zone)
        let time = clock.earliest(at: moment.now)
        let evidence = MonthTurn.evidence(
            MonthTurn.sight(
                book: book,
                waldur: settings.waldur,
                start: start,
                offerings: Array(offerings.values),
                invoices: invoices
            ),
            of: month,
            millisecondsIntoMonth: time.milliseconds - start.milliseconds,
            settings: settings
        )
        guard let evidence else { return }
        // What lands is weighed by the new prices, so they are booked with the turn.
        months.step = .book(
            newPrices(at: time) + [
                .monthTurned(
                    MonthTurned(
                        waldur: settings.waldur,
                        month: month,
                        evidence: evidence,
                        at: time
                    )
                )
            ]
        )
    }

    /// Prices of plans that the book knows and that are others now.
    private func newPrices(at time: Timestamp) -> [Decision] {
        var news: [Decision] = []
        for plan in offerings.values.flatMap(\.plans).sorted(by: { $0.id < $1.id }) {
            for (component, price) in plan.prices.sorted(by: { $0.key < $1.key }) {
                let seen = PriceSeen(
                    waldur: settings.waldur,
                    plan: plan.id,
                    component: component,
                    price: price.description,
                    futurePrice: plan.futurePrices[component]?.description,
                    read: time
                )
                guard let known = book.billing.price(seen.key), !known.isSame(as: seen) else {
                    continue
                }
                news.append(.priceSeen(seen))
            }
        }
        return news
    }

    mutating func handleMonth(
        _ result: Result<LedgerMonth, ReporterTrouble>,
        at moment: ReporterMoment
    ) {
        guard case .readMonth(let month) = months.step else { return }
        months.step = nil
        do {
            let ledger = try result.get()
            let isCut = book.billing.isCut(month, of: settings.waldur)
            let carries = try CarryMaking.carries(
                of: ledger,
                book: book,
                cause: isCut ? .late : wasToldToItsEnd(month) ? .tail : .outage,
                first: book.billing.lastCarryNumber + 1
            )
            var decisions = carries.map { Decision.carryMade($0) }
            if !isCut {
                decisions.append(
                    .periodCut(
                        PeriodCut(
                            waldur: settings.waldur,
                            month: month,
                            position: ledger.position
                        )
                    )
                )
            }
            if !decisions.isEmpty { months.step = .book(decisions) }
        } catch {
            abortCycle("the ledger of \(month): \(error)", at: moment)
        }
    }

    /// Whether a cycle got to its end in the last hour in which the month could be told.
    private func wasToldToItsEnd(_ month: BillingMonth) -> Bool {
        guard let completedCycle else { return false }
        let lead = settings.guardMilliseconds + max(2 * settings.cycleMilliseconds, 3_600_000)
        return completedCycle >= month.end(in: settings.zone).advanced(byMilliseconds: -lead)
    }
}
