internal import Logging
internal import Meter
internal import Synchronization

/// The thread that sees whether every part of the server moves on, and tells the service manager.
///
/// It is no timer that says that all is well: it wakes the committer, asks HTTP a question, and keeps
/// systemd's watchdog quiet only while no part is late (``Vitals``).
final class Watchdog: Sendable {
    private let context: ServerContext
    private let manager: ServiceManager?
    private let stopSignal = StopSignal()
    private let thread = Mutex<WorkerThread?>(nil)

    private static let look = Duration.seconds(1)
    /// Looks between two questions to HTTP.
    private static let looksPerProbe = 4
    /// Four questions may go unanswered, each for its two seconds.
    private static let httpPatience = Duration.seconds(20)

    init(context: ServerContext, manager: ServiceManager?) {
        self.context = context
        self.manager = manager
    }

    func start() throws(SystemCallError) {
        let started = try WorkerThread("meter-watchdog") { [self] in run() }
        thread.withLock { $0 = started }
    }

    func stop() {
        stopSignal.stop()
        thread.withLock { thread in
            defer { thread = nil }
            return thread
        }?.join()
    }

    private func run() {
        // Four messages in the time in which one is due: three may be lost or late.
        let pause = min(Self.look, (manager?.watchdogInterval ?? .seconds(60)) / 4)
        let probe = HTTPProbe(path: context.configuration.adminSocket)
        var http: Heartbeat?
        var lastLate: [String] = []
        var lastStatus = ""
        var round = 0
        while !stopSignal.wait(pause) {
            let entries = context.readiness.entries
            guard !entries.contains(where: { $0.reason == .stopping }) else { return }
            context.engine.wakeCommitter()
            if !entries.contains(where: { $0.reason == .starting }) {
                let heartbeat = http ?? context.vitals.add("http")
                if http == nil { heartbeat.beat(within: Self.httpPatience) }
                http = heartbeat
                if round.isMultiple(of: Self.looksPerProbe), probe.ask("/version") != .silent {
                    heartbeat.beat(within: Self.httpPatience)
                }
                round += 1
            }
            let late = context.vitals.lateParts
            if late != lastLate { report(late) }
            lastLate = late
            if late.isEmpty, manager?.watchdogInterval != nil { tell(.alive) }
            let status = Self.status(entries, late)
            if status != lastStatus, http != nil { tell(.status(status)) }
            lastStatus = status
        }
    }

    private func report(_ late: [String]) {
        if late.isEmpty {
            context.logger.notice("every part of the server moves on again")
        } else {
            context.logger.critical(
                "parts of the server do not move on",
                metadata: ["parts": "\(late.joined(separator: ", "))"]
            )
        }
    }

    /// One line for `systemctl status`.
    private static func status(_ entries: [Readiness.Entry], _ late: [String]) -> String {
        if !late.isEmpty { return "stuck: " + late.joined(separator: ", ") }
        if entries.isEmpty { return "ready" }
        let isReady = !entries.contains { $0.reason.isBlocking }
        return (isReady ? "ready, but " : "not ready: ")
            + entries.map { "\($0.reason.rawValue) (\($0.detail))" }.joined(separator: "; ")
    }

    private func tell(_ message: ServiceManager.Message) {
        do throws(SystemCallError) {
            try manager?.tell(message)
        } catch {
            context.logger.warning(
                "the service manager could not be told",
                metadata: ["error": "\(error)"]
            )
        }
    }
}
