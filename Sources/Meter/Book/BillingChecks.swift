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
        case .correctionMade(let correction): refusal(of: correction)
        case .creditGranted(let credit): refusal(of: credit)
        case .backfillBegun(let backfill): refusal(of: backfill)
        case .backfillDone(let done):
            billing.backfills[done.number].map { $0.done == nil } ?? false
                ? nil : .backfillNotOpen(done.number)
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

    private func refusal(of correction: CorrectionMade) -> DecisionRefusal? {
        if correction.reason.isEmpty { return .reasonMissing }
        let (part, parts) = (correction.part ?? 0, correction.parts ?? 1)
        let known = billing.corrections[correction.number]
        let isNext =
            part == 0
            ? correction.number > billing.lastAdjustmentNumber
            : known?.partCount == part && known?.parts == parts && known?.kind == correction.kind
                && known?.reverts == correction.reverts
        guard isNext, part < parts else {
            return .adjustmentNumber(last: billing.lastAdjustmentNumber)
        }
        guard (1...CorrectionMade.lineCountMax).contains(correction.lines.count) else {
            return .correctionLines(limit: CorrectionMade.lineCountMax)
        }
        for line in correction.lines {
            if line.amount == .zero { return .amountZero }
            if line.amount.rawValue.magnitude > CorrectionLine.amountMax.magnitude {
                return .amountTooLarge
            }
        }
        if let refusal = refusal(ofVoid: correction, isFirst: part == 0) { return refusal }
        guard correction.kind == .revert else {
            return correction.reverts == nil ? nil : .notARevert(correction.number)
        }
        return isRevert(correction, from: Int(part) * CorrectionMade.lineCountMax)
            ? nil : .notARevert(correction.number)
    }

    /// A void, also that of a backfill, says first which events it takes back, and takes away only.
    private func refusal(
        ofVoid correction: CorrectionMade,
        isFirst: Bool
    ) -> DecisionRefusal? {
        let backfill = correction.reverts.flatMap { billing.backfills[$0] }
        let isVoid = correction.kind == .void || correction.kind == .revert && backfill != nil
        guard (correction.voids != nil) == (isVoid && isFirst) else {
            return .voidedEvents(correction.number)
        }
        guard isVoid else { return nil }
        let leavesKnown = correction.voids?.besides.allSatisfy {
            billing.corrections[$0]?.voids != nil
        }
        guard leavesKnown ?? true, correction.lines.allSatisfy({ $0.amount < .zero }) else {
            return .voidedEvents(correction.number)
        }
        return nil
    }

    /// Whether the lines of an entry are the opposite of those of the correction that it takes back, in
    /// their order, and no others are left over.
    private func isRevert(_ correction: CorrectionMade, from first: Int) -> Bool {
        if let backfill = correction.reverts.flatMap({ billing.backfills[$0] }) {
            return isRevert(correction, of: backfill)
        }
        guard let number = correction.reverts, let reverted = billing.corrections[number],
            reverted.kind != .revert, !reverted.isReverted || correction.part ?? 0 > 0
        else { return false }
        let lines = reverted.lines.dropFirst(first).prefix(CorrectionMade.lineCountMax)
        return lines.map(\.opposite) == correction.lines && reverted.parts == correction.parts ?? 1
    }

    /// A backfill goes whole, so that no event of it comes back when another void is taken back.
    private func isRevert(_ correction: CorrectionMade, of backfill: BackfillStanding) -> Bool {
        if correction.part ?? 0 > 0 { return backfill.isReverted }
        return backfill.done != nil && !backfill.isReverted
            && correction.voids?.source == backfill.source
            && correction.voids?.besides.isEmpty ?? false
    }

    private func refusal(of backfill: BackfillBegun) -> DecisionRefusal? {
        if backfill.reason.isEmpty { return .reasonMissing }
        if backfill.number <= billing.lastAdjustmentNumber {
            return .adjustmentNumber(last: billing.lastAdjustmentNumber)
        }
        guard SourceID(backfill: backfill.file) != nil else { return .backfillFile }
        return billing.backfill(of: backfill.file).map { .backfillKnown($0.begun.number) }
    }

    private func refusal(of credit: CreditGranted) -> DecisionRefusal? {
        guard let standing = billing.carries[credit.number] else {
            return .unknownCarry(credit.number)
        }
        return standing.requestsCredit && standing.credit == nil
            ? nil : .noCreditRequested(credit.number)
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
