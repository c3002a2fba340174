package import MeterWire

/// Why a decision contradicts the book.
package enum DecisionRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    case unknownPrincipal(PrincipalID)
    case principalNumber(next: PrincipalID)
    case principalKindFixed(PrincipalID)
    case keyExists(KeyID)
    case unknownKey(KeyID)
    case keyAlreadyRevoked(KeyID)
    case keyAlreadyReplaced(KeyID, by: KeyID)
    case keyReplacedByAnothers(KeyID, by: KeyID)
    case keyWithoutHash
    case wireKeyScopes
    case adminScopeOfTenant
    case componentFixed(Name)
    case unknownComponent(Name)
    case componentInUse(Name)
    case unitsPerReportedZero
    case accessExists(AccessID)
    case unknownAccess(AccessID)
    case accessOfAnother(tenant: Name, agent: Name)
    case bindingEmpty
    case bindingOverlaps(from: Minute, to: Minute?, resource: ResourceID)
    case unknownBinding(AccessID, from: Minute)
    case bindingEndNotEarlier
    case planPeriodTwice(PlanPeriodID)
    case intentNumber(last: UInt64)
    case intentEmpty
    case intentComponentTwice(Name)
    case intentNegative(Name)
    case intentOpen(SubmissionKey, number: UInt64)
    case intentLowers(SubmissionKey, confirmed: Hundredths)
    case unknownIntent(UInt64)
    case intentHasNot(UInt64, Name)
    case openingExists(SubmissionKey)
    case offeringUnitFixed(OfferingComponent)
    case feedsEmpty(OfferingComponent)
    case feedTwice(Name)
    case feedsAnother(Name, Name)
    case periodIsCut(BillingMonth)
    case periodNotCut(BillingMonth)
    case periodHasOpenIntent(BillingMonth, number: UInt64)
    case monthAlreadyTurned(BillingMonth)
    case carryNumber(last: UInt64)
    case carryElsewhere(from: SubmissionKey, to: SubmissionKey)
    case unknownCarry(UInt64)
    case carrySettled(UInt64)
    case carryTarget(UInt64)
    case amountZero
    case nothingForeign(SubmissionKey)
    case acceptedAmount(SubmissionKey)
    case unknownOrder(OrderID)
    case adjustmentNumber(last: UInt64)
    case unknownAdjustment(UInt64)
    case adjustmentAcknowledged(UInt64)
    case notARevert(UInt64)
    case correctionLines(limit: Int)
    case amountTooLarge
    case voidedEvents(UInt64)
    case backfillFile
    /// The file has this number already.
    case backfillKnown(UInt64)
    case backfillNotOpen(UInt64)
    case noCreditRequested(UInt64)
    case periodClosed(TenantPeriod)
    case periodNotClosed(TenantPeriod)
    case periodRevision(TenantPeriod, next: UInt32)
    case statementHash
    case statementKey
    case reasonMissing
    case rangeEmpty
    case notAQuarterHour
    case limitOfOther(Limit, LimitSubject)
    case tooManyAtOnce(limit: Int)
    case notEncodable

    package var description: String {
        switch self {
        case .unknownPrincipal(let id): "there is no principal \(id)"
        case .principalNumber(let next): "the next new principal must be number \(next)"
        case .principalKindFixed(let id):
            "principal \(id) cannot change from a platform to a tenant or to another tenant; make a new one"
        case .keyExists(let id): "key \(id) is already in the book; draw another id"
        case .unknownKey(let id): "there is no key \(id)"
        case .keyAlreadyRevoked(let id): "key \(id) is already revoked"
        case .keyAlreadyReplaced(let id, let by): "key \(id) is already replaced by key \(by)"
        case .keyReplacedByAnothers(let id, let by):
            "key \(by) is not another key of the same kind and holder as key \(id)"
        case .keyWithoutHash: "an HTTP key has the hash of its secret, a wire key has none"
        case .wireKeyScopes: "a wire key has the scope ingest and no other"
        case .adminScopeOfTenant: "a tenant's key cannot have the scope admin"
        case .componentFixed(let name):
            "component \(name) is declared with another unit, which never changes once used"
        case .unknownComponent(let name): "component \(name) is not declared"
        case .componentInUse(let name): "component \(name) was told to a Waldur and stays declared"
        case .unitsPerReportedZero: "a reported unit has at least one smallest unit"
        case .accessExists(let id): "access \(id) is already in the book"
        case .unknownAccess(let id): "there is no access \(id); make it first"
        case .accessOfAnother(let tenant, let agent):
            "the access belongs to agent \(agent) of tenant \(tenant)"
        case .bindingEmpty: "a binding must end after it begins"
        case .bindingOverlaps(let from, let to, let resource):
            "the access is bound to resource \(resource) from \(TimeText.text(from) ?? "") to "
                + "\(to.flatMap { TimeText.text($0) } ?? "open end"); end that binding first"
        case .unknownBinding(let access, let from):
            "access \(access) has no binding that begins at \(TimeText.text(from) ?? "")"
        case .bindingEndNotEarlier:
            "a binding's end can be set or moved to an earlier minute, not before its start"
        case .planPeriodTwice(let id): "plan period \(id) stands there twice"
        case .intentNumber(let last): "the next intent must have a number above \(last)"
        case .intentEmpty: "an intent has at least one component"
        case .intentComponentTwice(let name): "the intent has component \(name) twice"
        case .intentNegative(let name): "the total of \(name) is below zero; never submitted"
        case .intentOpen(let key, let number):
            "intent \(number) for \(key) is open; read it back first"
        case .intentLowers(let key, let confirmed):
            "\(key) is confirmed with \(confirmed); a lower figure needs a reason"
        case .unknownIntent(let number): "there is no open intent \(number)"
        case .intentHasNot(let number, let name):
            "component \(name) is not open in intent \(number)"
        case .openingExists(let key): "\(key) already has an opening balance"
        case .feedsEmpty(let component): "\(component) is made up of nothing"
        case .feedTwice(let name): "component \(name) stands there twice"
        case .feedsAnother(let name, let other):
            "component \(name) is part of the offering's \(other) already; it would be billed twice"
        case .offeringUnitFixed(let component):
            "\(component) was told in another way; unit, feeds and billed outcomes never change once used"
        case .periodIsCut(let month): "\(month) is cut; nothing more is told in it"
        case .periodNotCut(let month): "\(month) is not over; it cannot be closed"
        case .periodHasOpenIntent(let month, let number):
            "intent \(number) of \(month) is open; read it back first"
        case .monthAlreadyTurned(let month): "Waldur was already seen to have turned to \(month)"
        case .carryNumber(let last): "the next carry must have a number above \(last)"
        case .carryElsewhere(let from, let to):
            "usage of \(from) lands in the same resource and component, and not in \(to)"
        case .unknownCarry(let number): "there is no carry \(number)"
        case .carrySettled(let number): "carry \(number) does not wait"
        case .carryTarget(let number):
            "carry \(number) needs a row to land in, and only if it lands"
        case .amountZero: "the amount is zero"
        case .nothingForeign(let key): "\(key) has no foreign figure to decide about"
        case .acceptedAmount(let key):
            "accepting a figure of \(key) needs the amount, not below zero; nothing else does"
        case .unknownOrder(let order): "order \(order) was never seen"
        case .adjustmentNumber(let last): "the next adjustment must have a number above \(last)"
        case .unknownAdjustment(let number): "there is no adjustment \(number)"
        case .adjustmentAcknowledged(let number): "adjustment \(number) is acknowledged"
        case .notARevert(let number):
            "adjustment \(number) must take back exactly one other, once"
        case .correctionLines(let limit): "an entry of a correction has 1 to \(limit) lines"
        case .amountTooLarge: "an amount is beyond 2^96"
        case .voidedEvents(let number):
            "adjustment \(number) must say which events it takes back, and only take away"
        case .backfillFile: "a file that is backfilled has a SHA-256 of 64 hexadecimal digits"
        case .backfillKnown(let number): "the file is backfill \(number) already"
        case .backfillNotOpen(let number):
            "there is no backfill \(number) that has begun and is not done"
        case .noCreditRequested(let number):
            "carry \(number) is no credit request that waits to be granted"
        case .periodClosed(let period): "\(period) is closed; reopen it first"
        case .periodNotClosed(let period): "that revision of \(period) is not the closed one"
        case .periodRevision(let period, let next):
            "the next revision of \(period) is \(next), with the hash of the one before"
        case .statementHash: "a statement has a SHA-256 of 64 hexadecimal digits"
        case .statementKey: "a new statement key has 64 hexadecimal digits that no other has"
        case .reasonMissing: "a reason is needed"
        case .rangeEmpty: "the range is empty"
        case .notAQuarterHour:
            "what counts changes at a whole quarter hour, in which details are kept"
        case .limitOfOther(let limit, let subject):
            "\(limit.rawValue) is no limit of a \(subject.kind); a \(subject.kind) has "
                + subject.limits.map(\.rawValue).joined(separator: ", ")
        case .tooManyAtOnce(let limit): "at most \(limit) decisions can be booked at once"
        case .notEncodable: "the decision cannot be written as JSON"
        }
    }
}
