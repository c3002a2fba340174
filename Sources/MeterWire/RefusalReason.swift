/// Why an authenticated event was refused: its number in acknowledgements and the journal, its name in
/// metrics and answers. Numbers are never used again for another meaning.
public enum RefusalReason: UInt8, Sendable, CaseIterable {
    /// The payload breaks a rule of the format.
    case malformed = 1
    /// The principal may not emit for the tenant.
    case tenantNotAllowed = 2
    /// Older than the horizon of its way in.
    case tooOld = 3
    /// More than 5 minutes ahead of the server.
    case inFuture = 4
    /// Names an access that belongs to another tenant.
    case accessOfOtherTenant = 5
    /// A name never seen before, beyond the tenant's limit of names.
    case newNameBeyondLimit = 6
    /// An amount that is negative, not whole in the component's unit, or beyond 2^63 - 1.
    case amountOutOfRange = 7
    /// Its id can no longer be compared with those seen before.
    case tooOldForIDDedup = 8
    /// The principal may not emit at all with this credential.
    case notPermitted = 9

    /// The stable name in metrics and HTTP answers.
    public var name: String {
        switch self {
        case .malformed: "malformed"
        case .tenantNotAllowed: "tenant-not-allowed"
        case .tooOld: "too-old"
        case .inFuture: "in-future"
        case .accessOfOtherTenant: "access-of-other-tenant"
        case .newNameBeyondLimit: "new-name-beyond-limit"
        case .amountOutOfRange: "amount-out-of-range"
        case .tooOldForIDDedup: "too-old-for-id-dedup"
        case .notPermitted: "not-permitted"
        }
    }
}
