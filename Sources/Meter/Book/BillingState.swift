package import MeterWire

/// What follows from the decisions on prices, months, carries, adjustments, foreign figures and orders.
///
/// Part of ``BookState``: a pure fold, and the indexes for looking things up.
package struct BillingState: Sendable {
    /// Every reading that differed from the one before, oldest first.
    package private(set) var prices: [PriceKey: [PriceSeen]] = [:]
    package private(set) var offeringUnits: [OfferingComponent: OfferingUnitSet] = [:]
    /// By a component of Meter's in an offering: the offering's component that it is part of.
    private(set) var fed: [OfferingComponent: ComponentFeed] = [:]
    /// By Waldur, the offerings whose new resources are bound by themselves.
    package private(set) var followed: [WaldurID: [OfferingID: OfferingFollowed]] = [:]
    /// By Waldur, the cuts of its months.
    package private(set) var cuts: [WaldurID: [BillingMonth: PeriodCut]] = [:]
    /// The newest month that each Waldur was seen to have turned to.
    package private(set) var turned: [WaldurID: MonthTurned] = [:]
    package private(set) var carries: [UInt64: CarryStanding] = [:]
    /// What was decided about rows; by month and resource, so that a change copies one resource's.
    package private(set) var rows: [BillingMonth: [ResourceKey: [SubmissionKey: RowDecisions]]] =
        [:]
    /// Numbers of the carries that wait, by resource.
    package private(set) var waitingCarries: [ResourceKey: Set<UInt64>] = [:]
    package private(set) var lastCarryNumber: UInt64 = 0
    package private(set) var adjustments: [UInt64: AdjustmentStanding] = [:]
    package private(set) var corrections: [UInt64: CorrectionStanding] = [:]
    package private(set) var backfills: [UInt64: BackfillStanding] = [:]
    /// What they come to.
    package private(set) var corrected = CorrectedUsage()
    /// Of adjustments, corrections and backfills.
    package private(set) var lastAdjustmentNumber: UInt64 = 0
    /// Figures of others that stand, or are to be overwritten.
    package private(set) var foreign: [SubmissionKey: ForeignStanding] = [:]
    /// Rows in which another Meter's figure was overwritten without anybody's decision: that is done once.
    package private(set) var overwritten: Set<SubmissionKey> = []
    package private(set) var orders: [OrderID: OrderStanding] = [:]
    package private(set) var incidents: [(incident: Incident, found: Timestamp)] = []
    package private(set) var adopted: [ResourceKey: ResourceAdopted] = [:]
    package private(set) var released: [ResourceKey: ResourceReleased] = [:]
    package private(set) var periods: [TenantPeriod: PeriodStanding] = [:]
    /// The newest signs; those before it still verify what they signed.
    package private(set) var statementKeys: [StatementKeySet] = []

    package init() {}

    mutating func apply(_ entry: BookEntry) {
        switch entry.decision {
        case .priceSeen(let price): prices[price.key, default: []].append(price)
        case .offeringUnitSet(let unit): set(unit)
        case .periodCut(let cut): cuts[cut.waldur, default: [:]][cut.month] = cut
        case .monthTurned(let turn): turned[turn.waldur] = turn
        case .carryMade(let carry): add(carry, at: entry.time)
        case .carrySettled(let settlement): settle(settlement, at: entry.time)
        case .foreignFound(let found):
            foreign[found.key] =
                foreign[found.key].map { known in
                    var standing = ForeignStanding(found: found, since: known.since)
                    standing.isToReassert = false
                    return standing
                } ?? ForeignStanding(found: found, since: entry.time)
        case .foreignDecided(let decision):
            if decision.verdict == .reassert {
                if foreign[decision.key]?.found.writer != nil, decision.byDefault {
                    overwritten.insert(decision.key)
                }
                foreign[decision.key]?.isToReassert = true
            } else {
                foreign[decision.key] = nil
            }
        case .orderSeen(let order):
            if orders[order.order] == nil {
                orders[order.order] = OrderStanding(order: order, firstSeen: entry.time)
            } else {
                orders[order.order]?.order = order
            }
        case .orderFlushed(let flush): orders[flush.order]?.flushed = flush
        case .incidentFound(let incident): incidents.append((incident, entry.time))
        case .adjustmentMade(let adjustment): add(adjustment, by: entry.author, at: entry.time)
        case .adjustmentAcknowledged(let note): adjustments[note.number]?.isAcknowledged = true
        case .correctionMade(let correction): add(correction, by: entry.author, at: entry.time)
        case .backfillBegun(let backfill):
            lastAdjustmentNumber = max(lastAdjustmentNumber, backfill.number)
            backfills[backfill.number] = BackfillStanding(
                begun: backfill,
                author: entry.author,
                made: entry.time
            )
        case .backfillDone(let done): backfills[done.number]?.done = done
        case .creditGranted(let credit):
            carries[credit.number]?.credit = credit
            carries[credit.number]?.creditedAt = entry.time
        case .resourceAdopted(let adoption):
            adopted[adoption.resourceKey] = adoption
            released[adoption.resourceKey] = nil
        case .resourceReleased(let release): released[release.resourceKey] = release
        case .periodClosed(let closing):
            let before = periods[closing.key].map { $0.earlier + [$0.closed] } ?? []
            periods[closing.key] = PeriodStanding(
                closed: closing,
                closedAt: entry.time,
                earlier: before
            )
        case .periodReopened(let reopening): periods[reopening.key]?.isReopened = true
        case .statementKeySet(let key): statementKeys.append(key)
        case .offeringFollowed(let follow):
            followed[follow.waldur, default: [:]][follow.offering] =
                follow.agentFrom == nil ? nil : follow
        default: break
        }
    }

    private mutating func set(_ unit: OfferingUnitSet) {
        func key(_ feed: ComponentFeed) -> OfferingComponent {
            OfferingComponent(
                waldur: unit.waldur,
                offering: unit.offering,
                component: feed.component
            )
        }
        for feed in offeringUnits[unit.key]?.fedBy ?? [] { fed[key(feed)] = nil }
        offeringUnits[unit.key] = unit
        for feed in unit.fedBy ?? [] {
            fed[key(feed)] = ComponentFeed(component: unit.component, weight: max(feed.weight, 1))
        }
    }

    private mutating func add(_ carry: CarryMade, at time: Timestamp) {
        lastCarryNumber = max(lastCarryNumber, carry.number)
        carries[carry.number] = CarryStanding(
            carry: carry,
            made: time,
            cutCount: cuts[carry.from.waldur]?.count ?? 0
        )
        change(carry.from) { $0.carriesOut.append(carry.number) }
        if let to = carry.to {
            change(to) { $0.carriesIn.append(carry.number) }
        } else {
            waitingCarries[carry.from.resourceKey, default: []].insert(carry.number)
        }
    }

    private mutating func settle(_ settlement: CarrySettled, at time: Timestamp) {
        guard let carry = carries[settlement.number]?.carry else { return }
        carries[settlement.number]?.settled = settlement
        carries[settlement.number]?.settledAt = time
        waitingCarries[carry.from.resourceKey]?.remove(settlement.number)
        if let to = settlement.to { change(to) { $0.carriesIn.append(settlement.number) } }
    }

    private mutating func add(
        _ adjustment: AdjustmentMade,
        by author: String,
        at time: Timestamp
    ) {
        lastAdjustmentNumber = max(lastAdjustmentNumber, adjustment.number)
        adjustments[adjustment.number] = AdjustmentStanding(
            adjustment: adjustment,
            author: author,
            made: time
        )
        change(adjustment.key) { $0.adjustments.append(adjustment.number) }
        if let reverted = adjustment.reverts { adjustments[reverted]?.isReverted = true }
    }

    private mutating func add(
        _ correction: CorrectionMade,
        by author: String,
        at time: Timestamp
    ) {
        lastAdjustmentNumber = max(lastAdjustmentNumber, correction.number)
        if corrections[correction.number] == nil {
            corrections[correction.number] = CorrectionStanding(
                correction,
                author: author,
                made: time
            )
            if let reverted = correction.reverts {
                corrections[reverted]?.isReverted = true
                backfills[reverted]?.isReverted = true
            }
        } else {
            corrections[correction.number]?.lines += correction.lines
            corrections[correction.number]?.partCount += 1
        }
        for line in correction.lines { corrected.add(line) }
    }
}

