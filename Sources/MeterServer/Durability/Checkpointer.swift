internal import Logging
internal import Meter
internal import Synchronization

/// The thread that writes counters and dedup state to files, so that memory stays bounded and a start
/// reads little of the journal; and that merges segments between checkpoints.
final class Checkpointer: Sendable {
    private let context: ServerContext
    private let catalog: CatalogKeeper
    private let retention: RetentionKeeper
    private let stopSignal = StopSignal()
    private let thread = Mutex<WorkerThread?>(nil)

    private static let look = Duration.milliseconds(100)
    private static let pauseAfterFailure = Duration.seconds(2)
    /// Periods are closed and disks fill up without a checkpoint, too.
    private static let retentionInterval = Duration.seconds(600)

    init(context: ServerContext, catalog: CatalogKeeper, retention: RetentionKeeper) {
        self.context = context
        self.catalog = catalog
        self.retention = retention
    }

    func start() throws(SystemCallError) {
        let started = try WorkerThread("meter-checkpoint") { [self] in run() }
        thread.withLock { $0 = started }
    }

    /// Ends the thread; a checkpoint under way is finished first unless the disk fails.
    func stop() {
        stopSignal.stop()
        thread.withLock { thread in
            defer { thread = nil }
            return thread
        }?.join()
    }

    private func run() {
        catalog.refresh()
        defer { catalog.refresh() }
        var last = ContinuousClock.now
        var lastPosition = context.engine.durable
        var erased = DetailsErasures()
        var lastPass: ContinuousClock.Instant?
        var isIndexed = false
        while !stopSignal.wait(Self.look) {
            // One file at a time, so that a checkpoint that is due waits for one at most.
            if !isIndexed { isIndexed = !retention.indexNext() }
            if isIndexed,
                lastPass.map({ ContinuousClock.now - $0 >= Self.retentionInterval }) ?? true
            {
                retention.pass()
                lastPass = .now
            }
            let isDue =
                ContinuousClock.now - last >= context.configuration.checkpointInterval
                && context.engine.durable != lastPosition
            let erasures = context.engine.erasures
            guard context.engine.checkpointNeeded || isDue || erasures != erased else { continue }
            if checkpoint() {
                if erasures != erased {
                    if erase() {
                        erased = erasures
                    } else if stopSignal.wait(Self.pauseAfterFailure) {
                        return
                    }
                }
                merge()
                catalog.refresh()
                isIndexed = false
            } else if stopSignal.wait(Self.pauseAfterFailure) {
                return
            }
            last = .now
            lastPosition = context.engine.durable
        }
    }

    /// - Returns: False if it failed and is to be tried again after a pause.
    private func checkpoint() -> Bool {
        let began = ContinuousClock.now
        guard let pending = context.engine.beginCheckpoint() else { return true }
        do throws(EngineError) {
            guard let summary = try finish(pending) else { return true }
            let duration = ContinuousClock.now - began
            context.metrics.checkpoints.add()
            context.metrics.checkpointSeconds.record(duration)
            context.readiness.clear(.checkpointFailing)
            if let failure = summary.detailsFailure {
                context.readiness.set(.detailsMissing, failure.description)
                context.logger.error(
                    "the details of a checkpoint are lost", metadata: ["error": "\(failure)"])
            }
            context.logger.info(
                "checkpoint published",
                metadata: ["summary": "\(summary)", "duration": "\(duration)"]
            )
            return true
        } catch {
            context.metrics.checkpointFailures.add()
            context.readiness.set(
                .checkpointFailing,
                "the last checkpoint failed and is tried again: \(error)"
            )
            context.logger.error("a checkpoint failed", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// Waits until the committer has got to the checkpoint's position, and writes it.
    ///
    /// - Returns: Nil when a recovery has outlived the checkpoint, or the server stops.
    private func finish(
        _ pending: PendingCheckpoint
    ) throws(EngineError) -> CheckpointSummary? {
        while true {
            do throws(EngineError) {
                return try context.engine.finishCheckpoint(pending)
            } catch {
                switch error {
                case .notDurable: if stopSignal.wait(.milliseconds(5)) { return nil }
                case .outlived: return nil
                default: throw error
                }
            }
        }
    }

    /// Rewrites the files of details that have names which were decided to be erased.
    ///
    /// - Returns: False if one could not be; it is tried again.
    private func erase() -> Bool {
        while !stopSignal.isStopped {
            do throws(EngineError) {
                guard let file = try context.engine.eraseNext() else { return true }
                context.logger.notice("details were erased", metadata: ["file": "\(file)"])
            } catch {
                context.metrics.mergeFailures.add()
                context.logger.error(
                    "details could not be erased", metadata: ["error": "\(error)"])
                return false
            }
        }
        return false
    }

    private func merge() {
        while !stopSignal.isStopped {
            do throws(EngineError) {
                guard let summary = try context.engine.mergeNext(at: context.clock.now()) else {
                    return
                }
                context.metrics.merges.add()
                context.logger.info("segments merged", metadata: ["summary": "\(summary)"])
            } catch {
                context.metrics.mergeFailures.add()
                context.logger.error("a merge failed", metadata: ["error": "\(error)"])
                return
            }
        }
    }
}
