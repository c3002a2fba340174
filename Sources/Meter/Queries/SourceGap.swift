package import MeterWire

/// Something of one source that may be missing in what was metered, until it comes or somebody accepts by
/// name that it will not.
package struct SourceGap: Equatable, Sendable {
    /// Whose usage of which time it may be.
    package struct Reach: Equatable, Sendable {
        /// nil: everybody whose usage the source's principal may send.
        package let tenant: Name?
        package let earliest: Timestamp
        package let latest: Timestamp
    }

    package let source: SourceKey
    /// Where the source last came from; nil where that is not known.
    package let host: PeerAddress?
    package let cause: GapCause
    /// Numbers of the source; for a cause without numbers, 0 up to how many events there are. Empty for
    /// an unclean source, of which nobody knows it.
    package let range: Range<UInt64>
    package let reach: [Reach]
    /// When something came of the source last.
    package let lastSeen: Timestamp

    /// How many events are missing at most; nil where nobody knows.
    package var eventCount: UInt64? {
        cause == .unclean ? nil : range.upperBound - range.lowerBound
    }

    /// Whether it may be this tenant's usage of this period.
    ///
    /// - Parameter isReachable: The source's principal may send the tenant's usage; counts while the source
    ///   has named nobody.
    package func touches(
        _ tenant: Name,
        isReachable: Bool,
        from: Timestamp,
        to: Timestamp
    ) -> Bool {
        reach.contains { reach in
            (reach.tenant.map { $0 == tenant } ?? isReachable)
                && reach.earliest < to && reach.latest >= from
        }
    }
}

extension SourceSummary {
    /// Everything of the source that may be missing.
    ///
    /// A hole touches the tenants and times that the newest claim leaves unmet. Where no claim tells of it,
    /// it touches every tenant that the source has named, or all of its principal's if it named none, at
    /// every time that an event of the source could have.
    ///
    /// - Parameter horizon: How many milliseconds an event may lie back when it arrives.
    package func gaps(horizon: Int64) -> [SourceGap] {
        var gaps = openHoles.map { hole in
            let isClaimed = hole.upperBound <= claimedThrough
            return gap(.open, hole, isClaimed ? .pending : nil, horizon)
        }
        gaps += givenUp.map { gap(.givenUp, $0, .givenUp, horizon) }
        if let dropped = claim?.droppedCount, dropped > 0 {
            gaps.append(gap(.dropped, 0..<dropped, .dropped, horizon))
        }
        if isQuarantined || counts.inConflict > 0 {
            gaps.append(gap(.inConflict, 0..<max(counts.inConflict, 1), nil, horizon))
        }
        if isUnclean {
            // Up to the newest claim everything missing is a hole; after it nobody knows.
            let since = claimTime ?? firstSeen.advanced(byMilliseconds: -horizon)
            gaps.append(
                SourceGap(
                    source: key,
                    host: peer,
                    cause: .unclean,
                    range: 0..<0,
                    reach: everybody(from: since, to: Timestamp(milliseconds: .max)),
                    lastSeen: lastSeen
                )
            )
        }
        return gaps
    }

    private func gap(
        _ cause: GapCause,
        _ range: Range<UInt64>,
        _ kind: Claim.LineKind?,
        _ horizon: Int64
    ) -> SourceGap {
        let lines = claim?.lines.filter { $0.kind == kind } ?? []
        if claim?.linesAreComplete == true, !lines.isEmpty {
            let reach = lines.map { line in
                SourceGap.Reach(
                    tenant: line.tenant,
                    earliest: Timestamp(milliseconds: line.earliest),
                    latest: Timestamp(milliseconds: line.latest)
                )
            }
            return SourceGap(
                source: key,
                host: peer,
                cause: cause,
                range: range,
                reach: reach,
                lastSeen: lastSeen
            )
        }
        let reach = everybody(
            from: firstSeen.advanced(byMilliseconds: -horizon),
            to: lastSeen.advanced(byMilliseconds: 300_000)
        )
        return SourceGap(
            source: key,
            host: peer,
            cause: cause,
            range: range,
            reach: reach,
            lastSeen: lastSeen
        )
    }

    private func everybody(from: Timestamp, to: Timestamp) -> [SourceGap.Reach] {
        let named = Set(tenants).union(claim?.lines.map(\.tenant) ?? []).sorted()
        return (named.isEmpty ? [nil] : named.map { $0 }).map {
            SourceGap.Reach(tenant: $0, earliest: from, latest: to)
        }
    }
}

extension Engine {
    /// Everything of any source that may be missing.
    package func gaps() -> [SourceGap] {
        sources().flatMap { $0.gaps(horizon: options.frameHorizonMilliseconds) }
    }
}

extension BookState {
    /// Whether somebody has accepted by name that it will not come. One that has grown since has not been,
    /// nor a source that spoke again after it was retired.
    package func accepts(_ gap: SourceGap) -> Bool { acceptanceReason(of: gap) != nil }

    /// Why somebody has accepted by name that it will not come; nil where nobody has.
    package func acceptanceReason(of gap: SourceGap) -> String? {
        if gap.cause == .unclean {
            let retired = retiredSources[gap.source]
            return SourceState.isRetired(at: retired?.time, lastSeen: gap.lastSeen)
                ? retired?.reason : nil
        }
        return (acceptedGaps[gap.source] ?? []).first {
            $0.cause == gap.cause.booked && $0.from <= gap.range.lowerBound
                && gap.range.upperBound <= $0.to
        }?.reason
    }

    /// Whether it may be this tenant's usage of this period.
    package func isTouched(_ tenant: Name, by gap: SourceGap, in period: BillingPeriod) -> Bool {
        gap.touches(
            tenant,
            isReachable: principals[gap.source.principal]?.reaches(tenant) ?? false,
            from: period.start.start,
            to: period.end.start
        )
    }
}

extension SourceGap {
    /// What a person books to accept it.
    package func acceptance(reason: String) -> Decision {
        guard cause != .unclean else {
            return .sourceRetired(SourceRetirement(source: source, reason: reason))
        }
        return .gapAccepted(
            GapAcceptance(
                source: source,
                from: range.lowerBound,
                to: range.upperBound,
                cause: cause.booked,
                reason: reason
            )
        )
    }
}
