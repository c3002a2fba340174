internal import Synchronization

/// Lets asynchronous code wait until the journal is durable up to a position.
///
/// Positions above the durable one are given up after a failed sync and then used again for other
/// records. So a position means something only together with the epoch in which it was appended: a
/// waiter of an earlier epoch is told that its record was given up, whatever is durable now.
final class DurableWaiters: Sendable {
    enum Outcome: Sendable, Equatable {
        /// The journal is durable up to the position; the answer may be given.
        case durable
        /// The record was given up; nothing of it is counted. Ask the client to send again.
        case givenUp
        /// Not durable within the time; the record may still become durable.
        case timedOut
    }

    private struct Waiter {
        let position: UInt64
        let continuation: CheckedContinuation<Outcome, Never>
    }

    private struct State {
        var durable: UInt64
        var epoch: UInt64 = 0
        var nextID: UInt64 = 0
        var waiters: [UInt64: Waiter] = [:]
    }

    private let state: Mutex<State>

    init(durable: UInt64) {
        state = Mutex(State(durable: durable))
    }

    /// To be read before an append whose position will be waited for. Read too early it only makes the
    /// waiter believe that its record was given up; the client sends again and is a duplicate.
    var epoch: UInt64 { state.withLock { $0.epoch } }

    /// How many wait now.
    var count: Int { state.withLock { $0.waiters.count } }

    /// Returns when the position is durable, its record was given up, or the time is over.
    ///
    /// - Parameters:
    ///   - position: As the engine returned it for the append.
    ///   - epoch: ``epoch``, read before the append.
    func wait(
        for position: UInt64,
        epoch: UInt64,
        timeout: Duration
    ) async -> Outcome {
        if let outcome = state.withLock({ Self.outcome(of: position, epoch, in: $0) }) {
            return outcome
        }
        let id = state.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
        let timer = Task { [self] in
            try? await Task.sleep(for: timeout)
            resume(id, with: .timedOut)
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let early: Outcome? = state.withLock { state in
                    if let outcome = Self.outcome(of: position, epoch, in: state) {
                        return outcome
                    }
                    if Task.isCancelled { return .timedOut }
                    state.waiters[id] = Waiter(position: position, continuation: continuation)
                    return nil
                }
                if let early { continuation.resume(returning: early) }
            }
        } onCancel: {
            resume(id, with: .timedOut)
        }
    }

    /// Tells every waiter at or below the position; called after each sync.
    func publish(durable: UInt64) {
        let ready = state.withLock { state in
            state.durable = max(state.durable, durable)
            let ready = state.waiters.filter { $0.value.position <= durable }
            for id in ready.keys { state.waiters.removeValue(forKey: id) }
            return ready.values.map(\.continuation)
        }
        for continuation in ready { continuation.resume(returning: .durable) }
    }

    /// Tells every waiter that its record was given up; called when a failed journal goes on.
    func begin(durable: UInt64) {
        let all = state.withLock { state in
            state.epoch += 1
            state.durable = durable
            defer { state.waiters.removeAll() }
            return state.waiters.values.map(\.continuation)
        }
        for continuation in all { continuation.resume(returning: .givenUp) }
    }

    private func resume(_ id: UInt64, with outcome: Outcome) {
        let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
        waiter?.continuation.resume(returning: outcome)
    }

    private static func outcome(
        of position: UInt64,
        _ epoch: UInt64,
        in state: State
    ) -> Outcome? {
        if state.epoch != epoch { return .givenUp }
        return position <= state.durable ? .durable : nil
    }
}
