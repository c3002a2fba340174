internal import Logging
internal import Meter
internal import Synchronization

/// What every part of one running server shares.
///
/// Doors and routes get it when they are made. Nothing in it is replaced while the server runs; each
/// member guards its own state.
final class ServerContext: Sendable {
    let configuration: ServerConfiguration
    let clock: ServerClock
    let engine: Engine
    /// Decisions: keys, bindings, components, submissions. Its appends change the engine's policy.
    let book: BookStore
    /// Lets a request wait until its records are durable, or were given up.
    let waiters: DurableWaiters
    let metrics: ServerMetrics
    let readiness: Readiness
    /// The parts that have to keep moving.
    let vitals = Vitals()
    /// What the last pass of retention saw; nil before the first.
    let retention = Mutex<RetentionStanding?>(nil)
    let logger: Logger

    init(
        configuration: ServerConfiguration,
        clock: ServerClock,
        engine: Engine,
        book: BookStore,
        waiters: DurableWaiters,
        metrics: ServerMetrics,
        readiness: Readiness,
        logger: Logger
    ) {
        self.configuration = configuration
        self.clock = clock
        self.engine = engine
        self.book = book
        self.waiters = waiters
        self.metrics = metrics
        self.readiness = readiness
        self.logger = logger
    }
}
