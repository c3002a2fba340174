internal import Meter
internal import MeterWire
internal import NIOCore
internal import Synchronization

/// What the connections of one event loop share: the engine's receiver, the clocks' ticks, and the
/// list of those that wait for something. Used on its event loop only.
final class StreamLoop {
    let eventLoop: any EventLoop
    let engine: Engine
    let receiver: Receiver
    let clock: ServerClock
    let metrics: ServerMetrics
    let limits: ServerConfiguration.Limits
    let admission: ConnectionAdmission
    let signals: Signals
    let heartbeat: Heartbeat
    private var connections: [ObjectIdentifier: StreamConnection] = [:]
    private var owing: [ObjectIdentifier: StreamConnection] = [:]
    private var heldBack: [ObjectIdentifier: StreamConnection] = [:]
    private var isRetryScheduled = false

    /// What other threads ask before they disturb the loop.
    final class Signals: Sendable {
        let isOwing = Atomic(false)
        let isScheduled = Atomic(false)
    }

    init(
        eventLoop: any EventLoop,
        context: ServerContext,
        admission: ConnectionAdmission,
        signals: Signals,
        heartbeat: Heartbeat
    ) {
        self.eventLoop = eventLoop
        engine = context.engine
        receiver = Receiver(engine: context.engine)
        clock = context.clock
        metrics = context.metrics
        limits = context.configuration.limits
        self.admission = admission
        self.signals = signals
        self.heartbeat = heartbeat
    }

    var isEmpty: Bool { connections.isEmpty }

    func add(_ connection: StreamConnection) {
        connections[ObjectIdentifier(connection)] = connection
    }

    func remove(_ connection: StreamConnection) {
        let id = ObjectIdentifier(connection)
        connections[id] = nil
        owing[id] = nil
        heldBack[id] = nil
    }

    /// The connection owes an acknowledgement, from the next sync on.
    func setOwing(_ connection: StreamConnection) {
        owing[ObjectIdentifier(connection)] = connection
        signals.isOwing.store(true, ordering: .sequentiallyConsistent)
    }

    /// The engine is offered again what the connection holds, a few milliseconds from now.
    func setHeldBack(_ connection: StreamConnection) {
        heldBack[ObjectIdentifier(connection)] = connection
        guard !isRetryScheduled else { return }
        isRetryScheduled = true
        eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(10)) { self.retry() }
    }

    /// Sends what has become due; called after each sync.
    func acknowledge() {
        signals.isScheduled.store(false, ordering: .sequentiallyConsistent)
        let durable = engine.durable
        for (id, connection) in owing where !connection.acknowledge(durable: durable) {
            owing[id] = nil
        }
        signals.isOwing.store(!owing.isEmpty, ordering: .sequentiallyConsistent)
    }

    private func retry() {
        isRetryScheduled = false
        let waiting = heldBack
        heldBack.removeAll()
        let now = NIODeadline.now()
        for connection in waiting.values
        where !connection.isWorthRetrying(now) || !connection.retry() {
            setHeldBack(connection)
        }
        // What was taken may be durable before anybody knew that it is owed.
        if !owing.isEmpty { acknowledge() }
    }

    /// Closes connections that were silent, slow or stuck for too long; every second.
    func sweep() {
        heartbeat.beat()
        let now = NIODeadline.now()
        for connection in connections.values { connection.checkTime(now) }
    }

    /// Reads no more; closes each connection once what it sent is acknowledged.
    func stop() {
        for connection in connections.values { connection.finish() }
    }

    /// Closes what is left.
    func closeAll() {
        heartbeat.end()
        for connection in connections.values { connection.close("stopping") }
    }
}
