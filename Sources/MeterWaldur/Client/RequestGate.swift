internal import Synchronization

/// Lets one request at a time through, in the order of asking.
///
/// Waldur serialises the calls of one token on a row lock for the whole call, so a second one would only
/// hold a worker; and a call that follows an unknown outcome must wait behind the one that may still run.
package final class RequestGate: Sendable {
    private struct State {
        var busy = false
        var waiting: [(ticket: UInt64, continuation: CheckedContinuation<Bool, Never>)] = []
        var cancelled: Set<UInt64> = []
        var tickets: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Waits for its turn; false if the task was cancelled first. After true, call `leave()`.
    package func enter() async -> Bool {
        let ticket = state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        let entered = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.cancelled.remove(ticket) != nil { return false }
                    if !state.busy {
                        state.busy = true
                        return true
                    }
                    state.waiting.append((ticket, continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
                if let index = state.waiting.firstIndex(where: { $0.ticket == ticket }) {
                    return state.waiting.remove(at: index).continuation
                }
                state.cancelled.insert(ticket)
                return nil
            }
            waiter?.resume(returning: false)
        }
        _ = state.withLock { $0.cancelled.remove(ticket) }
        return entered
    }

    /// Lets the next one through.
    package func leave() {
        let next = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard !state.waiting.isEmpty else {
                state.busy = false
                return nil
            }
            return state.waiting.removeFirst().continuation
        }
        next?.resume(returning: true)
    }
}
