internal import Dispatch
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
                try context.engine.close()
                state = context.engine.durable == context.engine.appended
            } catch {
                // Nothing that was acknowledged is lost: the next start reads the file as it is.
                context.logger.error(
                    "the journal's file could not be finished", metadata: ["error": "\(error)"])
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

/// What has to be looked at now and then: expired keys, conditions for readiness, the kernel's counters.
struct Housekeeping: Service {
    let context: ServerContext
    let doors: Doors

    func run() async throws {
        var round = 0
        while true {
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(1)) }
            if Task.isCancelled || Task.isShuttingDownGracefully { return }
            round += 1
            look()
            // Keys expire by themselves; a minute late is soon enough for what was set weeks before.
            if round.isMultiple(of: 10) { context.book.refreshPolicy() }
        }
    }

    private func look() {
        context.metrics.kernelDrops.set(Int(clamping: doors.kernelDropCount))
        let waiting = context.engine.appended &- context.engine.durable
        let limit = context.configuration.limits.journalQueueByteCount
        if waiting >= UInt64(limit / 2) {
            context.readiness.set(
                .journalQueueFull,
                "\(waiting) bytes wait for the disk; \(limit) may. The disk is too slow or hangs")
        } else {
            context.readiness.clear(.journalQueueFull)
        }
        if context.engine.isAtLiveKeyLimit {
            context.readiness.set(
                .liveKeyLimit, "as many counters as may be are in memory; a checkpoint is due")
        } else {
            context.readiness.clear(.liveKeyLimit)
        }
    }
}

/// Ends the process at the second signal, whatever it is doing: what was acknowledged is durable.
final class Impatience: Sendable {
    private let sources: [any DispatchSourceSignal]

    init() {
        let count = Mutex(0)
        let counter = SharedCount(count: consume count)
        sources = [SIGTERM, SIGINT].map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                if counter.next() >= 2 { _exit(128 + number) }
            }
            source.resume()
            return source
        }
    }

    private final class SharedCount: Sendable {
        private let count: Mutex<Int>
        init(count: consuming Mutex<Int>) { self.count = count }
        func next() -> Int {
            count.withLock {
                $0 += 1
                return $0
            }
        }
    }
}
