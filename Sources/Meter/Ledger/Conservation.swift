package import MeterWire

/// Something came in that is nowhere, or is somewhere and never came in.
package enum Violation: Equatable, Sendable, CustomStringConvertible {
    /// Events ≠ accepted + refused + in conflict + duplicate + deferred.
    case admission(principal: PrincipalID, AdmissionCounts)
    /// The account's two sides differ.
    case account(LedgerAccount, incoming: LedgerAmount, outgoing: LedgerAmount)
    /// A stored term is not what its source says.
    case term(LedgerAccount, LedgerTerm, stored: LedgerAmount, source: LedgerAmount)
    /// A figure to tell is not what the account's lines say.
    case figure(SubmissionKey, stored: Hundredths, lines: LedgerAmount)
    /// Metered ≠ attributed + attributed elsewhere + unassigned, or the same of what was corrected.
    case tenant(TenantLine)
    /// A term of a tenant's line is not what its source says.
    case tenantTerm(TenantLine.Key, term: String, stored: String, source: String)
    /// A sum of what is checked leaves 127 bits.
    case overflow

    package var description: String {
        switch self {
        case .admission(let principal, let counts):
            "principal \(principal): \(counts.events) events ≠ \(counts.accepted) accepted + "
                + "\(counts.refused) refused + \(counts.inConflict) in conflict + "
                + "\(counts.duplicate) duplicate + \(counts.deferred) deferred"
        case .account(let account, let incoming, let outgoing):
            "\(account): \(incoming) came in, \(outgoing) is accounted for"
        case .term(let account, let term, let stored, let source):
            "\(account): \(term) is \(stored), its source says \(source)"
        case .figure(let key, let stored, let lines):
            "\(key): the figure to tell is \(stored), the account's lines come to \(lines)"
        case .tenant(let line):
            "tenant \(line.key.tenant), \(line.key.component): \(line.metered) metered ≠ "
                + "\(line.attributed) attributed + \(line.attributedElsewhere) elsewhere + "
                + "\(line.unassigned) unassigned, or \(line.adjusted) adjusted ≠ "
                + "\(line.adjustedAttributed) + \(line.adjustedElsewhere) + "
                + "\(line.adjustedUnassigned)"
        case .tenantTerm(let key, let term, let stored, let source):
            "tenant \(key.tenant), \(key.component): \(term) is \(stored), its source says \(source)"
        case .overflow: "a sum is larger than 2^127"
        }
    }
}

/// The equations that hold as long as nothing is lost and nothing is invented.
package enum Conservation {
    /// Per principal and server run: every event of an authenticated frame or batch has one outcome.
    package static func check(_ counts: AdmissionCounts, of principal: PrincipalID) -> [Violation] {
        var sum: UInt128 = 0
        for count in [
            counts.accepted, counts.refused, counts.inConflict, counts.duplicate, counts.deferred,
        ] {
            sum += UInt128(count)
        }
        return sum == UInt128(counts.events)
            ? [] : [.admission(principal: principal, counts)]
    }

    /// Per account and per tenant, each equation, and each stored term against where it comes from.
    ///
    /// - Parameters:
    ///   - book: The state that the ledger was made with.
    ///   - tenants: Of whom the ledger is; nil for all.
    ///   - totals: Optionally the answer to another query over the whole period, grouped by tenant and
    ///     component only, at the ledger's position: then what was metered is checked, too.
    package static func check(
        _ month: LedgerMonth,
        book: BookState,
        tenants: Set<Name>? = nil,
        totals: UsageAnswer? = nil
    ) -> [Violation] {
        do throws(LedgerError) {
            var audit = LedgerAudit(month: month, book: book)
            try audit.checkAccounts()
            try audit.checkTold()
            try audit.checkTenants()
            try audit.checkCorrected(of: tenants)
            if let totals { audit.checkMetered(totals) }
            return audit.violations
        } catch {
            return [.overflow]
        }
    }
}
