internal import Logging
internal import Meter
internal import MeterWaldur
internal import MeterWire
internal import ServiceLifecycle

/// Runs the reporters of the configured Waldurs until the stop, and shows their state to operators.
final class ReportingService: Service {
    /// What the administration asks, in the order of the configuration.
    let reporters: [ReporterService]
    private let context: ServerContext
    private let transports: [HTTPTransport]

    /// - Throws: ``StartError`` if a URL is none.
    init(_ waldurs: [ServerConfiguration.Waldur], context: ServerContext) throws {
        self.context = context
        for waldur in waldurs {
            do throws(WaldurError) {
                try HTTPTransport.check(url: waldur.url)
            } catch {
                throw StartError(.configuration, "the URL of Waldur \(waldur.id): \(error)")
            }
        }
        var reporters: [ReporterService] = []
        var transports: [HTTPTransport] = []
        for waldur in waldurs {
            let own = try waldur.accounts.map {
                try HTTPTransport(url: waldur.url, token: $0.token)
            }
            transports += own
            reporters.append(Self.reporter(waldur, own, context))
        }
        self.reporters = reporters
        self.transports = transports
    }

    private static func reporter(
        _ waldur: ServerConfiguration.Waldur,
        _ transports: [HTTPTransport],
        _ context: ServerContext
    ) -> ReporterService {
        var settings = ReporterSettings(
            waldur: waldur.id,
            zone: waldur.zone,
            accounts: waldur.accounts.map(\.account)
        )
        settings.currency = waldur.currency
        settings.cycleMilliseconds = waldur.reportInterval.components.seconds * 1_000
        settings.requestLifeMilliseconds = waldur.requestLife.components.seconds * 1_000
        settings.guardMilliseconds = max(
            waldur.guardTime.components.seconds * 1_000,
            settings.requestLifeMilliseconds
        )
        settings.turnDelayMilliseconds = waldur.turnDelay.components.seconds * 1_000
        settings.acceptsForeign = waldur.acceptsForeign
        settings.foreignDecideMilliseconds = Int64(waldur.foreignDecideHours) * 3_600_000
        let clock = context.clock
        let measured = MeasuredClock()
        var random = SystemRandomNumberGenerator()
        var logger = context.logger
        logger[metadataKey: "waldur"] = "\(waldur.id)"
        return ReporterService(
            settings: settings,
            accounts: WaldurAccounts(
                transports.map { transport in
                    WaldurClient(transport: transport, measured: measured, now: { clock.now() })
                }
            ),
            engine: ReporterDoor(context: context),
            logger: logger,
            seed: random.next(),
            now: { clock.now() }
        )
    }

    /// Submissions under way are read back before this returns.
    func run() async throws {
        let watch = Task { await showState() }
        await cancelWhenGracefulShutdown { [reporters] in
            await withTaskGroup(of: Void.self) { group in
                for reporter in reporters { group.addTask { await reporter.run() } }
            }
        }
        watch.cancel()
        for transport in transports { await transport.shutdown() }
    }

    private func showState() async {
        while !Task.isCancelled {
            show(.reportingHeld) { $0.state == .held }
            show(.reportingFailing) { $0.state == .failing }
            show(.ledgerNotConserved) { !$0.violations.isEmpty }
            show(.reportingIncident) { !$0.incidents.isEmpty }
            show(.finalFlushLong, { $0.flushWarning ?? "" }) { $0.flushWarning != nil }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// Shows what holds of some Waldurs, with the detail of each.
    private func show(
        _ reason: Readiness.Reason,
        _ detail: (ReportStatus) -> String = { $0.detail },
        where holds: (ReportStatus) -> Bool
    ) {
        let details = reporters.map(\.status).filter(holds).map { status in
            reporters.count == 1 ? detail(status) : "\(status.waldur): \(detail(status))"
        }
        if details.isEmpty {
            context.readiness.clear(reason)
        } else {
            context.readiness.set(reason, details.joined(separator: "; "))
        }
    }
}

/// The running server as the reporter sees it: the book, and usage that is durable.
private struct ReporterDoor: ReportingEngine {
    let context: ServerContext

    private static let patience = Duration.seconds(30)

    var bookState: BookState { context.book.state }

    func decide(_ decisions: [Decision], author: String) async throws(ReporterTrouble) {
        do throws(BookError) {
            // Reporters of other Waldurs, and people, may have booked since these were numbered.
            try context.book.append(author: author) { Numbering.apply(decisions, after: $0) }
        } catch {
            throw ReporterTrouble(error.description, concernsOne: error.concernsDecisionsAlone)
        }
    }

    func usage(_ query: UsageQuery) async throws(ReporterTrouble) -> UsageAnswer {
        if let first = query.windows.first, first < context.engine.usageRetainedFrom {
            throw ReporterTrouble("usage of that month is kept no longer, so nothing is told of it")
        }
        let epoch = context.waiters.epoch
        let pending = try await ask(query)
        guard pending.damage.isEmpty else {
            throw ReporterTrouble(
                "nothing is told while damage keeps usage out: \(pending.damage.joined(separator: "; "))"
            )
        }
        let outcome = await context.waiters.wait(
            for: pending.position,
            epoch: epoch,
            timeout: Self.patience
        )
        guard outcome == .durable, let answer = context.engine.answer(pending) else {
            throw ReporterTrouble("usage is not on the disk yet")
        }
        return answer
    }

    /// Scanning segments takes time: not on the threads that serve connections.
    @concurrent
    private func ask(_ query: UsageQuery) async throws(ReporterTrouble) -> PendingAnswer {
        do throws(EngineError) {
            return try context.engine.query(query, at: context.clock.now())
        } catch {
            throw ReporterTrouble("usage cannot be read: \(error)")
        }
    }
}

extension BookError {
    /// Others can be booked.
    fileprivate var concernsDecisionsAlone: Bool {
        switch self {
        case .refused, .tooLarge: true
        case .disk, .damaged: false
        }
    }
}
