internal import Meter
internal import MeterWire

/// What emitters claim beside what was metered, per tenant and component.
///
/// A claim names the amounts that the server may not have by tenant, component and time; what it has stands
/// in the ledger. So what is claimed is what was metered and what the gaps' claims leave unmet. Usage that
/// came over HTTP is claimed by its coming.
enum ClaimReconciliation {
    typealias Share = Reconciliation.Share

    private struct Key: Hashable {
        let tenant: Name
        let component: Name
    }

    static func lines(
        _ input: ReconciliationInput
    ) throws(LedgerError) -> [Reconciliation.ClaimLine] {
        var metered: [Key: ExactDecimal] = [:]
        for line in input.ledger.tenants where input.tenant.map({ $0 == line.key.tenant }) ?? true {
            metered[Key(tenant: line.key.tenant, component: line.key.component)] = ExactDecimal(
                try LedgerAmount(total: line.metered.rawValue)
            )
        }
        var shares: [Key: [Share]] = [:]
        for source in input.sources {
            let gaps = source.gaps(horizon: input.horizon)
            for gap in gaps {
                let alike = gaps.filter { $0.cause == gap.cause }
                for (key, share) in self.shares(of: gap, alike, source, input, Array(metered.keys))
                {
                    shares[key, default: []].append(share)
                }
            }
        }
        let keys = Set(metered.keys).union(shares.keys).sorted {
            $0.tenant != $1.tenant ? $0.tenant < $1.tenant : $0.component < $1.component
        }
        var lines: [Reconciliation.ClaimLine] = []
        for key in keys {
            let ledger = metered[key] ?? .zero
            let own = shares[key] ?? []
            let known = own.compactMap(\.quantity)
            let missing = known.count == own.count ? try ExactDecimal.sum(known) : nil
            lines.append(
                Reconciliation.ClaimLine(
                    tenant: key.tenant,
                    component: key.component,
                    claimed: try missing?.adding(ledger),
                    ledger: ledger,
                    difference: missing,
                    shares: own
                )
            )
        }
        return lines
    }

    /// What a gap may be of which tenant's component in the period.
    private static func shares(
        of gap: SourceGap,
        _ alike: [SourceGap],
        _ source: SourceSummary,
        _ input: ReconciliationInput,
        _ known: [Key]
    ) -> [(Key, Share)] {
        let period = input.ledger.period
        let lines = claimed(gap, source)
        // What a claim says of several gaps is accepted when all of them are.
        let isAccepted = (lines == nil ? [gap] : alike).allSatisfy(input.book.accepts)
        let isAlive = input.now.milliseconds - source.lastSeen.milliseconds < aliveMilliseconds
        // A living source goes on and claims; that alone is no difference.
        if gap.cause == .unclean, isAlive, source.claim != nil { return [] }
        let (cause, standing) = fate(gap, isAccepted: isAccepted, isAlive: isAlive, source)
        let events = gap.eventCount.map { ", at most \($0) events" } ?? ""
        let note = "source \(gap.source.source) (\(gap.cause.rawValue)\(events))"
        if let lines {
            return lines.compactMap { line in
                let key = Key(tenant: line.tenant, component: line.component)
                guard isWanted(line.tenant, input),
                    line.earliest < period.end.start.milliseconds,
                    line.latest >= period.start.start.milliseconds,
                    let amount = Int128(exactly: line.amount)
                else { return nil }
                let isWhole =
                    line.earliest >= period.start.start.milliseconds
                    && line.latest < period.end.start.milliseconds
                return (
                    key,
                    Share(
                        .claims,
                        cause,
                        standing,
                        ExactDecimal(digits: amount, scale: 0),
                        note: note + (isWhole ? "" : ", partly of another month")
                    )
                )
            }
        }
        // Nobody knows how much of which component: it may be any that the tenant uses.
        return known.filter { input.book.isTouched($0.tenant, by: gap, in: period) }.map { key in
            (key, Share(.claims, cause, standing, nil, note: note))
        }
    }

    /// How long a source that goes on may be silent.
    private static let aliveMilliseconds: Int64 = 5 * 60_000

    private static func isWanted(_ tenant: Name, _ input: ReconciliationInput) -> Bool {
        input.tenant.map { $0 == tenant } ?? true
    }

    private static func fate(
        _ gap: SourceGap,
        isAccepted: Bool,
        isAlive: Bool,
        _ source: SourceSummary
    ) -> (DifferenceCause, DifferenceStanding) {
        if isAccepted { return (.gapAccepted, .settled) }
        if gap.cause == .unclean { return (.sourceUnclaimed, isAlive ? .passing : .open) }
        return isAlive && gap.cause == .open
            ? (.inFlight, .passing) : (.notReceived, .open)
    }

    /// The claim's lines that tell of a gap; nil where no claim does.
    private static func claimed(_ gap: SourceGap, _ source: SourceSummary) -> [Claim.Line]? {
        guard let claim = source.claim, claim.linesAreComplete else { return nil }
        let kind: Claim.LineKind
        switch gap.cause {
        case .open where gap.range.upperBound <= source.claimedThrough: kind = .pending
        case .givenUp: kind = .givenUp
        case .dropped: kind = .dropped
        case .open, .inConflict, .unclean: return nil
        }
        let lines = claim.lines.filter { $0.kind == kind }
        guard !lines.isEmpty else { return nil }
        // Several gaps of one kind share the lines; they are told of with the first.
        let ranges = kind == .pending ? source.openHoles : kind == .givenUp ? source.givenUp : []
        return ranges.first.map { $0 == gap.range } ?? true ? lines : []
    }
}
