import MeterWaldur
import Synchronization

/// Answers with what it was given, one after the other, and counts how many requests are under way.
final class CannedTransport: WaldurTransport {
    private struct State {
        var answers: [WaldurResponse]
        var sent: [WaldurRequest] = []
        var underWay = 0
        var underWayMax = 0
    }

    private let state: Mutex<State>
    private let pauseMilliseconds: Int64

    init(_ answers: [WaldurResponse], pauseMilliseconds: Int64 = 0) {
        state = Mutex(State(answers: answers))
        self.pauseMilliseconds = pauseMilliseconds
    }

    var sent: [WaldurRequest] { state.withLock { $0.sent } }
    var underWayMax: Int { state.withLock { $0.underWayMax } }

    func send(_ request: WaldurRequest) async throws(WaldurError) -> WaldurResponse {
        let answer = state.withLock { state -> WaldurResponse? in
            state.sent.append(request)
            state.underWay += 1
            state.underWayMax = max(state.underWayMax, state.underWay)
            return state.answers.isEmpty ? nil : state.answers.removeFirst()
        }
        if pauseMilliseconds > 0 {
            try? await Task.sleep(for: .milliseconds(pauseMilliseconds))
        }
        state.withLock { $0.underWay -= 1 }
        guard let answer else { throw .notSent("no more answers") }
        return answer
    }

    static func json(
        _ text: String,
        status: Int = 200,
        headers: [String: String] = [:]
    ) -> WaldurResponse {
        WaldurResponse(
            status: status,
            headers: ["content-type": "application/json"].merging(headers) { $1 },
            body: Array(text.utf8)
        )
    }
}
