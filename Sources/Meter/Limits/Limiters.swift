package import MeterWire
internal import Synchronization

/// Every tenant's and principal's limiter, made when it is first asked for.
///
/// Receiving threads ask once for each and remember the answer (``LimitGate``).
package final class Limiters: Sendable {
    private struct State {
        var rules: LimitRules
        var limiters: [LimitSubject: Limiter] = [:]
        var tenantCount = 0
    }

    private let state: Mutex<State>
    private let ruleCount = Atomic<UInt64>(1)
    private let burstMilliseconds: Int64
    /// Tenants beyond have none; the registry of names refuses theirs before there are so many.
    private let tenantCountMax: Int

    package init(_ rules: LimitRules, burstMilliseconds: Int64, tenantCountMax: Int) {
        state = Mutex(State(rules: rules))
        self.burstMilliseconds = burstMilliseconds
        self.tenantCountMax = tenantCountMax
    }

    /// The limits in force.
    package var rules: LimitRules {
        get { state.withLock { $0.rules } }
        set {
            state.withLock { state in
                guard state.rules != newValue else { return }
                state.rules = newValue
                for limiter in state.limiters.values { limiter.apply(newValue) }
                ruleCount.add(1, ordering: .releasing)
            }
        }
    }

    /// Another number after each change of the rules.
    var rulesNumber: UInt64 { ruleCount.load(ordering: .acquiring) }

    /// The limiter of a tenant, or a principal; nil as ``tenant(_:)``.
    package func limiter(of subject: LimitSubject) -> Limiter? {
        switch subject {
        case .tenant(let name): tenant(name)
        case .principal(let id): principal(id)
        }
    }

    /// A principal's limiter.
    package func principal(_ id: PrincipalID) -> Limiter {
        state.withLock { state in
            let subject = LimitSubject.principal(id)
            if let known = state.limiters[subject] { return known }
            let made = Limiter(
                subject, rules: state.rules, burstMilliseconds: burstMilliseconds)
            state.limiters[subject] = made
            return made
        }
    }

    /// A tenant's limiter; nil beyond the number of tenants that there may be.
    package func tenant(_ name: Name) -> Limiter? {
        state.withLock { state in
            let subject = LimitSubject.tenant(name)
            if let known = state.limiters[subject] { return known }
            guard state.tenantCount < tenantCountMax else { return nil }
            let made = Limiter(
                subject, rules: state.rules, burstMilliseconds: burstMilliseconds)
            state.limiters[subject] = made
            state.tenantCount += 1
            return made
        }
    }

    /// Counts a hit with whoever has the limit.
    package func note(_ hit: LimitHit) { limiter(of: hit.subject)?.note(hit.limit) }

    /// Who met which limit how often since the start, most first.
    package func hits() -> [(subject: LimitSubject, limit: Limit, count: UInt64)] {
        let limiters = state.withLock { Array($0.limiters.values) }
        return
            limiters
            .flatMap { limiter in
                limiter.hitCounts.map { (limiter.subject, limit: $0.key, count: $0.value) }
            }
            .sorted {
                $0.count != $1.count ? $0.count > $1.count : $0.limit.rawValue < $1.limit.rawValue
            }
    }
}
