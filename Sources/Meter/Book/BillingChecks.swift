internal import MeterWire

/// What the book refuses about prices, months, carries, adjustments, foreign figures and orders.
extension BookState {
    func billingRefusal(of decision: Decision) -> DecisionRefusal? {
        switch decision {
        case .offeringUnitSet(let unit): refusal(of: unit)
        case .periodCut(let cut): refusal(of: cut)
        case .monthTurned(let turn):
            billing.turned[turn.waldur].flatMap {
                turn.month > $0.month ? nil : .monthAlreadyTurned($0.month)
            }
        case .carryMade(let carry): refusal(of: carry)
        case .carrySettled(let settlement): refusal(of: settlement)
        case .foreignFound(let found):
            submission(found.key)?.open.first.map { .intentOpen(found.key, number: $0.number) }
        case .foreignDecided(let decision): refusal(of: decision)
        case .orderFlushed(let flush):
            billing.orders[flush.order] == nil ? .unknownOrder(flush.order) : nil
        case .adjustmentMade(let adjustment): refusal(of: adjustment)
        case .adjustmentAcknowledged(let note): refusal(of: note)
        case .resourceReleased(let release): release.reason.isEmpty ? .reasonMissing : nil
        case .periodClosed(let closing): refusal(of: closing)
        case .periodReopened(let reopening): refusal(of: reopening)
        case .statementKeySet(let key): refusal(of: key)
        default: nil
        }
    }

    private func refusal(of unit: OfferingUnitSet) -> DecisionRefusal? {
        if unit.unitsPerReported == 0 { return .unitsPerReportedZero }
        if unit.feeds.isEmpty { return .feedsEmpty(unit.key) }
        var names: Set<Name> = []
        for feed in unit.feeds {
            if components[feed.component] == nil { return .unknownComponent(feed.component) }
            if feed.weight == 0 { return .unitsPerReportedZero }
            if !names.insert(feed.component).inserted { return .feedTwice(feed.component) }
            let key = OfferingComponent(
                waldur: unit.waldur,
                offering: unit.offering,
                component: feed.component
            )
            if let other = billing.fed[key]?.component, other != unit.component {
                return .feedsAnother(feed.component, other)
            }
        }
        let known = self.unit(of: unit.key)
        guard
            known?.unitsPerReported != unit.unitsPerReported
                || Set(known?.feeds ?? []) != Set(unit.feeds)
                || (known?.bills ?? .all) != (unit.bills ?? .all)
        else { return nil }
        let isTold = submissions.values.joined().contains { key, _ in
            (key.component == unit.component || names.contains(key.component))
                && key.waldur == unit.waldur
                && resources[key.resourceKey]?.offering == unit.offering
        }
        return isTold ? .offeringUnitFixed(unit.key) : nil
    }

    private func refusal(of cut: PeriodCut) -> DecisionRefusal? {
        if billing.isCut(cut.month, of: cut.waldur) { return .periodIsCut(cut.month) }
        let open = openIntents.values.filter {
            $0.intent.waldur == cut.waldur && $0.intent.month == cut.month
        }
        return open.map(\.intent.number).min().map { .periodHasOpenIntent(cut.month, number: $0) }
    }

    private func refusal(of carry: CarryMade) -> DecisionRefusal? {
        if carry.number <= billing.lastCarryNumber {
            return .carryNumber(last: billing.lastCarryNumber)
        }
        if carry.amount == .zero { return .amountZero }
        return carry.to.flatMap { refusal(ofLandingIn: $0, from: carry.from) }
    }

    private func refusal(of settlement: CarrySettled) -> DecisionRefusal? {
        guard let standing = billing.carries[settlement.number] else {
            return .unknownCarry(settlement.number)
        }
        guard standing.waits else { return .carrySettled(settlement.number) }
        switch settlement.settlement {
        case .landed:
            guard let to = settlement.to else { return .carryTarget(settlement.number) }
            return refusal(ofLandingIn: to, from: standing.carry.from)
        case .creditRequest, .writtenOff:
            if settlement.to != nil { return .carryTarget(settlement.number) }
            return settlement.reason?.isEmpty ?? true ? .reasonMissing : nil
        }
    }

    private func refusal(
        ofLandingIn to: SubmissionKey,
        from: SubmissionKey
    ) -> DecisionRefusal? {
        guard to.resourceKey == from.resourceKey, to.component == from.component, to != from,
            to.month >= from.month
        else { return .carryElsewhere(from: from, to: to) }
        return billing.isCut(to.month, of: to.waldur) ? .periodIsCut(to.month) : nil
    }

    private func refusal(of decision: ForeignDecided) -> DecisionRefusal? {
        if decision.reason.isEmpty { return .reasonMissing }
        guard let standing = billing.foreign[decision.key] else {
            return .nothingForeign(decision.key)
        }
        if decision.verdict == .accept {
            guard let amount = decision.amount, amount >= .zero else {
                return .acceptedAmount(decision.key)
            }
            return nil
        }
        if decision.amount != nil { return .acceptedAmount(decision.key) }
        return decision.verdict == .reassert && standing.isToReassert
            ? .nothingForeign(decision.key) : nil
    }

    private func refusal(of adjustment: AdjustmentMade) -> DecisionRefusal? {
        if adjustment.reason.isEmpty { return .reasonMissing }
        if adjustment.number <= billing.lastAdjustmentNumber {
            return .adjustmentNumber(last: billing.lastAdjustmentNumber)
        }
        if adjustment.amount == .zero { return .amountZero }
        guard adjustment.kind == .revert else {
            return adjustment.reverts == nil ? nil : .notARevert(adjustment.number)
        }
        guard let number = adjustment.reverts, let reverted = billing.adjustments[number],
            reverted.adjustment.key == adjustment.key, !reverted.isReverted,
            reverted.adjustment.kind != .revert,
            reverted.adjustment.amount.rawValue == -adjustment.amount.rawValue
        else { return .notARevert(adjustment.number) }
        return nil
    }

    private func refusal(of note: AdjustmentAcknowledged) -> DecisionRefusal? {
        if note.reason.isEmpty { return .reasonMissing }
        guard let standing = billing.adjustments[note.number] else {
            return .unknownAdjustment(note.number)
        }
        return standing.isAcknowledged ? .adjustmentAcknowledged(note.number) : nil
    }

    private func refusal(of closing: PeriodClosed) -> DecisionRefusal? {
        guard billing.isCut(closing.month, of: closing.waldur) else {
            return .periodNotCut(closing.month)
        }
        guard BookHash(closing.statement) != nil else { return .statementHash }
        guard let standing = billing.periods[closing.key] else {
            return closing.revision == 1 && closing.previous == nil
                ? nil : .periodRevision(closing.key, next: 1)
        }
        guard standing.isReopened else { return .periodClosed(closing.key) }
        guard closing.revision == standing.closed.revision &+ 1,
            closing.previous == standing.closed.statement
        else { return .periodRevision(closing.key, next: standing.closed.revision &+ 1) }
        return nil
    }

    private func refusal(of reopening: PeriodReopened) -> DecisionRefusal? {
        if reopening.reason.isEmpty { return .reasonMissing }
        guard let standing = billing.periods[reopening.key], !standing.isReopened,
            standing.closed.revision == reopening.revision
        else { return .periodNotClosed(reopening.key) }
        return nil
    }

    private func refusal(of key: StatementKeySet) -> DecisionRefusal? {
        guard BookHash(key.publicKey) != nil else { return .statementKey }
        return billing.statementKeys.contains { $0.publicKey == key.publicKey }
            ? .statementKey : nil
    }
}
