public import MeterWire
internal import Synchronization

/// Takes what an emitter records, in memory, so that a unit test can say what was metered: without server,
/// socket, thread or waiting.
///
/// ```swift
/// let sink = TestSink()
/// let agent = Agent(meter: sink.emitter)
/// agent.answer("hello")
/// #expect(sink.total("input_tokens", tenant: "acme") == 12)
/// ```
///
/// Events are held to the rules of the format as they are on their way to a server, so that what a test
/// sees here is what a server would be sent. Limits, holes and refusals of a server are not played.
public final class TestSink: Sendable {
    private struct State {
        var encoder = PayloadEncoder(byteCountMax: TestSink.payloadByteCount)
        var events: [UsageEvent] = []
        var defects: [EventDefect] = []
        var lateCount: UInt64 = 0
        var isClosed = false
    }

    /// Of a datagram in suite 2, where the least fits.
    private static var payloadByteCount: Int {
        let options = EmitterOptions(endpoint: .udp(host: "", port: 0), protection: .none)
        let suite = TagSuite.aes256GCM
        return options.datagramByteCount - WireLimits.headerByteCount - suite.nonceByteCount
            - suite.tagByteCount
    }

    private let state = Mutex(State())
    private let clock: @Sendable () -> Timestamp

    /// - Parameter clock: The time of events that are recorded without one; by default the system's clock.
    public init(clock: (@Sendable () -> Timestamp)? = nil) {
        self.clock = clock ?? { SystemClock.now() }
    }

    /// An emitter that records here; all of them record into one list.
    public var emitter: Emitter { Emitter(self, clock: clock) }

    /// What a server would have been sent, in the order in which it was recorded.
    public var events: [UsageEvent] { state.withLock { $0.events } }

    /// Why other events would never have been sent, in the same order.
    public var defects: [EventDefect] { state.withLock { $0.defects } }

    /// Whether an emitter of this sink was closed. Events that were recorded afterwards are in no list.
    public var isClosed: Bool { state.withLock { $0.isClosed } }

    /// The sum of a component over all events, or over those of one tenant, one agent, or both.
    public func total(
        _ component: String,
        tenant: String? = nil,
        agent: String? = nil
    ) -> UInt128 {
        var total: UInt128 = 0
        for event in events
        where (tenant == nil || event.tenant == tenant) && (agent == nil || event.agent == agent) {
            for amount in event.amounts where amount.component == component {
                total += UInt128(amount.amount)
            }
        }
        return total
    }

    /// Forgets everything: the next test begins.
    public func removeAll() { state.withLock { $0 = State() } }

    // MARK: The emitter

    func record(_ event: UsageEvent) {
        state.withLock { state in
            if state.isClosed {
                state.lateCount += 1
                return
            }
            // Every event is the first of a frame: it must fit into one alone.
            state.encoder.removeAll()
            switch state.encoder.append(event) {
            case .appended, .full: state.events.append(event)
            case .invalid(let defect): state.defects.append(defect)
            }
        }
    }

    func close() { state.withLock { $0.isClosed = true } }

    /// As of an emitter whose server has everything at once.
    var statistics: EmitterStatistics {
        state.withLock { state in
            var statistics = EmitterStatistics()
            let count = UInt64(state.events.count)
            statistics.invalid = UInt64(state.defects.count)
            statistics.lastDefect = state.defects.last
            statistics.dropped = state.lateCount
            statistics.recorded = count + statistics.invalid + state.lateCount
            statistics.sealed = count
            statistics.durable = count
            statistics.accepted = count
            return statistics
        }
    }
}
