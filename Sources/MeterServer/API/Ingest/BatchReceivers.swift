internal import Meter
internal import MeterWire
internal import Synchronization

/// The doors to the engine that requests share: a door is for one thread at a time, requests run on any.
final class BatchReceivers: Sendable {
    private final class Door: Sendable {
        let receiver: Mutex<Receiver>

        init(engine: Engine) { receiver = Mutex(Receiver(engine: engine)) }
    }

    private let doors: [Door]

    init(engine: Engine) {
        doors = (0..<2).map { _ in Door(engine: engine) }
    }

    /// Takes the first door that is free, or waits for the last: an ingest is memory only.
    func ingest(_ batch: IngestBatch, at now: Timestamp) -> BatchOutcome {
        for door in doors {
            let outcome = door.receiver.withLockIfAvailable { $0.ingest(batch: batch, at: now) }
            if let outcome { return outcome }
        }
        return doors[doors.count - 1].receiver.withLock { $0.ingest(batch: batch, at: now) }
    }
}
