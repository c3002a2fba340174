package import MeterWire

/// One thing that was decided, by a person or by the reporter, or learnt from a Waldur.
///
/// In JSON it is one flat object whose field `decision` is the name that ``kind`` gives. The names stay for ever;
/// a binary that meets a kind that it does not know refuses the book rather than guess.
package enum Decision: Equatable, Sendable {
    case principalSet(Principal)
    case keyCreated(Key)
    case keyRevoked(KeyRevocation)
    case keyReplaced(KeyReplacement)
    case componentDeclared(Component)
    case componentWithdrawn(ComponentWithdrawal)
    case accessMade(Access)
    case bindingSet(Binding)
    case bindingEnded(BindingEnd)
    case planPeriodsSeen(PlanPeriodsSeen)
    case priceSeen(PriceSeen)
    case submissionIntended(SubmissionIntent)
    case submissionConfirmed(SubmissionOutcome)
    case submissionRefused(SubmissionOutcome)
    case submissionUnknown(SubmissionOutcome)
    case openingBalance(OpeningBalance)
    case reportingResumed(ReportingResumption)
    case sourceRetired(SourceRetirement)
    case gapAccepted(GapAcceptance)
    case conflictDecided(ConflictDecision)
    case detailsErased(DetailsErasure)
    case limitsSet(LimitsDecision)
    case offeringUnitSet(OfferingUnitSet)
    case periodCut(PeriodCut)
    case monthTurned(MonthTurned)
    case carryMade(CarryMade)
    case carrySettled(CarrySettled)
    case foreignFound(ForeignFound)
    case foreignDecided(ForeignDecided)
    case orderSeen(OrderSeen)
    case orderFlushed(OrderFlushed)
    case incidentFound(Incident)
    case adjustmentMade(AdjustmentMade)
    case adjustmentAcknowledged(AdjustmentAcknowledged)
    case resourceAdopted(ResourceAdopted)
    case resourceReleased(ResourceReleased)
    case periodClosed(PeriodClosed)
    case periodReopened(PeriodReopened)
    case statementKeySet(StatementKeySet)
    case offeringFollowed(OfferingFollowed)
    case correctionMade(CorrectionMade)
    case creditGranted(CreditGranted)
    case countingDeclared(CountingDeclaration)
    case backfillBegun(BackfillBegun)
    case backfillDone(BackfillDone)
}

/// A key opens nothing any more.
package struct KeyRevocation: Equatable, Codable, Sendable {
    package let id: KeyID
    package let reason: String?

    package init(id: KeyID, reason: String? = nil) {
        self.id = id
        self.reason = reason
    }
}

/// Another key of the same principal takes a key's place; until a moment both are good, so that holders
/// have time to change and what was sealed with the old one still verifies.
package struct KeyReplacement: Equatable, Codable, Sendable {
    package let id: KeyID
    package let by: KeyID
    /// From this moment on the old key opens nothing.
    package let ends: Timestamp

    package init(id: KeyID, by: KeyID, ends: Timestamp) {
        self.id = id
        self.by = by
        self.ends = ends
    }
}

/// Takes back a declaration of which nothing was metered; the caller has looked.
package struct ComponentWithdrawal: Equatable, Codable, Sendable {
    package let name: Name

    package init(name: Name) { self.name = name }
}

/// A person lets the reporter send in this month.
package struct ReportingResumption: Equatable, Codable, Sendable {
    package let waldur: WaldurID
    package let month: BillingMonth

    package init(waldur: WaldurID, month: BillingMonth) {
        self.waldur = waldur
        self.month = month
    }
}

extension Decision {
    /// The stable names of the kinds.
    package enum Kind: String, Codable, Sendable, CaseIterable {
        case principalSet = "principal-set"
        case keyCreated = "key-created"
        case keyRevoked = "key-revoked"
        case keyReplaced = "key-replaced"
        case componentDeclared = "component-declared"
        case componentWithdrawn = "component-withdrawn"
        case accessMade = "access-made"
        case bindingSet = "binding-set"
        case bindingEnded = "binding-ended"
        case planPeriodsSeen = "plan-periods-seen"
        case priceSeen = "price-seen"
        case submissionIntended = "submission-intended"
        case submissionConfirmed = "submission-confirmed"
        case submissionRefused = "submission-refused"
        case submissionUnknown = "submission-unknown"
        case openingBalance = "opening-balance"
        case reportingResumed = "reporting-resumed"
        case sourceRetired = "source-retired"
        case gapAccepted = "gap-accepted"
        case conflictDecided = "conflict-decided"
        case detailsErased = "details-erased"
        case limitsSet = "limits-set"
        case offeringUnitSet = "offering-unit-set"
        case periodCut = "period-cut"
        case monthTurned = "month-turned"
        case carryMade = "carry-made"
        case carrySettled = "carry-settled"
        case foreignFound = "foreign-found"
        case foreignDecided = "foreign-decided"
        case orderSeen = "order-seen"
        case orderFlushed = "order-flushed"
        case incidentFound = "incident-found"
        case adjustmentMade = "adjustment-made"
        case adjustmentAcknowledged = "adjustment-acknowledged"
        case resourceAdopted = "resource-adopted"
        case resourceReleased = "resource-released"
        case periodClosed = "period-closed"
        case periodReopened = "period-reopened"
        case statementKeySet = "statement-key-set"
        case offeringFollowed = "offering-followed"
        case correctionMade = "correction-made"
        case creditGranted = "credit-granted"
        case countingDeclared = "counting-declared"
        case backfillBegun = "backfill-begun"
        case backfillDone = "backfill-done"
    }

