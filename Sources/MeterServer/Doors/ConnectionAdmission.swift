internal import Synchronization

/// Counts open connections, all and by remote address, and refuses those beyond the limits.
final class ConnectionAdmission: Sendable {
    private struct State {
        var count = 0
        var counts: [String: Int] = [:]
    }

    private let state = Mutex(State())
    private let countMax: Int
    private let countMaxPerAddress: Int

    init(_ limits: ServerConfiguration.Limits) {
        countMax = limits.connectionCount
        countMaxPerAddress = limits.connectionCountPerAddress
    }

    /// Takes a place; returns the limit that is in the way, or nil if there is none.
    func enter(_ address: String) -> String? {
        state.withLock { state in
            guard state.count < countMax else { return "connections" }
            guard state.counts[address, default: 0] < countMaxPerAddress else {
                return "connections-per-address"
            }
            state.count += 1
            state.counts[address, default: 0] += 1
            return nil
        }
    }

    /// Gives a place back that ``enter(_:)`` gave.
    func leave(_ address: String) {
        state.withLock { state in
            state.count -= 1
            let left = state.counts[address, default: 1] - 1
            state.counts[address] = left > 0 ? left : nil
        }
    }
}
