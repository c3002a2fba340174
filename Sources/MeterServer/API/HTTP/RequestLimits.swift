internal import Meter
internal import MeterWire
internal import Synchronization

/// Holds each principal to what it may ask of HTTP: so many requests at once, events at its rates, and
/// queries for so long. Looked at before a request's body is read.
final class RequestLimits: Sendable {
    let limiters: Limiters
    private let now: @Sendable () -> Timestamp
    private let running = Mutex<[PrincipalID: Int]>([:])

    init(limiters: Limiters, now: @escaping @Sendable () -> Timestamp) {
        self.limiters = limiters
        self.now = now
    }

    /// Takes a place among the requests of the caller's principal. Who holds no key has no limits here, and
    /// what is open to everybody takes no place.
    ///
    /// - Throws: 429 with the limit that is in the way; then no place was taken.
    func enter(_ caller: Caller, for scopes: KeyScopes) throws(Problem) {
        guard case .holder(let credential) = caller, !scopes.isEmpty else { return }
        let principal = credential.principal.id
        let limiter = limiters.principal(principal)
        let time = now()
        let hit =
            scopes.contains(.ingest)
            ? limiter.hit(at: time) : scopes.contains(.usage) ? limiter.queryHit(at: time) : nil
        if let hit {
            limiter.note(hit.limit)
            throw .limit(hit)
        }
        let subject = LimitSubject.principal(principal)
        let most = limiters.rules.value(.requests, of: subject) ?? .max
        let isIn = running.withLock { running in
            guard running[principal, default: 0] < most else { return false }
            running[principal, default: 0] += 1
            return true
        }
        guard isIn else {
            limiter.note(.requests)
            throw .limit(
                LimitHit(subject: subject, limit: .requests, value: most, waitMilliseconds: 1_000)
            )
        }
    }

    /// Gives back the place that ``enter(_:for:)`` gave.
    ///
    /// - Parameter duration: How long the request took; what a query costs.
    func leave(_ caller: Caller, for scopes: KeyScopes, after duration: Duration) {
        guard case .holder(let credential) = caller, !scopes.isEmpty else { return }
        let principal = credential.principal.id
        running.withLock { running in
            let left = running[principal, default: 1] - 1
            running[principal] = left > 0 ? left : nil
        }
        guard scopes.contains(.usage) else { return }
        let parts = duration.components
        let milliseconds = parts.seconds * 1_000 + parts.attoseconds / 1_000_000_000_000_000
        limiters.principal(principal).takeQuery(
            milliseconds: Int(clamping: milliseconds),
            at: now()
        )
    }
}

extension Problem {
    /// 429: a limit of the caller's principal, or of a tenant that it sends for.
    static func limit(_ hit: LimitHit) -> Problem {
        let whose =
            switch hit.subject {
            case .tenant(let name): "Tenant \(name)"
            case .principal(let id): "Principal \(id)"
            }
        let seconds = (hit.waitMilliseconds + 999) / 1_000
        return Problem(
            "over-limit",
            status: 429,
            title: "A limit is reached",
            detail: "\(whose) is at its limit \(hit.limit.rawValue) = \(hit.value). Nothing was "
                + "decided: send the same again after \(seconds) s, or ask the operator for more "
                + "(`meterctl limits set`).",
            retryAfter: Int(clamping: seconds),
            members: [
                JSONMember("limit", .string(hit.limit.rawValue)),
                JSONMember("value", .decimal(hit.value)),
                JSONMember("of", .string(hit.subject.kind)),
            ]
        )
    }
}
