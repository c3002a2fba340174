/// A planned misbehaviour of the next calls to some endpoint.
struct Fault: Codable, Sendable {
    enum Kind: String, Codable, Sendable {
        /// Another status is answered.
        case status
        /// Nothing is answered; the connection is closed after `seconds` of the double's clock, an hour by
        /// default.
        case hang
        /// The connection is closed without an answer.
        case drop
        /// Nothing is answered, and the call takes effect `seconds` later (an hour by default) by the double's clock, also
        /// when the client has long left, and with the time of then: after midnight in the new month.
        case later
    }

    /// Part of the path, such as `set_usage`.
    var path: String
    /// `POST` and the like; left out: any.
    var method: String?
    /// `status` by default.
    var kind: Kind?
    /// What is answered by kind `status`; 500 by default.
    var status: Int?
    /// Whether the call takes effect nevertheless, so that only its answer is lost.
    var applies: Bool?
    /// Calls that it lasts for; 1 by default.
    var count: Int?
    /// Calls that are let through before it begins.
    var skip: Int?
    /// Seconds for a `Retry-After` header.
    var retryAfter: Int?
    var seconds: Int?
    /// Whether requests with the same token wait until a call that hangs, or is applied later, is over:
    /// then it hangs inside Waldur, otherwise on its way there.
    var holdsToken: Bool?

    enum CodingKeys: String, CodingKey {
        case path, method, kind, status, count, skip, seconds
        case applies, retryAfter = "retry_after", holdsToken = "holds_token"
    }

    func concerns(_ request: APIRequest) -> Bool {
        request.path.contains(path) && (method ?? request.method) == request.method
    }
}

extension DoubleState.Content {
    /// The fault that a request meets, which has one call less to go.
    mutating func takeFault(_ request: APIRequest) -> Fault? {
        guard let place = faults.firstIndex(where: { $0.concerns(request) }) else { return nil }
        if let skip = faults[place].skip, skip > 0 {
            faults[place].skip = skip - 1
            return nil
        }
        let fault = faults[place]
        let left = (fault.count ?? 1) - 1
        if left > 0 {
            faults[place].count = left
        } else {
            faults.remove(at: place)
        }
        return fault
    }
}
