internal import Meter
internal import MeterWire

/// The running server as the routes see it: events in, usage out, both only when durable.
struct EngineDoor: EventSink, BillingSource, ServerHealth {
    let context: ServerContext
    let reporting: (any ReportingControl)?
    private let receivers: BatchReceivers

    init(context: ServerContext, reporting: (any ReportingControl)?) {
        self.context = context
        self.reporting = reporting
        receivers = BatchReceivers(engine: context.engine)
    }

    /// How long an answer may wait for the disk before the caller is told to ask again.
    private static let patience = Duration.seconds(20)
    /// Recoveries that a query starts again after.
    private static let attemptCountMax = 3

    func now() -> Timestamp { context.clock.now() }

    func agents(of tenant: Name) -> Set<Name> { context.engine.agents(of: tenant) }

    var book: BookState { context.book.state }

    var durablePosition: UInt64 { context.engine.durable }

    func openHoles(of tenant: Name) -> OpenHoles {
        let book = book
        var holes = OpenHoles()
        let horizon = context.engine.options.frameHorizonMilliseconds
        for source in context.engine.sources() where !source.openHoles.isEmpty {
            let principal = book.principals[source.key.principal]
            guard source.mayTouch(tenant, isReachable: principal?.reaches(tenant) ?? false) else {
                continue
            }
            let open = source.gaps(horizon: horizon).filter {
                $0.cause == .open && !book.accepts($0)
            }
            guard !open.isEmpty else { continue }
            holes.sourceCount += 1
            for hole in open { holes.eventCount += UInt128(hole.eventCount ?? 0) }
        }
        return holes
    }

    func reconciledThrough() -> Timestamp? { reporting?.reconciledThrough() }

    func ingest(
        _ events: EventsToIngest,
        from principal: PrincipalID
    ) async throws(Problem) -> [ItemOutcome] {
        let epoch = context.waiters.epoch
        let outcome = receivers.ingest(
            IngestBatch(
                by: events.transport,
                principal: principal,
                baseTime: events.baseTime,
                payload: events.payload,
                identities: events.identities
            ),
            at: context.clock.now()
        )
        if let deferral = outcome.deferral {
            let door = events.transport == .otlp ? "otlp" : "http"
            context.metrics.deferrals.add(door, deferral.rawValue)
            if let hit = outcome.hit { throw .limit(hit) }
            throw .busy("New events are held back for now (\(deferral.rawValue)).", retryAfter: 1)
        }
        switch await context.waiters.wait(
            for: outcome.position,
            epoch: epoch,
            timeout: Self.patience
        )
        {
        case .durable: return outcome.items
        case .givenUp:
            throw .unavailable(
                "The disk failed and nothing of the request is counted; send it again."
            )
        case .timedOut:
            throw .unavailable(
                "The disk is too slow and the events are not durable yet; send them again, their "
                    + "ids keep them from counting twice."
            )
        }
    }

    func usage(_ query: UsageQuery) async throws(Problem) -> UsageAnswer {
        try checkKept(query)
        return try await answer { engine, now throws(EngineError) in
            try engine.query(query, at: now)
        }
    }

    func usage(
        _ query: UsageQuery,
        with details: [DetailsQuery]
    ) async throws(Problem) -> UsageWithDetails {
        try checkKept(query)
        return try await answer { engine, now throws(EngineError) in
            try engine.query(query, with: details, at: now)
        }
    }

    /// Too little is never answered for what is kept no longer.
    private func checkKept(_ query: UsageQuery) throws(Problem) {
        let since = context.engine.usageRetainedFrom
        guard let first = query.windows.first, first < since else { return }
        throw .keptNoLonger(
            "Usage by the minute is kept from \(RFC3339.text(since)) on; ask from there. What was billed "
                + "before stands in statements and the book."
        )
    }

    func details(_ query: DetailsQuery) async throws(Problem) -> DetailsAnswer {
        try await answer { engine, now throws(EngineError) in try engine.details(query, at: now) }
    }

    private typealias Question<Answer: Sendable> =
        @Sendable (Engine, Timestamp) throws(EngineError) -> Pending<Answer>

    /// Asks the engine, and again after a recovery; answers when what was found is durable.
    private func answer<Answer>(_ question: Question<Answer>) async throws(Problem) -> Answer {
        for _ in 0..<Self.attemptCountMax {
            let epoch = context.waiters.epoch
            let pending = try await ask(question)
            guard pending.damage.isEmpty else {
                throw .unavailable(
                    "Damage was found in files that the answer needs; nothing is answered rather "
                        + "than too little. An operator sees it in `meterctl status`."
                )
            }
            if let answer = context.engine.answer(pending) { return answer }
            let outcome = await context.waiters.wait(
                for: pending.position,
                epoch: epoch,
                timeout: Self.patience
            )
            if outcome == .timedOut {
                throw .unavailable("The disk is too slow; what was asked for is not durable yet.")
            }
            if let answer = context.engine.answer(pending) { return answer }
        }
        throw .unavailable("The disk failed while the answer was made.")
    }

    /// Scanning files takes time: not on the threads that serve connections.
    @concurrent
    private func ask<Answer>(
        _ question: Question<Answer>
    ) async throws(Problem) -> Pending<Answer> {
        do throws(EngineError) {
            return try question(context.engine, context.clock.now())
        } catch {
            if case .tooManyGroups(let limit) = error {
                throw .queryCost(
                    "The answer would have more than \(limit) groups; ask for a shorter period, or "
                        + "keep less apart."
                )
            }
            throw .unavailable("A segment could not be read; `meterctl verify` names it.")
        }
    }

    func conditions() -> [HealthCondition] { context.readiness.entries.map { HealthCondition($0) } }

    func lateParts() -> [String] { context.vitals.lateParts }

    func write(to text: inout PrometheusText, naming: Bool) {
        Exposition.write(context, reporting, to: &text)
        context.metrics.tls.write(to: &text, naming: naming)
        Exposition.writeLimits(context.engine.limiters.hits(), naming: naming, to: &text)
    }

    var version: String { Build.version }
}
