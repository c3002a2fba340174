package import Meter
package import MeterWire

/// What emitters claim beside what was metered, per tenant and component: of everything that was used in a month,
/// whichever Waldur it is told to. Waldurs whose months begin and end together have it in common.
///
/// A claim names the amounts that the server may not have by tenant, component and time; of what it has, usage
/// and details are counted in one pass and kept in files of their own. So what is claimed is what the details
/// have and what the gaps' claims leave unmet. Usage that came over HTTP is claimed by its coming.
package struct ClaimReconciliation: Sendable {
    package typealias Share = Reconciliation.Share

    /// What was counted of a tenant's component, or of one agent's where the two counts differ.
    package struct Count: Equatable, Sendable {
        package let tenant: Name
        package let agent: Name?
        package let component: Name
        /// What usage has, which is what the ledger is made of.
        package let metered: UInt128
        /// What details have of the same calls; nil where they are kept no longer, or lost.
        package let detailed: UInt128?

        package init(
            tenant: Name,
            agent: Name? = nil,
            component: Name,
            metered: UInt128,
            detailed: UInt128?
        ) {
            self.tenant = tenant
            self.agent = agent
            self.component = component
            self.metered = metered
            self.detailed = detailed
        }

        /// One of the two counts is not what came.
        package var isInDoubt: Bool { detailed.map { $0 != metered } ?? false }
    }

    /// One tenant's component: what emitters say they recorded beside what was metered.
    package struct Line: Equatable, Sendable {
        package let tenant: Name
        package let component: Name
        /// At most, where a claim does not say how much fell into this month; nil where nobody knows.
        package let claimed: ExactDecimal?
        package let ledger: ExactDecimal
        /// Claimed less metered; nil where nobody knows.
        package let difference: ExactDecimal?
        package let shares: [Share]

        package var state: Reconciliation.State { Reconciliation.State(shares) }
    }

    /// What emitters claim, and what is known of their gaps, at one time.
    package struct Claims: Sendable {
        package let sources: [SourceSummary]
        package let book: BookState
        /// How many milliseconds an event may lie back when it arrives.
        package let horizon: Int64
        package let now: Timestamp

        package init(
            sources: [SourceSummary],
            book: BookState,
            horizon: Int64,
            now: Timestamp
        ) {
            self.sources = sources
            self.book = book
            self.horizon = horizon
            self.now = now
        }
    }

    /// Whose month it is, in the order of their names.
    package let waldurs: [WaldurID]
    package let period: BillingPeriod
    package let lines: [Line]

    /// The state of every line.
    package var states: [Reconciliation.State] { lines.map(\.state) }

    private struct Key: Hashable {
        let tenant: Name
        let component: Name
    }

    /// - Parameters:
    ///   - period: Of any of the Waldurs.
    ///   - counts: Everything that was metered in the period, or of `tenant`.
    ///   - tenant: nil for all.
    package init(
        _ period: BillingPeriod,
        of waldurs: [WaldurID],
        counts: [Count],
        claims: Claims,
        tenant: Name? = nil
    ) throws(LedgerError) {
        self.period = period
        self.waldurs = waldurs
        var metered: [Key: ExactDecimal] = [:]
        var shares: [Key: [Share]] = [:]
        for count in counts {
            let key = Key(tenant: count.tenant, component: count.component)
            let usage = ExactDecimal(try LedgerAmount(total: count.metered))
            metered[key] = try (metered[key] ?? .zero).adding(usage)
            if count.isInDoubt { shares[key, default: []].append(try Self.doubt(of: count)) }
        }
        let known = Array(metered.keys)
        for source in claims.sources {
            let gaps = source.gaps(horizon: claims.horizon)
            for gap in gaps {
                let alike = gaps.filter { $0.cause == gap.cause }
                let found = Self.shares(of: gap, alike, source, period, claims, tenant, known)
                for (key, share) in found { shares[key, default: []].append(share) }
            }
        }
        let keys = Set(known).union(shares.keys).sorted {
            $0.tenant != $1.tenant ? $0.tenant < $1.tenant : $0.component < $1.component
        }
        var lines: [Line] = []
        for key in keys {
            let ledger = metered[key] ?? .zero
            let own = shares[key] ?? []
            let amounts = own.compactMap(\.quantity)
            let difference = amounts.count == own.count ? try ExactDecimal.sum(amounts) : nil
            lines.append(
                Line(
                    tenant: key.tenant,
                    component: key.component,
                    claimed: try difference?.adding(ledger),
                    ledger: ledger,
                    difference: difference,
                    shares: own
                )
            )
        }
        self.lines = lines
    }

    /// Usage and details of the same calls differ: by how much, and whose.
    private static func doubt(of count: Count) throws(LedgerError) -> Share {
        let detailed = ExactDecimal(try LedgerAmount(total: count.detailed ?? 0))
        let metered = ExactDecimal(try LedgerAmount(total: count.metered))
        let whose = count.agent.map { "agent \($0): " } ?? ""
        return Share(
            .claims,
            .countsDisagree,
            .open,
            try detailed.subtracting(metered),
            note: "\(whose)usage has \(metered), details of the same calls have \(detailed)"
        )
    }

    /// What a gap may be of which tenant's component in the period.
    private static func shares(
        of gap: SourceGap,
        _ alike: [SourceGap],
        _ source: SourceSummary,
        _ period: BillingPeriod,
        _ claims: Claims,
        _ tenant: Name?,
        _ known: [Key]
    ) -> [(Key, Share)] {
        let lines = claimed(gap, source)
        // What a claim says of several gaps is accepted when all of them are.
        let isAccepted = (lines == nil ? [gap] : alike).allSatisfy(claims.book.accepts)
        let isAlive = claims.now.milliseconds - source.lastSeen.milliseconds < aliveMilliseconds
        // A living source goes on and claims; that alone is no difference.
        if gap.cause == .unclean, isAlive, source.claim != nil { return [] }
        let (cause, standing) = fate(gap, isAccepted: isAccepted, isAlive: isAlive)
        let events = gap.eventCount.map { ", at most \($0) events" } ?? ""
        let note = "source \(gap.source.source) (\(gap.cause.rawValue)\(events))"
        if let lines {
            return lines.compactMap { line in
                let key = Key(tenant: line.tenant, component: line.component)
                guard tenant.map({ $0 == line.tenant }) ?? true,
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
        return known.filter { claims.book.isTouched($0.tenant, by: gap, in: period) }.map { key in
            (key, Share(.claims, cause, standing, nil, note: note))
        }
    }

    /// How long a source that goes on may be silent.
    private static let aliveMilliseconds: Int64 = 5 * 60_000

    private static func fate(
        _ gap: SourceGap,
        isAccepted: Bool,
        isAlive: Bool
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
