internal import Meter
internal import MeterWaldur
internal import MeterWire

/// Closes the billing periods of tenants, each with a statement of its own, and opens them again.
struct PeriodClosing: Sendable {
    /// What keeps a tenant's period from being closed.
    struct Obstacle: Equatable {
        let cause: String
        /// What it is and what to do.
        let detail: String

        var json: JSONOutput { ["cause": .string(cause), "detail": .string(detail)] }
    }

    /// How a tenant's period stands.
    struct Standing {
        enum State: String {
            /// Waldur's month is not over, or not everything of it has an outcome.
            case open
            /// Nothing more can be told in it.
            case cut
            case closed
            /// Was closed, and will be again with its next revision.
            case reopened
        }

        let tenant: Name
        let state: State
        let closed: PeriodStanding?
        /// Empty where it could be closed, or is.
        let obstacles: [Obstacle]

        var json: JSONOutput {
            [
                "tenant": .string(tenant.description), "state": .string(state.rawValue),
                "revision": .optional(closed?.closed.revision),
                "closed": .optional(closed.map { RFC3339.text($0.closedAt) }),
                "statement": .optional(closed?.closed.statement),
                "obstacles": .array(obstacles.map(\.json)),
            ]
        }
    }

    let environment: any ClosingEnvironment
    let ledger: TenantLedger

    /// The months that have bindings, the first first, up to the present one.
    func months(_ book: BookState) -> [BillingMonth] {
        let first = bindings(book).map(\.from).min()
        guard let first, let present = ledger.present,
            var month = BillingMonth(of: first.start, in: ledger.zone)
        else { return [] }
        var months: [BillingMonth] = []
        while month <= present {
            months.append(month)
            month = month.next
        }
        return months
    }

    /// Tenants that have a binding in the period.
    func tenants(in period: BillingPeriod, _ book: BookState) -> [Name] {
        Set(
            bindings(book).filter {
                $0.from < period.end && $0.to.map { $0 > period.start } ?? true
            }
            .map(\.tenant)
        ).sorted()
    }

    /// How every tenant's period stands.
    func standings(in period: BillingPeriod) -> [Standing] {
        let book = environment.book
        let gaps = environment.gaps()
        return tenants(in: period, book).map { standing(of: $0, in: period, gaps, book) }
    }

    private func standing(
        of tenant: Name,
        in period: BillingPeriod,
        _ gaps: [SourceGap],
        _ book: BookState
    ) -> Standing {
        let key = TenantPeriod(waldur: period.waldur, month: period.month, tenant: tenant)
        let closed = book.billing.periods[key]
        let isClosed = closed.map { !$0.isReopened } ?? false
        let isCut = book.billing.isCut(period.month, of: period.waldur)
        return Standing(
            tenant: tenant,
            state: isClosed ? .closed : closed != nil ? .reopened : isCut ? .cut : .open,
            closed: closed,
            obstacles: isClosed ? [] : obstacles(to: tenant, in: period, gaps, book)
        )
    }

    private func obstacles(
        to tenant: Name,
        in period: BillingPeriod,
        _ gaps: [SourceGap],
        _ book: BookState
    ) -> [Obstacle] {
        var obstacles: [Obstacle] = []
        let now = ledger.source.now()
        let isOver = now >= period.end.start
        let resources = Set(bindings(book).filter { $0.tenant == tenant }.map(\.resourceKey))
        for open in book.openIntents.values.sorted(by: { $0.intent.number < $1.intent.number })
        where open.intent.month == period.month
            && resources.contains(
                ResourceKey(waldur: open.intent.waldur, resource: open.intent.resource)
            )
            // While the month goes on calls come and go.
            && (isOver || open.isUnknown)
        {
            obstacles.append(
                Obstacle(
                    cause: open.isUnknown ? "unknown-submission" : "open-submission",
                    detail: "submission \(open.intent.number) to resource "
                        + "\(open.intent.resource) has no outcome; the reporter looks it up"
                )
            )
        }
        for backfill in book.billing.backfills.values
        where backfill.done == nil && backfill.touches(tenant, in: period) {
            obstacles.append(
                Obstacle(
                    cause: "unfinished-backfill",
                    detail:
                        "backfill \(backfill.begun.number) is not finished; apply its file again"
                )
            )
        }
        if !book.billing.isCut(period.month, of: period.waldur) {
            obstacles.append(
                Obstacle(
                    cause: "not-cut",
                    detail: isOver
                        ? "the reporter has not cut the month yet; meterctl report status"
                        : "the month is not over"
                )
            )
        }
        if isOver {
            for key in book.billing.foreign.keys.sorted()
            where key.month == period.month && resources.contains(key.resourceKey) {
                obstacles.append(
                    Obstacle(
                        cause: "foreign",
                        detail:
                            "Waldur shows a figure of \(key.component), resource \(key.resource), "
                            + "that Meter did not write; meterctl report foreign list, and accept"
                    )
                )
            }
        }
        let touching = gaps.filter { gap in
            book.isTouched(tenant, by: gap, in: period) && !book.accepts(gap)
                && (isOver || !gap.isOfLivingSource(at: now))
        }
        for (selector, gaps) in Dictionary(grouping: touching, by: GapSelector.init)
            .sorted(by: { $0.key.description < $1.key.description })
        {
            guard let gap = gaps.first else { continue }
            obstacles.append(
                Obstacle(
                    cause: gap.cause.rawValue,
                    detail: GapSelector.sentence(gaps, label(of: gap, book))
                        + "; if it will not come: meterctl sources gaps --accept-gaps \(selector)"
                )
            )
        }
        return obstacles
    }

