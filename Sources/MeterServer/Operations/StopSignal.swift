internal import Glibc
internal import Synchronization

/// Lets a thread sleep until a time has passed or it is told to stop.
final class StopSignal: Sendable {
    private let isSet = Atomic(false)

    /// The longest that a stop may go unnoticed.
    private static let step = Duration.milliseconds(20)

    var isStopped: Bool { isSet.load(ordering: .acquiring) }

    func stop() { isSet.store(true, ordering: .releasing) }

    /// - Returns: Whether it was told to stop.
    func wait(_ duration: Duration) -> Bool {
        let end = ContinuousClock.now + duration
        while !isStopped {
            let left = end - ContinuousClock.now
            guard left > .zero else { return false }
            let step = min(left, Self.step)
            usleep(UInt32(clamping: step.components.attoseconds / 1_000_000_000_000))
        }
        return true
    }
}