    package var kind: Kind {
        switch self {
        case .principalSet: .principalSet
        case .keyCreated: .keyCreated
        case .keyRevoked: .keyRevoked
        case .keyReplaced: .keyReplaced
        case .componentDeclared: .componentDeclared
        case .componentWithdrawn: .componentWithdrawn
        case .accessMade: .accessMade
        case .bindingSet: .bindingSet
        case .bindingEnded: .bindingEnded
        case .planPeriodsSeen: .planPeriodsSeen
        case .priceSeen: .priceSeen
        case .submissionIntended: .submissionIntended
        case .submissionConfirmed: .submissionConfirmed
        case .submissionRefused: .submissionRefused
        case .submissionUnknown: .submissionUnknown
        case .openingBalance: .openingBalance
        case .reportingResumed: .reportingResumed
        case .sourceRetired: .sourceRetired
        case .gapAccepted: .gapAccepted
        case .conflictDecided: .conflictDecided
        case .detailsErased: .detailsErased
        case .limitsSet: .limitsSet
        case .offeringUnitSet: .offeringUnitSet
        case .periodCut: .periodCut
        case .monthTurned: .monthTurned
        case .carryMade: .carryMade
        case .carrySettled: .carrySettled
        case .foreignFound: .foreignFound
        case .foreignDecided: .foreignDecided
        case .orderSeen: .orderSeen
        case .orderFlushed: .orderFlushed
        case .incidentFound: .incidentFound
        case .adjustmentMade: .adjustmentMade
        case .adjustmentAcknowledged: .adjustmentAcknowledged
        case .resourceAdopted: .resourceAdopted
        case .resourceReleased: .resourceReleased
        case .periodClosed: .periodClosed
        case .periodReopened: .periodReopened
        case .statementKeySet: .statementKeySet
        case .offeringFollowed: .offeringFollowed
        case .correctionMade: .correctionMade
        case .creditGranted: .creditGranted
        case .countingDeclared: .countingDeclared
        case .backfillBegun: .backfillBegun
        case .backfillDone: .backfillDone
        }
    }

    /// What was decided, without its kind.
    var content: any Codable {
        switch self {
        case .principalSet(let content): content
        case .keyCreated(let content): content
        case .keyRevoked(let content): content
        case .keyReplaced(let content): content
        case .componentDeclared(let content): content
        case .componentWithdrawn(let content): content
        case .accessMade(let content): content
        case .bindingSet(let content): content
        case .bindingEnded(let content): content
        case .planPeriodsSeen(let content): content
        case .priceSeen(let content): content
        case .submissionIntended(let content): content
        case .submissionConfirmed(let content): content
        case .submissionRefused(let content): content
        case .submissionUnknown(let content): content
        case .openingBalance(let content): content
        case .reportingResumed(let content): content
        case .sourceRetired(let content): content
        case .gapAccepted(let content): content
        case .conflictDecided(let content): content
        case .detailsErased(let content): content
        case .limitsSet(let content): content
        case .offeringUnitSet(let content): content
        case .periodCut(let content): content
        case .monthTurned(let content): content
        case .carryMade(let content): content
        case .carrySettled(let content): content
        case .foreignFound(let content): content
        case .foreignDecided(let content): content
        case .orderSeen(let content): content
        case .orderFlushed(let content): content
        case .incidentFound(let content): content
        case .adjustmentMade(let content): content
        case .adjustmentAcknowledged(let content): content
        case .resourceAdopted(let content): content
        case .resourceReleased(let content): content
        case .periodClosed(let content): content
        case .periodReopened(let content): content
        case .statementKeySet(let content): content
        case .offeringFollowed(let content): content
        case .correctionMade(let content): content
        case .creditGranted(let content): content
        case .countingDeclared(let content): content
        case .backfillBegun(let content): content
        case .backfillDone(let content): content
        }
    }
}
