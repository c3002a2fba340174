internal import Glibc
internal import Synchronization

/// The parts of the server that must keep moving. `/healthz` and systemd's watchdog are told of those
/// that do not: what hangs for good is mended by a restart and by nothing else.
final class Vitals: Sendable {
    private let heartbeats = Mutex<[Heartbeat]>([])

    /// Adds a part, which from now on has to beat.
    ///
    /// - Parameter part: What `/healthz` and the log call it, such as `committer`.
    func add(_ part: String) -> Heartbeat {
        let heartbeat = Heartbeat(part)
        heartbeats.withLock { $0.append(heartbeat) }
        return heartbeat
    }

    /// The parts that should have come round and did not, sorted; empty while all is well.
    var lateParts: [String] {
        heartbeats.withLock { $0 }.filter(\.isLate).map(\.part).sorted()
    }
}

/// Shows that one part moves on: each time it comes round it promises by when it will again.
final class Heartbeat: Sendable {
    /// For a part that waits for nobody and comes round once a second.
    static let usual = Duration.seconds(5)

    let part: String
    /// Milliseconds of the monotonic clock.
    private let due: Atomic<Int64>

    fileprivate init(_ part: String) {
        self.part = part
        due = Atomic(Self.now() &+ Self.milliseconds(Self.usual))
    }

    /// The part has come round, and will have again before so long; costs a look at the clock.
    func beat(within duration: Duration = usual) {
        due.store(Self.now() &+ Self.milliseconds(duration), ordering: .relaxed)
    }

    /// The part has stopped as it was asked to, and is never late again.
    func end() { due.store(.max, ordering: .relaxed) }

    var isLate: Bool { due.load(ordering: .relaxed) < Self.now() }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1_000
            + duration.components.attoseconds / 1_000_000_000_000_000
    }

    private static func now() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
