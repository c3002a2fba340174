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
    case limitsSet(LimitsDecision)
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
        case limitsSet = "limits-set"
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
        case .limitsSet: .limitsSet
        }
    }

    /// What was decided, without its kind.
    private var content: any Codable {
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
        case .limitsSet(let content): content
        }
    }
}

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
        case .limitsSet: self = .limitsSet(try LimitsDecision(from: decoder))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: DecisionCodingKeys.self)
        try container.encode(kind, forKey: .decision)
        try content.encode(to: encoder)
    }
}
