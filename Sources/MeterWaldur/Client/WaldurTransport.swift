/// What carries a request to Waldur and its answer back: HTTP in the server, a script in tests.
///
/// An implementation adds the account's token, follows no redirect, never sends a request twice, and
/// ends within the request's time whatever the other side does.
package protocol WaldurTransport: Sendable {
    /// Sends one request and reads the whole answer, of whatever status.
    func send(_ request: WaldurRequest) async throws(WaldurError) -> WaldurResponse
}

/// One request.
package struct WaldurRequest: Equatable, Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
    }

    package let method: Method
    /// From `/api/` on, with the trailing slash that Waldur insists on, and the query.
    package let path: String
    /// JSON; empty for GET.
    package let body: String
    /// By when the whole answer must be there, from now.
    package let timeoutMilliseconds: Int64
    /// How long an answer is read at most.
    package let bodyBytesMax: Int
}

/// One answer.
package struct WaldurResponse: Equatable, Sendable {
    package let status: Int
    /// Names in lower case.
    package let headers: [String: String]
    package let body: [UInt8]

    package init(status: Int, headers: [String: String], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