    private func label(of gap: SourceGap, _ book: BookState) -> String {
        let label = book.principals[gap.source.principal]?.label ?? ""
        return label.isEmpty ? "principal \(gap.source.principal.rawValue)" : label
    }

    private func bindings(_ book: BookState) -> [Binding] {
        book.bindings.values.joined().filter { $0.waldur == ledger.waldur }
    }

    /// Closes one tenant's period.
    ///
    /// - Returns: How it stands then: closed, or as it was with what is in the way.
    /// - Throws: ``Problem`` where usage cannot be read or the statement not kept; nothing is closed then.
    func close(
        _ tenant: Name,
        in period: BillingPeriod,
        for caller: Caller
    ) async throws(Problem) -> Standing {
        let gaps = environment.gaps()
        let before = standing(of: tenant, in: period, gaps, environment.book)
        guard before.state != .closed, before.obstacles.isEmpty else { return before }
        let key = try environment.signer(for: caller)
        let reading = try await ledger.read(tenant, in: period, byMinute: true)
        let contents = try StatementContents(
            reading,
            of: tenant,
            gaps: gaps.filter { reading.book.isTouched(tenant, by: $0, in: period) }
        )
        guard let statement = SignedDocument(contents.json, .json, key: key),
            let table = SignedDocument(contents.csv(statement.hash), .csv, key: key)
        else { throw .unavailable("The statement could not be signed.") }
        try environment.keep(statement, table)
        let closing = contents.closing
        try environment.decide(
            [
                .periodClosed(
                    PeriodClosed(
                        waldur: closing.waldur,
                        month: closing.month,
                        tenant: closing.tenant,
                        revision: closing.revision,
                        statement: statement.hash,
                        previous: closing.previous,
                        lastCarry: closing.lastCarry,
                        lastAdjustment: closing.lastAdjustment
                    )
                )
            ],
            for: caller,
            isDryRun: false
        )
        return standing(of: tenant, in: period, gaps, environment.book)
    }

    /// Opens a closed period again; with `isDryRun` says how it stands.
    func reopen(
        _ tenant: Name,
        in period: BillingPeriod,
        reason: String,
        isDryRun: Bool,
        for caller: Caller
    ) throws(Problem) -> Standing {
        let key = TenantPeriod(waldur: period.waldur, month: period.month, tenant: tenant)
        guard let standing = environment.book.billing.periods[key] else {
            throw .precondition("\(key) was never closed.")
        }
        let since = environment.usageRetainedFrom
        guard since <= period.start else {
            throw .keptNoLonger(
                "Usage by the minute is kept from \(RFC3339.text(since)) on, so that another revision of "
                    + "\(key) could not be made; book what has to change in the present month."
            )
        }
        try environment.decide(
            [
                .periodReopened(
                    PeriodReopened(
                        waldur: period.waldur,
                        month: period.month,
                        tenant: tenant,
                        revision: standing.closed.revision,
                        reason: reason
                    )
                )
            ],
            for: caller,
            isDryRun: isDryRun
        )
        return self.standing(of: tenant, in: period, environment.gaps(), environment.book)
    }
}
