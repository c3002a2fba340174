internal import Meter
internal import MeterWire

/// The running server as the routes see it: events in, usage out, both only when durable.
struct EngineDoor: EventSink, UsageSource, ServerHealth {
    let context: ServerContext
    let reporting: (any ReportingControl)?

    /// How long an answer may wait for the disk before the caller is told to ask again.
    private static let patience = Duration.seconds(20)
    /// Recoveries that a query starts again after.
    private static let attemptCountMax = 3

    func now() -> Timestamp { context.clock.now() }

    func reconciledThrough() -> Timestamp? { reporting?.reconciledThrough() }

    func ingest(
        _ events: EventsToIngest, from principal: PrincipalID
    ) async throws(Problem) -> [ItemOutcome] {
        let epoch = context.engine.currentEpoch
        let outcome = context.engine.ingest(
            IngestBatch(
                principal: principal, payload: events.payload, baseTime: events.baseTime,
                identities: events.identities), at: context.clock.now())
        guard case .decided(let items, let position) = outcome else {
            throw .busy("The server holds new events back for a moment.", retryAfter: 1)
        }
        switch await context.waiters.wait(
            for: position, epoch: epoch, timeout: Self.patience)
        {
        case .durable: return items
        case .givenUp:
            throw .unavailable(
                "The disk failed and nothing of the request is counted; send it again.")
        case .timedOut:
            throw .unavailable(
                "The disk is too slow and the events are not durable yet; send them again, their "
                    + "ids keep them from counting twice.")
        }
    }

    func usage(_ query: UsageQuery) async throws(Problem) -> UsageAnswer {
        for _ in 0..<Self.attemptCountMax {
            let pending = try await ask(query)
            guard pending.damage.isEmpty else {
                throw .unavailable(
                    "Damage was found in files that the answer needs; nothing is answered rather "
                        + "than too little. An operator sees it in `meterctl status`.")
            }
            if let answer = context.engine.answer(pending) { return answer }
            let outcome = await context.waiters.wait(
                for: pending.position, epoch: pending.epoch, timeout: Self.patience)
            if outcome == .timedOut {
                throw .unavailable("The disk is too slow; what was asked for is not durable yet.")
            }
            if let answer = context.engine.answer(pending) { return answer }
        }
        throw .unavailable("The disk failed while the answer was made.")
    }

    /// Scanning segments takes time: not on the threads that serve connections.
    @concurrent
    private func ask(_ query: UsageQuery) async throws(Problem) -> PendingAnswer {
        do throws(EngineError) {
            return try context.engine.query(query, at: context.clock.now())
        } catch {
            throw .unavailable("A segment could not be read; `meterctl verify` names it.")
        }
    }

    func conditions() -> [HealthCondition] { context.readiness.entries.map { HealthCondition($0) } }

    func metricsText() -> String {
        var text = PrometheusText()
        context.metrics.write(to: &text)
        return text.text
    }

    var version: String { Build.version }
}
