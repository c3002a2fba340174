/// Stands beside the content's own fields; no content has a field of this name.
private enum DecisionCodingKeys: String, CodingKey { case decision }

extension Decision: Codable {
    package init(from decoder: any Decoder) throws {
        let kind = try decoder.container(keyedBy: DecisionCodingKeys.self)
            .decode(Kind.self, forKey: .decision)
        switch kind {
        case .principalSet: self = .principalSet(try Principal(from: decoder))
        case .keyCreated: self = .keyCreated(try Key(from: decoder))
        case .keyRevoked: self = .keyRevoked(try KeyRevocation(from: decoder))
        case .keyReplaced: self = .keyReplaced(try KeyReplacement(from: decoder))
        case .componentDeclared: self = .componentDeclared(try Component(from: decoder))
        case .componentWithdrawn:
            self = .componentWithdrawn(try ComponentWithdrawal(from: decoder))
        case .accessMade: self = .accessMade(try Access(from: decoder))
        case .bindingSet: self = .bindingSet(try Binding(from: decoder))
        case .bindingEnded: self = .bindingEnded(try BindingEnd(from: decoder))
        case .planPeriodsSeen: self = .planPeriodsSeen(try PlanPeriodsSeen(from: decoder))
        case .priceSeen: self = .priceSeen(try PriceSeen(from: decoder))
        case .submissionIntended: self = .submissionIntended(try SubmissionIntent(from: decoder))
        case .submissionConfirmed:
            self = .submissionConfirmed(try SubmissionOutcome(from: decoder))
        case .submissionRefused: self = .submissionRefused(try SubmissionOutcome(from: decoder))
        case .submissionUnknown: self = .submissionUnknown(try SubmissionOutcome(from: decoder))
        case .openingBalance: self = .openingBalance(try OpeningBalance(from: decoder))
        case .reportingResumed: self = .reportingResumed(try ReportingResumption(from: decoder))
        case .sourceRetired: self = .sourceRetired(try SourceRetirement(from: decoder))
        case .gapAccepted: self = .gapAccepted(try GapAcceptance(from: decoder))
        case .conflictDecided: self = .conflictDecided(try ConflictDecision(from: decoder))
        case .detailsErased: self = .detailsErased(try DetailsErasure(from: decoder))
        case .limitsSet: self = .limitsSet(try LimitsDecision(from: decoder))
        case .offeringUnitSet: self = .offeringUnitSet(try OfferingUnitSet(from: decoder))
        case .periodCut: self = .periodCut(try PeriodCut(from: decoder))
        case .monthTurned: self = .monthTurned(try MonthTurned(from: decoder))
        case .carryMade: self = .carryMade(try CarryMade(from: decoder))
        case .carrySettled: self = .carrySettled(try CarrySettled(from: decoder))
        case .foreignFound: self = .foreignFound(try ForeignFound(from: decoder))
        case .foreignDecided: self = .foreignDecided(try ForeignDecided(from: decoder))
        case .orderSeen: self = .orderSeen(try OrderSeen(from: decoder))
        case .orderFlushed: self = .orderFlushed(try OrderFlushed(from: decoder))
        case .incidentFound: self = .incidentFound(try Incident(from: decoder))
        case .adjustmentMade: self = .adjustmentMade(try AdjustmentMade(from: decoder))
        case .adjustmentAcknowledged:
            self = .adjustmentAcknowledged(try AdjustmentAcknowledged(from: decoder))
        case .resourceAdopted: self = .resourceAdopted(try ResourceAdopted(from: decoder))
        case .resourceReleased: self = .resourceReleased(try ResourceReleased(from: decoder))
        case .periodClosed: self = .periodClosed(try PeriodClosed(from: decoder))
        case .periodReopened: self = .periodReopened(try PeriodReopened(from: decoder))
        case .statementKeySet: self = .statementKeySet(try StatementKeySet(from: decoder))
        case .offeringFollowed: self = .offeringFollowed(try OfferingFollowed(from: decoder))
        case .correctionMade: self = .correctionMade(try CorrectionMade(from: decoder))
        case .creditGranted: self = .creditGranted(try CreditGranted(from: decoder))
        case .countingDeclared:
            self = .countingDeclared(try CountingDeclaration(from: decoder))
        case .backfillBegun: self = .backfillBegun(try BackfillBegun(from: decoder))
        case .backfillDone: self = .backfillDone(try BackfillDone(from: decoder))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: DecisionCodingKeys.self)
        try container.encode(kind, forKey: .decision)
        try content.encode(to: encoder)
    }
}
