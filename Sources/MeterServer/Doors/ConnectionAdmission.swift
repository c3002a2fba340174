internal import Meter
internal import Synchronization

/// Counts open connections, all, by remote address and by principal, and refuses those beyond the limits.
final class ConnectionAdmission: Sendable {
    private struct State {
        var count = 0
        var byAddress: [String: Int] = [:]
        var byPrincipal: [PrincipalID: Int] = [:]
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
            guard state.byAddress[address, default: 0] < countMaxPerAddress else {
                return "connections-per-address"
            }
            state.count += 1
            state.byAddress[address, default: 0] += 1
            return nil
        }
    }

    /// Counts a connection that has a place among its principal's; returns the limit that is in the way, or
    /// nil if there is none.
    func identify(_ principal: PrincipalID, _ limiters: Limiters) -> LimitHit? {
        let subject = LimitSubject.principal(principal)
        let most = limiters.rules.value(.connections, of: subject) ?? .max
        let isIn = state.withLock { state in
            let count = state.byPrincipal[principal, default: 0]
            guard count < most else { return false }
            state.byPrincipal[principal] = count + 1
            return true
        }
        if isIn { return nil }
        limiters.principal(principal).note(.connections)
        return LimitHit(
            subject: subject, limit: .connections, value: most, waitMilliseconds: 1_000)
    }

    /// Gives back the place that ``enter(_:)`` gave, and the one among the principal's.
    func leave(_ address: String, _ principal: PrincipalID?) {
        state.withLock { state in
            state.count -= 1
            let left = state.byAddress[address, default: 1] - 1
            state.byAddress[address] = left > 0 ? left : nil
            guard let principal else { return }
            let others = state.byPrincipal[principal, default: 1] - 1
            state.byPrincipal[principal] = others > 0 ? others : nil
        }
    }
}
