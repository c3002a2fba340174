internal import Logging
internal import Meter
internal import Synchronization

/// The thread that makes the journal durable: one write and one sync for everything appended since the
/// last one, then word to everybody who waits.
///
/// After a failure nothing above the durable position counts any more. The engine is rebuilt as soon as
/// the disk takes a new file; until then everything that arrives is deferred and nothing is acknowledged.
final class Committer: Sendable {
    private let context: ServerContext
    /// Told after each sync: doors that owe acknowledgements.
    private let published: @Sendable () -> Void
    private let heartbeat: Heartbeat
    private let isStopping = Atomic(false)
    private let stopSignal = StopSignal()
    private let thread = Mutex<WorkerThread?>(nil)

    private static let firstPause = Duration.milliseconds(50)
    private static let longestPause = Duration.seconds(2)
    /// What one call of the disk may take before the thread counts as stuck. A disk that hangs is not
    /// mended by a restart, and `/readyz` tells of it sooner.
    private static let diskPatience = Duration.seconds(600)

    init(context: ServerContext, published: @escaping @Sendable () -> Void) {
        self.context = context
        self.published = published
        heartbeat = context.vitals.add("committer")
    }

    func start() throws(SystemCallError) {
        let started = try WorkerThread("meter-committer") { [self] in run() }
        thread.withLock { $0 = started }
    }

    /// Commits what is appended and ends the thread. Nothing may be appended any more.
    func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        stopSignal.stop()
        context.engine.stopWaiting()
        thread.withLock { thread in
            defer { thread = nil }
            return thread
        }?.join()
    }

    private func run() {
        defer { heartbeat.end() }
        while true {
            heartbeat.beat()
            let hasMore = context.engine.waitForAppend()
            if hasMore, !commit() {
                guard recover() else { return }
            }
            if isStopping.load(ordering: .sequentiallyConsistent),
                context.engine.durable == context.engine.appended
            {
                return
            }
        }
    }

    /// - Returns: False if the disk failed.
    private func commit() -> Bool {
        let clock = ContinuousClock()
        let began = clock.now
        heartbeat.beat(within: Self.diskPatience)
        do throws(DiskError) {
            let durable = try context.engine.commit()
            context.metrics.commits.add()
            context.metrics.commitSeconds.record(clock.now - began)
            context.waiters.publish(durable: durable)
            published()
            return true
        } catch {
            report(error)
            context.logger.error(
                "the journal could not be written; nothing is acknowledged until it can",
                metadata: ["error": "\(error)"]
            )
            return false
        }
    }

    private func report(_ error: DiskError) {
        if error.reason == .noSpace {
            context.metrics.commitFailures.add("no-space")
            context.readiness.set(.diskFull, error.description)
        } else {
            context.metrics.commitFailures.add(error.operation.rawValue)
            context.readiness.set(.diskFailing, error.description)
        }
    }

    /// Rebuilds the engine from what is durable, again and again until the disk works.
    ///
    /// - Returns: False if the server is to stop and it still does not.
    private func recover() -> Bool {
        var pause = Self.firstPause
        while true {
            heartbeat.beat(within: Self.diskPatience)
            do throws(EngineError) {
                let summary = try context.engine.recover()
                context.metrics.journalRecoveries.add()
                context.waiters.begin(durable: context.engine.durable)
                context.readiness.clear(.diskFull)
                context.readiness.clear(.diskFailing)
                context.logger.notice(
                    "the journal goes on in a new file",
                    metadata: ["summary": "\(summary)"]
                )
                published()
                return true
            } catch {
                if case .disk(let error) = error { report(error) }
                context.logger.error(
                    "the engine could not be rebuilt; trying again",
                    metadata: ["error": "\(error)", "pause": "\(pause)"]
                )
            }
            if stopSignal.wait(pause) { return false }
            pause = min(pause * 2, Self.longestPause)
        }
    }
}
