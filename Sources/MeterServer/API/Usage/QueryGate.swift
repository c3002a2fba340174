internal import Synchronization

/// Lets so many usage queries run at once; one more is told to come again, so that reading never takes
/// all cores from counting.
package final class QueryGate: Sendable {
    private let running = Mutex(0)
    private let limit: Int

    package init(limit: Int) { self.limit = limit }

    func pass(
        _ query: () async throws(Problem) -> APIAnswer
    ) async throws(Problem) -> APIAnswer {
        let entered = running.withLock { running in
            guard running < limit else { return false }
            running += 1
            return true
        }
        guard entered else {
            throw .busy("\(limit) usage queries are being answered already.", retryAfter: 1)
        }
        defer { running.withLock { $0 -= 1 } }
        return try await query()
    }
}
