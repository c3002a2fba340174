internal import MeterWire

/// Who the calls of a trace are counted for, and when: the trace names nobody and lies in the past.
///
/// The rules are simple enough for ten lines of a script that checks the totals. Call `i` (from 0, in the
/// order of the file), with T tenants and A agents:
///
/// - tenant: number `i mod T`; agent: number `(i div T) mod A`;
/// - over UDP and TCP together: UDP where `(i div (T * A)) mod 2` is 0, otherwise TCP;
/// - time: the start plus the time since the first call, in whole milliseconds (cut off);
/// - amounts: `input_tokens` ContextTokens, `output_tokens` GeneratedTokens, `agent_calls` 1.
struct TraceAssignment {
    let tenants: [String]
    let agents: [String]
    let start: Timestamp

    /// - Parameters:
    ///   - tenants: At least one.
    ///   - agents: At least one.
    init(tenants: [String], agents: [String], start: Timestamp) {
        self.tenants = tenants
        self.agents = agents
        self.start = start
    }

    /// The default start, such that the last call's time is the moment at which it is sent:
    /// `now - duration * (1 - 1 / speed)`; with nil (flat out) `now - duration`.
    static func start(now: Timestamp, duration: Int64, speed: Double?) -> Timestamp {
        let milliseconds = duration / 1_000
        guard let speed else { return now.advanced(byMilliseconds: -milliseconds) }
        let sending = Double(milliseconds) / speed
        return now.advanced(byMilliseconds: Int64(sending.rounded()) - milliseconds)
    }

    /// Whether a call goes over UDP where half of them do.
    func isDatagram(_ index: Int) -> Bool {
        (index / (tenants.count * agents.count)).isMultiple(of: 2)
    }

    func event(_ index: Int, _ call: TraceCall) -> UsageEvent {
        UsageEvent(
            time: start.advanced(byMilliseconds: call.offset / 1_000),
            tenant: tenants[index % tenants.count],
            agent: agents[index / tenants.count % agents.count],
            amounts: [
                ComponentAmount("input_tokens", call.inputTokens),
                ComponentAmount("output_tokens", call.outputTokens),
                ComponentAmount("agent_calls", 1),
            ]
        )
    }
}
