public import MeterWire

/// Meters agent calls: takes events without ever waiting, and sees to it that each is counted once.
///
/// ```swift
/// let emitter = Emitter(EmitterOptions(endpoint: .udp(host: "meter", port: 7401), protection: .signed(key)))
/// emitter.record(tenant: "acme", agent: "support-bot", [ComponentAmount("input_tokens", 1_204)])
/// emitter.close()
/// ```
///
/// One background thread seals events into frames, sends them, and sends the same bytes again until the
/// server says that they are on its disk. Memory is bounded: when the server is away for longer than it
/// lasts, new events are dropped, and claims tell their number and amounts. In the child of a `fork` the
/// emitter goes on with a source of its own; what the parent had recorded is sent by the parent.
///
/// What was recorded and is not on the server when the process is killed is lost, unless
/// ``EmitterOptions/spool`` keeps it for the next process; with a claim on the server it shows as a hole.
public final class Emitter: Sendable {
    private enum Target {
        case server(EmitterCore)
        case test(TestSink)
    }

    private let target: Target
    private let clock: @Sendable () -> Timestamp

    /// Starts the background thread. Does not wait for the server.
    public init(_ options: EmitterOptions) {
        clock = options.clock
        target = .server(EmitterCore(options))
    }

    /// Sends nothing anywhere: a test looks at what was recorded.
    init(_ sink: TestSink, clock: @escaping @Sendable () -> Timestamp) {
        target = .test(sink)
        self.clock = clock
    }

    /// Goes on sending for 5 seconds, unless the process ends; ``close(timeoutMilliseconds:)`` waits.
    deinit {
        if case .server(let core) = target { core.abandon() }
    }

    /// Takes one event as it is, with its own time.
    ///
    /// Never waits and never fails: what there is no room for, and what breaks a rule of the format, is
    /// dropped and counted (``EmitterStatistics/dropped``, ``EmitterStatistics/invalid``).
    public func record(_ event: UsageEvent) {
        switch target {
        case .server(let core): core.record(event)
        case .test(let sink): sink.record(event)
        }
    }

    /// Takes one agent call that ended now; adds `agent_calls` 1 unless that component is given.
    public func record(
        tenant: String,
        agent: String,
        _ amounts: [ComponentAmount],
        access: AccessID? = nil,
        model: String? = nil,
        user: String? = nil,
        outcome: Outcome = .ok,
        durationMilliseconds: UInt64? = nil
    ) {
        var amounts = amounts
        if !amounts.contains(where: { $0.component == "agent_calls" }) {
            amounts.append(ComponentAmount("agent_calls", 1))
        }
        record(
            UsageEvent(
                time: clock(),
                tenant: tenant,
                agent: agent,
                amounts: amounts,
                access: access,
                model: model,
                user: user,
                outcome: outcome,
                durationMilliseconds: durationMilliseconds
            )
        )
    }

    /// Waits until everything recorded before is on the server's disk, and a claim that says so.
    ///
    /// - Returns: False if the time was over first; nothing is lost by that.
    @discardableResult
    public func flush(timeoutMilliseconds: Int64 = 5_000) -> Bool {
        switch target {
        case .server(let core): core.flush(milliseconds: timeoutMilliseconds)
        case .test: true
        }
    }

    /// Ends the source: waits until everything is on the server's disk, then sends the last claim. What
    /// is not by then stays in the spool for the next process, or, without one, is given up and named in
    /// that claim. Events recorded afterwards are lost.
    ///
    /// - Returns: True if everything recorded is on the server's disk.
    @discardableResult
    public func close(timeoutMilliseconds: Int64 = 5_000) -> Bool {
        switch target {
        case .server(let core): return core.close(milliseconds: timeoutMilliseconds)
        case .test(let sink):
            sink.close()
            return true
        }
    }

    /// What the emitter did so far; at most one turn of its thread old.
    public var statistics: EmitterStatistics {
        switch target {
        case .server(let core): core.currentStatistics()
        case .test(let sink): sink.statistics
        }
    }
}
