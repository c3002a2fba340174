internal import FoundationEssentials
internal import Glibc
internal import Hummingbird
internal import Logging
internal import Meter
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import Synchronization

/// Keeps the journal going until everything that feeds it has stopped, and finishes it.
final class StorageService: Service, Sendable {
    private let context: ServerContext
    private let committer: Committer
    private let checkpointer: Checkpointer
    private let state = Mutex<Bool?>(nil)

    init(context: ServerContext, committer: Committer, checkpointer: Checkpointer) {
        self.context = context
        self.committer = committer
        self.checkpointer = checkpointer
    }

    func run() async throws {
        try? await gracefulShutdown()
        close()
    }

    /// Whether everything appended was durable at the end.
    var isClosedClean: Bool { state.withLock { $0 ?? false } }

    /// Stops the threads and finishes the journal's file; a second call does nothing.
    func close() {
        state.withLock { state in
            guard state == nil else { return }
            checkpointer.stop()
            committer.stop()
            do {
                try context.engine.finish()
                state = context.engine.durable == context.engine.appended
            } catch {
                // Nothing that was acknowledged is lost: the next start reads the file as it is.
                context.logger.error(
                    "the journal's file could not be finished",
                    metadata: ["error": "\(error)"]
                )
                state = false
            }
        }
    }
}

/// Takes events in until the stop, then gives the last acknowledgements.
struct DoorService: Service {
    let context: ServerContext
    let doors: Doors

    func run() async throws {
        try? await gracefulShutdown()
        await doors.stop()
    }
}

/// Takes up backfills that a stop has interrupted, once the journal can be written.
struct BackfillService: Service {
    let context: ServerContext

    func run() async throws {
        await BackfillRunner(context: context).finishAll()
        try? await gracefulShutdown()
    }
}

/// What has to be looked at now and then: expired keys, conditions for readiness, the kernel's counters.
struct Housekeeping: Service {
    let context: ServerContext
    let doors: Doors

    func run() async throws {
        var round = 0
        var known: [String: UInt64] = [:]
        while true {
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(1)) }
            if Task.isCancelled || Task.isShuttingDownGracefully { return }
            round += 1
            context.metrics.kernelDrops.set(Int(clamping: doors.kernelDropCount))
            let deferrals = countDeferrals()
            show(
                .liveKeyLimit,
                ifGrown: .liveKeys,
                from: known,
                to: deferrals,
                "as many counters as may be are in memory; a checkpoint is under way"
            )
            show(
                .journalQueueFull,
                ifGrown: .journal,
                from: known,
                to: deferrals,
                "more journal bytes wait for the disk than may; it is too slow, hangs or failed"
            )
            known = deferrals
            checkConservation()
            // Keys expire by themselves; seconds late is soon enough for what was set weeks before.
            if round.isMultiple(of: 10) { context.book.refreshPolicy() }
        }
    }

    /// Every event that came has one outcome (design §3.5); anything else is a fault of this program.
    private func checkConservation() {
        let violations = context.engine.admissionCounts()
            .flatMap { Conservation.check($0.value, of: $0.key) }
        guard !violations.isEmpty else {
            context.readiness.clear(.notConserved)
            return
        }
        let text = violations.map(\.description).joined(separator: "; ")
        let isKnown = context.readiness.entries.contains { $0.reason == .notConserved }
        context.readiness.set(.notConserved, text)
        guard !isKnown else { return }
        context.logger.critical("events are not conserved", metadata: ["violations": "\(text)"])
    }

    /// Deferred frames and batches by reason, over all transports.
    private func countDeferrals() -> [String: UInt64] {
        var counts: [String: UInt64] = [:]
        for sample in context.metrics.deferrals.samples {
            counts[sample.labels.last ?? "", default: 0] += sample.count
        }
        return counts
    }

    private func show(
        _ reason: Readiness.Reason,
        ifGrown deferral: Deferral,
        from old: [String: UInt64],
        to new: [String: UInt64],
        _ detail: String
    ) {
        if new[deferral.rawValue, default: 0] > old[deferral.rawValue, default: 0] {
            context.readiness.set(reason, detail)
        } else {
            context.readiness.clear(reason)
        }
    }
}
