import Meter
import MeterWaldur
import MeterWire
import Synchronization
import Testing

/// A reporter with several accounts, the double and a book on one virtual clock: what one account asks for takes
/// its time while the others go on. Events happen in the order of their times; no time passes in reality.
final class ParallelSimulation {
    /// What a lane has under way.
    private struct UnderWay {
        let action: ReporterAction
        let begun: Timestamp
        let ends: Timestamp
        /// Nobody waits for its answer any longer; it never takes effect.
        let isGivenUp: Bool
    }

    /// One call of `set_usage`.
    struct Told {
        let lane: Int
        let resource: ResourceID
        let begun: Timestamp
        let ended: Timestamp
        /// The last minute whose usage is in it.
        let through: Minute
        let components: Int
    }

    let world: DoubleWorld
    let engine: FakeEngine
    let settings: ReporterSettings
    var reporter: Reporter
    private let clients: [WaldurClient]
    private var performer: ActionPerformer
    private var lanes: [UnderWay?]
    private var through: [Minute]
    private(set) var told: [Told] = []
    /// Every action that was done, with its lane.
    private(set) var actions: [(lane: Int, action: ReporterAction)] = []
    /// How long an action takes.
    var latency: (ReporterAction) -> Int64 = { action in
        switch action {
        case .rest, .book, .readFigures, .readMonth: 0
        default: 100
        }
    }
    /// What happens to a lane's action instead.
    var fault: (Int, ReporterAction) -> WaldurError? = { _, _ in nil }

    init(
        _ settings: ReporterSettings,
        world: DoubleWorld,
        tokens: [String],
        at start: Timestamp
    ) throws {
        self.settings = settings
        self.world = world
        engine = try FakeEngine(at: start)
        reporter = Reporter(settings: settings, startedAt: start, seed: 1)
        performer = ActionPerformer(engine, settings)
        lanes = Array(repeating: nil, count: tokens.count)
        through = Array(repeating: Minute(rawValue: 0), count: tokens.count)
        let time = VirtualTime(start)
        self.time = time
        let measured = MeasuredClock()
        clients = tokens.map { token in
            WaldurClient(
                transport: TimedTransport(world: world, token: token, time: time),
                measured: measured
            ) { time.now }
        }
    }

    private let time: VirtualTime

    var now: Timestamp { time.now }
    var book: BookState { engine.bookState }
    private var moment: ReporterMoment { ReporterMoment(now: now, clock: clients[0].clock) }

    /// The process dies: what is under way is lost, and of the reporter only the book is left.
    func crash() {
        reporter = Reporter(settings: settings, startedAt: now, seed: 2)
        lanes = Array(repeating: nil, count: lanes.count)
        performer.forget()
    }

    /// Runs until a cycle that begins now has ended.
    func cycle() async {
        let target = reporter.requestCycle(at: now)
        wake()
        await run { self.reporter.cyclesEnded >= target }
    }

    /// Runs until a moment.
    func run(until end: Timestamp) async {
        await run(until: end) { false }
        time.set(max(end, now))
        engine.setTime(now)
    }

    /// Runs until something holds.
    func run(until end: Timestamp? = nil, _ isDone: () -> Bool) async {
        for _ in 0..<2_000_000 {
            if isDone() { return }
            for lane in lanes.indices where lanes[lane] == nil { begin(lane) }
            guard
                let lane = lanes.indices.min(by: { left, right in
                    (lanes[left]?.ends ?? now) < (lanes[right]?.ends ?? now)
                }), let work = lanes[lane]
            else { return }
            if let end, work.ends >= end { return }
            lanes[lane] = nil
            time.set(max(work.ends, now))
            engine.setTime(now)
            let changes = reporter.changes
            reporter.handle(await perform(work, lane), lane: lane, at: moment)
            if reporter.changes != changes { wake() }
        }
        Issue.record("it does not end; last actions: \(actions.suffix(5))")
    }

    /// Lanes that rest ask again.
    private func wake() {
        for lane in lanes.indices {
            if case .rest = lanes[lane]?.action { lanes[lane] = nil }
        }
    }

    private func begin(_ lane: Int) {
        let changes = reporter.changes
        let action = reporter.next(lane: lane, at: moment, book: book)
        if reporter.changes != changes { wake() }
        let duration = latency(action)
        var ends = now.advanced(byMilliseconds: duration)
        var isGivenUp = false
        if case .setUsage(let call) = action, let longest = call.timeoutMilliseconds,
            duration > longest
        {
            ends = now.advanced(byMilliseconds: longest)
            isGivenUp = true
        }
        if case .rest(let until) = action {
            ends = max(until, now.advanced(byMilliseconds: 1))
        } else {
            actions.append((lane, action))
        }
        if case .readFigures(_, _, let minute) = action { through[lane] = minute }
        lanes[lane] = UnderWay(action: action, begun: now, ends: ends, isGivenUp: isGivenUp)
    }

    private func perform(_ work: UnderWay, _ lane: Int) async -> ReporterEvent {
        if case .setUsage(let call) = work.action {
            told.append(
                Told(
                    lane: lane,
                    resource: call.resource,
                    begun: work.begun,
                    ended: now,
                    through: through[lane],
                    components: call.items.count
                )
            )
        }
        return await performer.perform(
            work.action,
            through: clients[lane],
            failing: work.isGivenUp ? .timedOut(milliseconds: 0) : fault(lane, work.action)
        )
    }
}

/// A clock that the test sets.
final class VirtualTime: Sendable {
    private let time: Mutex<Timestamp>

    init(_ start: Timestamp) { time = Mutex(start) }

    var now: Timestamp { time.withLock { $0 } }

    func set(_ now: Timestamp) { time.withLock { $0 = now } }
}

/// Carries one account's requests to the double, which answers at the present moment.
private struct TimedTransport: WaldurTransport {
    let world: DoubleWorld
    let token: String
    let time: VirtualTime

    func send(_ request: WaldurRequest) async throws(WaldurError) -> WaldurResponse {
        world.setClock(milliseconds: time.now.milliseconds)
        let answer = await world.answer(
            request.method.rawValue,
            request.path,
            body: request.body,
            token: token
        )
        return WaldurResponse(status: answer.status, headers: answer.headers, body: answer.body)
    }
}
