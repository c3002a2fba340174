/// One lock for each token.
///
/// A real Waldur updates the token's row in each request's transaction, so requests with one token
/// run one after another, in the order they came, however long one takes.
actor TokenLocks {
    private var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]

    /// Waits until no earlier request holds the token.
    func acquire(_ token: String) async {
        guard waiting[token] != nil else {
            waiting[token] = []
            return
        }
        await withCheckedContinuation { waiting[token]?.append($0) }
    }

    func release(_ token: String) {
        guard var queue = waiting[token] else { return }
        if queue.isEmpty {
            waiting[token] = nil
        } else {
            let next = queue.removeFirst()
            waiting[token] = queue
            next.resume()
        }
    }
}