extension BillingState {
    private mutating func change(_ key: SubmissionKey, _ body: (inout RowDecisions) -> Void) {
        body(&rows[key.month, default: [:]][key.resourceKey, default: [:]][key, default: .init()])
    }

    /// Waldur shows what was told again: a foreign figure that was to be overwritten is gone.
    mutating func setRight(_ key: SubmissionKey) {
        if foreign[key]?.isToReassert == true { foreign[key] = nil }
    }

    /// What was decided about a row.
    package func row(_ key: SubmissionKey) -> RowDecisions {
        rows[key.month]?[key.resourceKey]?[key] ?? RowDecisions()
    }

    /// The newest price that a Waldur showed; nil where nobody has seen one.
    package func price(_ key: PriceKey) -> PriceSeen? { prices[key]?.last }

    /// The newest price that a Waldur showed before a moment of its clock.
    package func price(_ key: PriceKey, before moment: Timestamp) -> PriceSeen? {
        prices[key]?.last { $0.read.map { $0 < moment } ?? true }
    }

    /// Nothing more can be told in this month.
    package func isCut(_ month: BillingMonth, of waldur: WaldurID) -> Bool {
        cuts[waldur]?[month] != nil
    }

    /// Carries that leave a row, oldest first.
    package func carries(from key: SubmissionKey) -> [CarryStanding] {
        row(key).carriesOut.compactMap { carries[$0] }
    }

