package import Logging
package import Meter
package import MeterWire
internal import Synchronization

/// Drives a `Reporter`: does what it asks for, one thing after the other for each account.
///
/// `run()` is the body of a long-running service. Everything else may be called at any time; what asks
/// Waldur takes its turn behind the reporter's own calls.
package actor ReporterService {
    /// Which Waldur, and how it is reported to.
    package nonisolated let settings: ReporterSettings
    /// Every account, for what people ask.
    nonisolated let client: WaldurAccounts
    nonisolated let engine: any ReportingEngine
    private let logger: Logger
    nonisolated let now: @Sendable () -> Timestamp

    private var reporter: Reporter
    private var ledger: LedgerReader
    private var isRunning = false
    /// Lanes that rest.
    private var sleepers: [Int: Task<Void, Never>] = [:]
    /// Lets one lane at a time ask the ledger, so that the next one finds the answer, and bind what is new.
    private let ledgerGate = RequestGate()
    private let bindingGate = RequestGate()
    private var waiters: [(cycle: Int, continuation: CheckedContinuation<Void, Never>)] = []
    private let published: Mutex<ReportStatus>
    private var publishedTrouble: String?
    private var publishedFlushWarning = false
    /// This Waldur takes the body of 8.1; the older one is sent until it has said so.
    private var takesDate = false
    /// Resources of followed offerings that a person has to look at, as last said.
    private var knownConflicts: Set<String> = []

    /// Makes a service that does nothing before `run()`.
    ///
    /// - Parameters:
    ///   - accounts: A client for each of the settings' accounts, in their order.
    ///   - now: Our own clock.
    ///   - seed: Spreads the pauses after failures; draw it at random in production.
    package init(
        settings: ReporterSettings,
        accounts client: WaldurAccounts,
        engine: any ReportingEngine,
        logger: Logger,
        seed: UInt64,
        now: @escaping @Sendable () -> Timestamp
    ) {
        precondition(
            settings.accounts.count == client.clients.count,
            "each account has a client of its own"
        )
        self.settings = settings
        self.client = client
        self.engine = engine
        self.logger = logger
        self.now = now
        let reporter = Reporter(settings: settings, startedAt: now(), seed: seed)
        self.reporter = reporter
        ledger = LedgerReader(waldur: settings.waldur, zone: settings.zone)
        published = Mutex(reporter.status(at: ReporterMoment(now: now(), clock: nil)))
    }

    /// How reporting stands, as of the last step.
    package nonisolated var status: ReportStatus { published.withLock { $0 } }

    nonisolated var moment: ReporterMoment { ReporterMoment(now: now(), clock: client.clock) }

    /// Reports until the task is cancelled. A submission under way is read back first, which takes at
    /// most two calls' deadlines; what is still open then is looked up after the next start.
    package func run() async {
        isRunning = true
        await withTaskGroup(of: Void.self) { group in
            for lane in client.clients.indices { group.addTask { await self.run(lane: lane) } }
        }
        isRunning = false
        publish()
        for waiter in waiters { waiter.continuation.resume() }
        waiters = []
    }

    private func run(lane: Int) async {
        while !(Task.isCancelled && reporter.mayStop(lane: lane)) {
            let changes = reporter.changes
            let action = reporter.next(lane: lane, at: moment, book: engine.bookState)
            publish()
            if reporter.changes != changes { wakeAll() }
            let event = await perform(action, lane)
            let before = reporter.changes
            reporter.handle(event, lane: lane, at: moment)
            if reporter.changes != before { wakeAll() }
        }
    }

    private func wakeAll() {
        for sleeper in sleepers.values { sleeper.cancel() }
    }

    /// Runs a cycle now and waits for its end.
    ///
    /// - Returns: How things stand after it: what was used before the call is told and read back unless
    ///   `findings`, `openIntents`, `trouble` or `window` say otherwise.
    package func submit() async throws(ReporterTrouble) -> ReportStatus {
        guard isRunning else { throw ReporterTrouble("the reporter is not running") }
        let cycle = reporter.requestCycle(at: now())
        wakeAll()
        await withCheckedContinuation { waiters.append((cycle, $0)) }
        return status
    }

    /// Lets the reporter send in a month that it was silent for.
    ///
    /// Refused for any month but Waldur's present one, and while that one is about to end. A dry run only
    /// refuses.
    package func resume(
        _ month: BillingMonth,
        isDryRun: Bool = false,
        author: String
    ) async throws(ReporterTrouble) {
        let clock = try await measuredClock()
        let present = BillingMonth(of: clock.earliest(at: now()), in: settings.zone)
        guard present == month else {
            throw ReporterTrouble(
                "by Waldur's clock it is \(present?.description ?? "no month"), not \(month)"
            )
        }
        if isDryRun { return }
        let decision = Decision.reportingResumed(
            ReportingResumption(waldur: settings.waldur, month: month)
        )
        try await engine.decide([decision], author: author)
        wakeAll()
    }

    /// Tells everything of an order's resource, reads it back, and then approves the order.
    ///
    /// Throws where the order does not wait for the provider, or its resource could not be told to the end;
    /// nothing was approved then.
    package func approve(_ order: OrderID) async throws(ReporterTrouble) {
        let waits = try await asking { () async throws(WaldurError) in
            try await client.order(order).waitsForProvider
        }
        guard waits else { throw ReporterTrouble("order \(order) does not wait for the provider") }
        let status = try await submit()
        if let trouble = status.trouble { throw ReporterTrouble(trouble) }
        guard let standing = engine.bookState.billing.orders[order] else {
            throw ReporterTrouble("no live binding reports the resource of order \(order)")
        }
        guard standing.flushed != nil else {
            throw ReporterTrouble(
                "not everything of resource \(standing.order.resource) could be told; see report status"
            )
        }
        try await asking { () async throws(WaldurError) in try await client.approve(order) }
    }

    private func asking<Value>(
        _ question: () async throws(WaldurError) -> Value
    ) async throws(ReporterTrouble) -> Value {
        do throws(WaldurError) {
            return try await question()
        } catch {
            throw ReporterTrouble("\(error)")
        }
    }

    /// Waldur's clock, asking it if nobody has yet.
    nonisolated func measuredClock() async throws(ReporterTrouble) -> WaldurClock {
        if client.clock == nil {
            do throws(WaldurError) {
                _ = try await client.currency()
            } catch {
                throw ReporterTrouble("Waldur does not answer: \(error)")
            }
        }
        guard let clock = client.clock else {
            throw ReporterTrouble("Waldur's answers have no usable Date header")
        }
        return clock
    }

    private func publish() {
        var status = reporter.status(at: moment)
        status.violations = ledger.violations.sorted { $0.key < $1.key }.flatMap(\.value)
        published.withLock { $0 = status }
        if status.trouble != publishedTrouble {
            publishedTrouble = status.trouble
            if let trouble = status.trouble {
                logger.warning("reporting failed", metadata: ["reason": "\(trouble)"])
            } else {
                logger.info("reporting works again")
            }
        }
        if (status.flushWarning != nil) != publishedFlushWarning {
            publishedFlushWarning.toggle()
            if let warning = status.flushWarning {
                logger.warning("the month's end does not fit", metadata: ["reason": "\(warning)"])
            }
        }
        let ended = reporter.cyclesEnded
        for waiter in waiters where waiter.cycle <= ended { waiter.continuation.resume() }
        waiters.removeAll { $0.cycle <= ended }
    }

    /// Does one thing. What is under way at Waldur's is not cancelled with the task: its outcome would
    /// be unknown for no gain.
    private func perform(_ action: ReporterAction, _ lane: Int) async -> ReporterEvent {
        switch action {
        case .rest(let until):
            await rest(lane, until: until)
            return .rested
        case .book(let decisions):
            do throws(ReporterTrouble) {
                try await engine.decide(decisions, author: "reporter")
                note(decisions)
                return .booked(.success(engine.bookState))
            } catch {
                return .booked(.failure(error))
            }
        case .readFigures(let resource, let month, let through):
            guard await ledgerGate.enter() else { return .figures(.failure(Self.stopping)) }
            defer { ledgerGate.leave() }
            var reader = ledger
            do throws(ReporterTrouble) {
                let figures = try await reader.figures(
                    of: resource,
                    in: month,
                    through: through,
                    engine: engine
                )
                ledger = reader
                return .figures(.success(figures))
            } catch {
                return .figures(.failure(error))
            }
        case .listResources:
            if lane == 0 { ledger.forget() }
            let event = await uncancelled(action, lane)
            if case .resources(.success(let resources)) = event {
                await learnForm(lane)
                await bindNew(resources)
            }
            return event
        case .readMonth(let month):
            guard await ledgerGate.enter() else { return .month(.failure(Self.stopping)) }
            defer { ledgerGate.leave() }
            var reader = ledger
            do throws(ReporterTrouble) {
                let found = try await reader.month(month, engine: engine)
                ledger = reader
                return .month(.success(found))
            } catch {
                return .month(.failure(error))
            }
        case .setUsage(var call):
            if takesDate, let clock = client.clock { call.form = .dated(clock.earliest(at: now())) }
            return await uncancelled(.setUsage(call), lane)
        case .readOffering, .readOrders, .readOrder, .readInvoices, .readPlanPeriods,
            .readUsageRows:
            return await uncancelled(action, lane)
        }
    }

    private static let stopping = ReporterTrouble("given up: the server stops")

    /// Learns, once a cycle, which body Waldur takes: it may be upgraded at any time. Where it does not say,
    /// what was known holds; 8.1 takes the older body, too.
    private func learnForm(_ lane: Int) async {
        do throws(WaldurError) {
            if let version = try await client.clients[lane].version() {
                takesDate = version.takesDate
            }
        } catch {
            logger.debug("version unknown", metadata: ["reason": "\(error)"])
        }
    }

    /// Binds what is new of the offerings that are followed; what a person has to decide is said once.
    private func bindNew(_ resources: [WaldurResource]) async {
        guard await bindingGate.enter() else { return }
        defer { bindingGate.leave() }
        do throws(ReporterTrouble) {
            var conflicts: Set<String> = []
            for row in try await follow(resources).flatMap(\.rows) {
                if row.state == .new, let binding = row.binding {
                    logger.info(
                        "bound a new resource",
                        metadata: ["resource": "\(binding.resource)", "agent": "\(binding.agent)"]
                    )
                } else if row.state.isConflict {
                    conflicts.insert("\(row.resource.id): \(row.state)")
                }
            }
            for conflict in conflicts.subtracting(knownConflicts).sorted() {
                logger.warning("not bound, see map sync", metadata: ["reason": "\(conflict)"])
            }
            knownConflicts = conflicts
        } catch {
            logger.warning("new resources not bound", metadata: ["reason": "\(error)"])
        }
    }

    private func uncancelled(_ action: ReporterAction, _ lane: Int) async -> ReporterEvent {
        let client = client.clients[lane]
        return await Task { await Self.ask(client, action) }.value
    }

    private static func ask(_ client: WaldurClient, _ action: ReporterAction) async -> ReporterEvent
    {
        switch action {
        case .listResources:
            .resources(
                await result { () async throws(WaldurError) in try await client.resources() }
            )
        case .readOffering(let id):
            .offering(
                await result { () async throws(WaldurError) in try await client.offering(id) }
            )
        case .readOrders:
            .orders(await result { () async throws(WaldurError) in try await client.orders() })
        case .readOrder(let id):
            .order(await result { () async throws(WaldurError) in try await client.order(id) })
        case .readInvoices:
            .invoices(
                await result { () async throws(WaldurError) in try await client.invoices() }
            )
        case .readPlanPeriods(let id):
            .planPeriods(
                await result { () async throws(WaldurError) in try await client.planPeriods(of: id)
                }
            )
        case .readUsageRows(let id, let month):
            .usageRows(
                await result { () async throws(WaldurError) in
                    try await client.usageRows(of: id, in: month)
                }
            )
        case .setUsage(let call):
            .sent(await result { () async throws(WaldurError) in try await client.setUsage(call) })
        case .readFigures, .readMonth, .book, .rest: .rested
        }
    }

    private static func result<Value>(
        _ operation: () async throws(WaldurError) -> Value
    ) async -> Result<Value, WaldurError> {
        do throws(WaldurError) {
            return .success(try await operation())
        } catch {
            return .failure(error)
        }
    }

    /// Sleeps, at most a few seconds: the month may end, or a person decide something, meanwhile.
    private func rest(_ lane: Int, until: Timestamp) async {
        let wait = min(max(until.milliseconds - now().milliseconds, 1), 5_000)
        let task = Task<Void, Never> { try? await Task.sleep(for: .milliseconds(wait)) }
        sleepers[lane] = task
        await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        sleepers[lane] = nil
    }

    private func note(_ decisions: [Decision]) {
        for decision in decisions {
            switch decision {
            case .submissionRefused(let outcome):
                logger.warning(
                    "submission refused",
                    metadata: ["number": "\(outcome.number)", "note": "\(outcome.note ?? "")"]
                )
            case .submissionUnknown(let outcome):
                logger.warning(
                    "submission unknown, looking it up",
                    metadata: ["number": "\(outcome.number)", "note": "\(outcome.note ?? "")"]
                )
            case .incidentFound(let incident):
                logger.warning(
                    "an invoice is not what it should be, see period preview",
                    metadata: [
                        "month": "\(incident.key.month)", "incident": "\(incident.summary)",
                    ]
                )
            default: break
            }
        }
    }
}
