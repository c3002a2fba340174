/// Why a call to Waldur gave nothing to go on.
package enum WaldurError: Error, Equatable, Sendable {
    /// The request surely never reached Waldur: no address, no connection, no token.
    case notSent(String)
    /// No answer within the deadline. The request may still be running and be applied later.
    case timedOut(milliseconds: Int64)
    /// The connection ended before the answer was complete. The request may have been applied.
    case connectionLost(String)
    /// The answer was longer than the limit, and was not read to its end.
    case tooLong(bytes: Int)
    /// The caller gave up; if the request was under way, nobody knows what became of it.
    case cancelled
    /// Waldur answered with another status than the call's success.
    case status(Int, message: String, retryAfterMilliseconds: Int64?)
    /// The status was that of a success and the body not what it should be.
    case malformed(String)
    /// The pages of a list did not hold as many different rows as Waldur said there are.
    case incomplete(expected: Int, found: Int)

    /// True where the call surely changed nothing in Waldur, because nothing ever ran there: not even
    /// the part of a call that comes before a refusal.
    package var surelyNotRun: Bool {
        switch self {
        case .notSent, .status(401, _, _), .status(429, _, _): true
        case .status(let status, _, _): (300..<400).contains(status)
        default: false
        }
    }

    /// True where Waldur said no after running the call: each of its parts may have been written, and
    /// none of it will be written later.
    package var isFinalRefusal: Bool {
        guard case .status(let status, _, _) = self else { return false }
        return (400..<500).contains(status) && status != 408
    }

    /// True where the trouble is with the whole Waldur or account and not with what was asked.
    package var concernsEveryCall: Bool {
        switch self {
        case .notSent, .timedOut, .connectionLost, .cancelled: true
        case .status(let status, _, _): status == 401 || status == 429 || status >= 502
        case .tooLong, .malformed, .incomplete: false
        }
    }

    /// The HTTP status, where there was one.
    package var status: Int? {
        guard case .status(let status, _, _) = self else { return nil }
        return status
    }

    /// How long Waldur asked to be left alone.
    package var retryAfterMilliseconds: Int64? {
        guard case .status(_, _, let milliseconds) = self else { return nil }
        return milliseconds
    }
}

extension WaldurError: CustomStringConvertible {
    /// One line that says what happened and what to look at.
    package var description: String {
        switch self {
        case .notSent(let reason): "not sent: \(reason)"
        case .timedOut(let milliseconds):
            "no answer within \(milliseconds) ms; it may still be applied"
        case .connectionLost(let reason): "connection lost before the answer: \(reason)"
        case .tooLong(let bytes): "the answer is longer than \(bytes) bytes"
        case .cancelled: "given up before the answer"
        case .status(401, let message, _):
            "Waldur answered 401: \(message) (token wrong or expired; see the account's token_lifetime)"
        case .status(let status, let message, _) where (300..<400).contains(status):
            "Waldur answered \(status) (redirect, not followed: \(message)); check the URL"
        case .status(let status, let message, _): "Waldur answered \(status): \(message)"
        case .malformed(let reason): "Waldur's answer makes no sense: \(reason)"
        case .incomplete(let expected, let found):
            "Waldur counts \(expected) rows and its pages held \(found)"
        }
    }
}
