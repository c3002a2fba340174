package import Meter

/// Who asks.
package enum Caller: Sendable {
    /// Nobody, or nobody that is known.
    case anonymous
    /// Whoever may open the administration socket: the service's own user.
    case localAdministrator
    /// The holder of a key.
    case holder(Credential)
    /// The bearer of a portal token.
    case portal(PortalGrant)

    /// Whether the caller may do what `scope` names.
    package func has(_ scope: KeyScopes) -> Bool {
        switch self {
        case .anonymous: false
        case .localAdministrator:
            scope.isSubset(of: [.usage, .usageUsers, .finance, .admin])
        case .holder(let credential): credential.scopes.isSuperset(of: scope)
        case .portal(let grant): grant.scopes.isSuperset(of: scope)
        }
    }

    /// Who a decision of this caller's is attributed to in the book.
    package var author: String {
        switch self {
        case .anonymous: "nobody"
        case .localAdministrator: "administration socket"
        case .holder(let credential): "key \(credential.key)"
        case .portal(let grant): "portal token of key \(grant.issuer)"
        }
    }
}

/// One request, with its body read.
package struct APICall: Sendable {
    package var caller: Caller
    /// The path as it was sent, without the query.
    package var path: String
    /// What stands at the `{names}` of the route's path, decoded.
    package var parts: [String: String]
    package var query: QueryItems
    /// The media type in lower case without parameters; empty if none was sent.
    package var contentType: String
    /// The `Accept` header; empty if none was sent.
    package var accept: String
    /// Whether the caller may still do what it asked for, for answers that go on.
    package var isStillAllowed: @Sendable () -> Bool
    package var body: [UInt8]

    package init(
        caller: Caller,
        path: String,
        parts: [String: String] = [:],
        query: QueryItems,
        contentType: String = "",
        accept: String = "",
        isStillAllowed: @escaping @Sendable () -> Bool = { true },
        body: [UInt8] = []
    ) {
        self.caller = caller
        self.path = path
        self.parts = parts
        self.query = query
        self.contentType = contentType
        self.accept = accept
        self.isStillAllowed = isStillAllowed
        self.body = body
    }
}

/// One answer.
package struct APIAnswer: Sendable {
    package var status: Int
    package var contentType: String
    package var body: [UInt8]
    package var retryAfter: Int?
    /// Methods that the path has, with a 405.
    package var allow: String?
    /// What the content is known again by; an answer without one is not kept by anybody.
    var entityTag: EntityTag?
    /// Up to when the content is exact and complete.
    var freshness: Freshness?
    /// Gives the body piece by piece, nil at its end; instead of `body`.
    var pieces: (@Sendable () async -> [UInt8]?)?

    package init(status: Int = 200, contentType: String = "application/json", body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// JSON with a line end, so that it reads well in a terminal.
    package static func json(_ value: JSONOutput, status: Int = 200) -> APIAnswer {
        APIAnswer(status: status, body: value.encoded + [0x0A])
    }

    package static func text(_ text: String, type: String = "text/plain") -> APIAnswer {
        APIAnswer(contentType: type + "; charset=utf-8", body: Array(text.utf8))
    }

    /// An error, as RFC 9457 has it.
    package static func problem(_ problem: Problem, instance: String) -> APIAnswer {
        var answer = APIAnswer(
            status: problem.status,
            contentType: "application/problem+json",
            body: problem.body(instance: instance).encoded + [0x0A]
        )
        answer.retryAfter = problem.retryAfter
        return answer
    }
}
