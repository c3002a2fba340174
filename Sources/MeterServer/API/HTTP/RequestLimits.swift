internal import Meter
internal import MeterWire
internal import Synchronization

/// Holds each principal, and the bearers of each tenant's portal tokens together, to what they may ask of
/// HTTP: so many requests at once, events at their rates, and queries for so long. Looked at before a
/// request's body is read.
final class RequestLimits: Sendable {
    let limiters: Limiters
    private let now: @Sendable () -> Timestamp
    private let running = Mutex<[LimitSubject: Int]>([:])

    init(limiters: Limiters, now: @escaping @Sendable () -> Timestamp) {
        self.limiters = limiters
        self.now = now
    }

    /// Takes a place among the caller's requests. Who holds neither key nor token has no limits here, and
    /// what is open to everybody takes no place.
    ///
    /// - Throws: 429 with the limit that is in the way; then no place was taken.
    func enter(_ caller: Caller, for scopes: KeyScopes) throws(Problem) {
        guard let subject = Self.subject(caller, scopes) else { return }
        let time = now()
        let limiter = limiters.limiter(of: subject)
        let hit =
            scopes.contains(.ingest) ? limiter?.hit(at: time) : limiter?.queryHit(at: time)
        if let hit {
            limiters.note(hit)
            throw .limit(hit)
        }
        let most = limiters.rules.value(.requests, of: subject) ?? .max
        let isIn = running.withLock { running in
            guard running[subject, default: 0] < most else { return false }
            running[subject, default: 0] += 1
            return true
        }
        guard isIn else {
            let hit = LimitHit(
                subject: subject,
                limit: .requests,
                value: most,
                waitMilliseconds: 1_000
            )
            limiters.note(hit)
            throw .limit(hit)
        }
    }

    /// Gives back the place that ``enter(_:for:)`` gave.
    ///
    /// - Parameter duration: How long the request took; what a query costs.
    func leave(_ caller: Caller, for scopes: KeyScopes, after duration: Duration) {
        guard let subject = Self.subject(caller, scopes) else { return }
        running.withLock { running in
            let left = running[subject, default: 1] - 1
            running[subject] = left > 0 ? left : nil
        }
        guard !scopes.contains(.ingest) else { return }
        let parts = duration.components
        let milliseconds = parts.seconds * 1_000 + parts.attoseconds / 1_000_000_000_000_000
        limiters.limiter(of: subject)?.takeQuery(
            milliseconds: Int(clamping: milliseconds),
            at: now()
        )
    }

    /// Pages of one portal show many tenants, with tokens that one platform made: each tenant has its own.
    private static func subject(_ caller: Caller, _ scopes: KeyScopes) -> LimitSubject? {
        if scopes.isEmpty { return nil }
        switch caller {
        case .anonymous, .localAdministrator: return nil
        case .holder(let credential): return .principal(credential.principal.id)
        case .portal(let grant): return .tenant(grant.tenant)
        }
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
