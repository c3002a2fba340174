internal import Meter
internal import MeterWaldur
internal import MeterWire
internal import ServiceLifecycle
internal import Synchronization

/// `GET /api/v1/tenants/{tenant}/live`: a tenant's totals as server-sent events, each time that they changed.
///
/// The totals are absolute, so an event that got lost is made up for by the next one.
struct LiveTotalsRoute: Sendable {
    let source: any UsageSource
    let seats: LiveSeats
    /// All streams together ask one question at a time, and rest after each: however many are open, they
    /// leave the processors to counting.
    private let turns = RequestGate()

    init(source: any UsageSource, seats: LiveSeats) {
        self.source = source
        self.seats = seats
    }

    func answer(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow([
            "agent", "component", "from", "windowTimeZone", "everySeconds", UsageClass.parameter,
        ])
        let reach = UsageReach(call.caller)
        let tenant = try reach.tenant(call.parts["tenant"])
        let period = try UsagePeriod(call.query, now: source.now())
        var seconds = 2
        if let text = try call.query.one("everySeconds") {
            guard let given = Int(text), (1...60).contains(given) else {
                throw .badQuery("`everySeconds` is 1 to 60.")
            }
            seconds = given
        }
        let usageClass = try UsageClass(call.query)
        let stream = LiveTotals(
            source: source,
            turns: turns,
            query: UsageQuery(
                tenants: [tenant],
                agents: try reach.agents(call.query.all("agent")),
                components: try reach.components(call.query.all("component")),
                windows: [period.from, Minute(rawValue: .max)],
                grouping: .component,
                classes: usageClass.classes
            ),
            tenant: tenant,
            usageClass: usageClass,
            interval: .seconds(seconds),
            isStillAllowed: call.isStillAllowed,
            seat: try seats.take(tenant)
        )
        var answer = APIAnswer(contentType: "text/event-stream", body: [])
        answer.pieces = { await stream.next() }
        return answer
    }
}

/// One stream, from its first event to its end: when the caller goes, its key or token ends, or the server
/// stops.
private final class LiveTotals: Sendable {
    private struct State {
        var isFirst = true
        var isOver = false
        var position: UInt64?
        /// Since anything was written, and since totals were.
        var silence = Duration.zero
        var untold = Duration.zero
    }

    private let source: any UsageSource
    private let turns: RequestGate
    private let query: UsageQuery
    private let tenant: Name
    private let usageClass: UsageClass
    private let interval: Duration
    private let isStillAllowed: @Sendable () -> Bool
    private let seat: LiveSeats.Seat
    private let state = Mutex(State())

    /// A line that says nothing, so that proxies and callers know that the stream lives.
    private static let heartbeatInterval = Duration.seconds(15)
    /// How much longer than it took a question rests.
    private static let rest = 4

    init(
        source: any UsageSource,
        turns: RequestGate,
        query: UsageQuery,
        tenant: Name,
        usageClass: UsageClass,
        interval: Duration,
        isStillAllowed: @escaping @Sendable () -> Bool,
        seat: LiveSeats.Seat
    ) {
        self.source = source
        self.turns = turns
        self.query = query
        self.tenant = tenant
        self.usageClass = usageClass
        self.interval = interval
        self.isStillAllowed = isStillAllowed
        self.seat = seat
    }

    /// The next piece of the stream; nil at its end.
    func next() async -> [UInt8]? {
        while true {
            let (isFirst, isOver) = state.withLock { state in
                defer { state.isFirst = false }
                return (state.isFirst, state.isOver)
            }
            if isOver { return nil }
            if !isFirst {
                let pause = min(interval, Self.heartbeatInterval)
                try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
            }
            if Task.isCancelled { return nil }
            if Task.isShuttingDownGracefully { return end("server-stops") }
            guard isStillAllowed() else { return end("not-allowed-any-more") }
            let isDue = state.withLock { state in
                state.untold += min(interval, Self.heartbeatInterval)
                return isFirst || state.untold >= interval
            }
            if isDue, let event = await event() { return event }
            let isSilent = state.withLock { state in
                state.silence += min(interval, Self.heartbeatInterval)
                guard state.silence >= Self.heartbeatInterval else { return false }
                state.silence = .zero
                return true
            }
            if isSilent { return Array(": alive\n\n".utf8) }
        }
    }

    private func end(_ reason: String) -> [UInt8] {
        state.withLock { $0.isOver = true }
        return Self.text("end", id: nil, ["reason": .string(reason)])
    }

    /// The totals, if anything has become durable since they were told last.
    private func event() async -> [UInt8]? {
        guard state.withLock({ $0.position }) != source.durablePosition,
            await turns.enter()
        else { return nil }
        defer { turns.leave() }
        let clock = ContinuousClock()
        let start = clock.now
        let answer: UsageAnswer
        do throws(Problem) {
            answer = try await source.usage(query)
        } catch {
            return Self.text("problem", id: nil, error.body(instance: ""))
        }
        try? await Task.sleep(for: (clock.now - start) * Self.rest)
        state.withLock { state in
            state.position = answer.position
            state.silence = .zero
            state.untold = .zero
        }
        let components = answer.totals.compactMap { group, total in
            group.component.map { ($0, total) }
        }.sorted { $0.0 < $1.0 }
        let from = query.windows.first ?? Minute(rawValue: 0)
        let content = [
            JSONMember("tenant", .string(tenant.description)),
            JSONMember("from", .string(RFC3339.text(from))),
            usageClass.member,
            JSONMember(
                "components",
                .array(
                    components.map { component, total in
                        [
                            "component": .string(component.description),
                            "total": .decimal(total.sum), "count": .decimal(total.count),
                        ]
                    }
                )
            ),
        ]
        return Self.text(
            "totals",
            id: answer.position,
            .object(content + source.freshness(answer).members)
        )
    }

    /// One event; JSON has no line ends of its own.
    private static func text(_ name: String, id: UInt64?, _ data: JSONOutput) -> [UInt8] {
        var text = Array("event: \(name)\n".utf8)
        if let id { text += Array("id: \(id)\n".utf8) }
        text += Array("data: ".utf8)
        text += data.encoded
        text += [0x0A, 0x0A]
        return text
    }
}
