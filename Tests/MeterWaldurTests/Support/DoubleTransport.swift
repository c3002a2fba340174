import MeterWaldur
import MeterWire
import Synchronization

/// Carries requests to the double in the same process, on the simulation's clock, and does what networks
/// and Waldurs do wrong.
final class DoubleTransport: WaldurTransport {
    /// What happens to the next `set_usage`, or to the next read.
    enum Fault: Sendable, Equatable {
        /// The connection is refused.
        case refused
        /// The request is lost on the way and nobody answers.
        case lost
        /// It is applied, and the answer is lost.
        case answerLost
        /// Nobody answers, and it is applied so much later, when the server gets to it.
        case appliedLater(milliseconds: Int64)
        /// The server fails and takes everything back.
        case serverError
        /// A proxy answers 502 while the server applies it.
        case badGateway
        case tooManyRequests(retryAfterSeconds: Int)
        case unauthorized
    }

    struct State {
        var now: Timestamp
        var writes: [Fault] = []
        var reads: [Fault] = []
        var delayed: [(at: Timestamp, request: WaldurRequest)] = []
        var sent: [WaldurRequest] = []
        /// How far Waldur's clock is ahead.
        var skewMilliseconds: Int64 = 0
    }

    let world: DoubleWorld
    let state: Mutex<State>

    init(world: DoubleWorld, now: Timestamp) {
        self.world = world
        state = Mutex(State(now: now))
    }

    var now: Timestamp { state.withLock { $0.now } }

    func advance(milliseconds: Int64) {
        state.withLock { $0.now = $0.now.advanced(byMilliseconds: milliseconds) }
    }

    /// Changes what is wrong with the network.
    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    /// How many `set_usage` calls were sent.
    var writeCount: Int { state.withLock { $0.sent.count { $0.method == .post } } }

    func send(_ request: WaldurRequest) async throws(WaldurError) -> WaldurResponse {
        advance(milliseconds: 40)
        let fault = state.withLock { state -> Fault? in
            state.sent.append(request)
            if request.method == .post {
                return state.writes.isEmpty ? nil : state.writes.removeFirst()
            }
            return state.reads.isEmpty ? nil : state.reads.removeFirst()
        }
        await applyDelayed()
        switch fault {
        case nil: return await run(request)
        case .refused: throw .notSent("refused")
        case .lost:
            advance(milliseconds: request.timeoutMilliseconds)
            throw .timedOut(milliseconds: request.timeoutMilliseconds)
        case .answerLost:
            _ = await run(request)
            throw .connectionLost("reset")
        case .appliedLater(let milliseconds):
            state.withLock { state in
                state.delayed.append((state.now.advanced(byMilliseconds: milliseconds), request))
            }
            advance(milliseconds: min(milliseconds, request.timeoutMilliseconds))
            throw .timedOut(milliseconds: request.timeoutMilliseconds)
        case .serverError: return page(500)
        case .badGateway:
            _ = await run(request)
            return page(502)
        case .tooManyRequests(let seconds): return page(429, ["retry-after": "\(seconds)"])
        case .unauthorized: return page(401)
        }
    }

    /// Applies what was on its way long enough.
    func applyDelayed() async {
        let due = state.withLock { state -> [WaldurRequest] in
            let now = state.now
            let due = state.delayed.filter { $0.at <= now }
            state.delayed.removeAll { $0.at <= now }
            return due.map(\.request)
        }
        for request in due { _ = await run(request) }
    }

    private func run(_ request: WaldurRequest) async -> WaldurResponse {
        let time = state.withLock { $0.now.advanced(byMilliseconds: $0.skewMilliseconds) }
        world.setClock(milliseconds: time.milliseconds)
        let answer = await world.answer(
            request.method.rawValue,
            request.path,
            body: request.body,
            token: DoubleWorld.providerToken
        )
        advance(milliseconds: 60)
        return WaldurResponse(status: answer.status, headers: answer.headers, body: answer.body)
    }

    private func page(_ status: Int, _ headers: [String: String] = [:]) -> WaldurResponse {
        WaldurResponse(
            status: status,
            headers: headers.merging(["content-type": "text/html"]) { $1 },
            body: Array("<html>".utf8)
        )
    }
}