    /// Carries that are told in a row, oldest first.
    package func carries(to key: SubmissionKey) -> [CarryStanding] {
        row(key).carriesIn.compactMap { carries[$0] }
    }

    /// Carries of a resource that wait, oldest first.
    package func waiting(of resource: ResourceKey) -> [CarryStanding] {
        (waitingCarries[resource] ?? []).sorted().compactMap { carries[$0] }
    }

    /// The backfill of a file, by the SHA-256 of it.
    package func backfill(of file: String) -> BackfillStanding? {
        backfills.values.first { $0.begun.file == file }
    }

    /// How many of its Waldur's cuts a carry has lived through, with those of the corrections that it is
    /// what is left of.
    package func cutsPassed(by carry: CarryMade) -> Int {
        let passed = Int(carry.cuts ?? 0)
        guard let standing = carries[carry.number] else { return passed }
        return passed + (cuts[carry.from.waldur]?.count ?? 0) - standing.cutCount
    }

    /// Adjustments of a row, oldest first.
    package func adjustments(of key: SubmissionKey) -> [AdjustmentStanding] {
        row(key).adjustments.compactMap { adjustments[$0] }
    }
}

/// What was decided about one row; carries and adjustments by number, oldest first.
package struct RowDecisions: Equatable, Sendable {
    /// Of the carries that leave it.
    package internal(set) var carriesOut: [UInt64] = []
    /// Of the carries that are told in it.
    package internal(set) var carriesIn: [UInt64] = []
    package internal(set) var adjustments: [UInt64] = []

    package init() {}
}

extension BookState {
    /// The plan of a row's plan period; nil where nobody has seen it.
    package func plan(of key: SubmissionKey) -> PlanID? {
        resources[key.resourceKey]?.periods.first { $0.id == key.planPeriod }?.plan
    }
}
