internal import Logging
internal import Meter
internal import MeterWaldur
internal import MeterWire
internal import ServiceLifecycle

/// Runs the reporter of the configured Waldur until the stop, and shows its state to operators.
final class ReportingService: Service {
    /// What the administration asks.
    let reporter: ReporterService
    private let context: ServerContext
    private let transport: HTTPTransport

    /// - Throws: ``StartError`` if the URL is none.
    init(_ waldur: ServerConfiguration.Waldur, context: ServerContext) throws {
        self.context = context
        do throws(WaldurError) {
            transport = try HTTPTransport(url: waldur.url, token: waldur.token)
        } catch {
            throw StartError(.configuration, "\(Settings.waldurURL.flag): \(error)")
        }
        var settings = ReporterSettings(waldur: WaldurID(waldur.id), zone: waldur.zone)
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
        var random = SystemRandomNumberGenerator()
        reporter = ReporterService(
            settings: settings,
            client: WaldurClient(transport: transport, now: { clock.now() }),
            engine: ReporterDoor(context: context),
            logger: context.logger,
            seed: random.next(),
            now: { clock.now() }
        )
    }

    /// A submission under way is read back before this returns.
    func run() async throws {
        let watch = Task { await showState() }
        await cancelWhenGracefulShutdown { [reporter] in await reporter.run() }
        watch.cancel()
        await transport.shutdown()
    }

    private func showState() async {
        while !Task.isCancelled {
            let status = reporter.status
            show(.reportingHeld, status.state == .held, status.detail)
            show(.reportingFailing, status.state == .failing, status.detail)
            show(.reportingIncident, !status.incidents.isEmpty, status.detail)
            show(.finalFlushLong, status.flushWarning != nil, status.flushWarning ?? "")
            show(.ledgerNotConserved, !status.violations.isEmpty, status.detail)
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func show(_ reason: Readiness.Reason, _ holds: Bool, _ detail: String) {
        if holds {
            context.readiness.set(reason, detail)
        } else {
            context.readiness.clear(reason)
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
            try context.book.append(decisions, author: author)
        } catch {
            throw ReporterTrouble(error.description)
        }
    }

    func usage(_ query: UsageQuery) async throws(ReporterTrouble) -> UsageAnswer {
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
