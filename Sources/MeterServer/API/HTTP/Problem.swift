/// An error as the API answers it: RFC 9457 `application/problem+json`.
package struct Problem: Error, Sendable {
    /// Names the kind of the problem; `type` is `urn:meter:problem:` and this.
    package let name: String
    package let title: String
    package let status: Int
    /// What happened here, and what to do about it. Never says what another tenant has.
    package let detail: String
    /// Seconds after which it is worth trying again.
    package var retryAfter: Int?
    /// Further members of the answer.
    package var members: [JSONMember] = []

    package init(
        _ name: String,
        status: Int,
        title: String,
        detail: String,
        retryAfter: Int? = nil,
        members: [JSONMember] = []
    ) {
        self.name = name
        self.status = status
        self.title = title
        self.detail = detail
        self.retryAfter = retryAfter
        self.members = members
    }

    /// The answer's body. `instance` is the path that was asked for, without its query.
    package func body(instance: String) -> JSONOutput {
        .object(
            [
                JSONMember("type", .string("urn:meter:problem:" + name)),
                JSONMember("title", .string(title)),
                JSONMember("status", .count(status)),
                JSONMember("detail", .string(detail)),
                JSONMember("instance", .string(instance)),
            ] + members
        )
    }
}

extension Problem {
    package static let unauthenticated = Problem(
        "unauthenticated",
        status: 401,
        title: "A valid key is needed",
        detail: "Send `Authorization: Bearer mtr_...`; `meterctl keys create` makes a key."
    )

    package static func scope(_ scope: String) -> Problem {
        Problem(
            "missing-scope",
            status: 403,
            title: "The key may not do this",
            detail: "The key lacks the scope `\(scope)`; an administrator can make one that has it."
        )
    }

    /// The one answer for a tenant that does not exist and for one that is somebody else's.
    package static let unknownTenant = Problem(
        "unknown-tenant",
        status: 404,
        title: "No such tenant",
        detail: "The tenant is not known to this key. Check its spelling, or use that tenant's key."
    )

    /// The one answer for an agent or component that a portal token does not name, whether it exists or not.
    package static func unknownToToken(_ kind: String) -> Problem {
        Problem(
            "unknown-\(kind)",
            status: 404,
            title: "No such \(kind)",
            detail: "The \(kind) is not one that this token was made for."
        )
    }

    package static let platformKey = Problem(
        "platform-key-needed",
        status: 403,
        title: "Only a platform's key may do this",
        detail:
            "Portal tokens are made with a platform's key; `meterctl keys create http --platform` "
            + "makes one."
    )

    package static let portalToken = Problem(
        "portal-token",
        status: 403,
        title: "A portal token does not open this",
        detail: "A portal token reads its tenant's usage and opens nothing else; use a key."
    )

    package static let foreignOrigin = Problem(
        "foreign-origin",
        status: 403,
        title: "Pages of this origin may not ask",
        detail: "An operator lists the origins of portal pages in --http-cors-origins."
    )

    package static let notFound = Problem(
        "not-found",
        status: 404,
        title: "No such resource",
        detail: "Nothing is at this path. /openapi.yaml lists what is."
    )

    package static let wrongMethod = Problem(
        "wrong-method",
        status: 405,
        title: "The method is not supported here",
        detail: "/openapi.yaml says which methods the path has."
    )

    package static func badQuery(_ detail: String) -> Problem {
        Problem("bad-query", status: 400, title: "The query is not valid", detail: detail)
    }

    package static func badBody(_ detail: String) -> Problem {
        Problem("bad-body", status: 400, title: "The body is not valid", detail: detail)
    }

    package static func tooLarge(_ limit: Int) -> Problem {
        Problem(
            "too-large",
            status: 413,
            title: "The body is too large",
            detail: "At most \(limit) bytes a request; send the events in several requests."
        )
    }

    package static func mediaType(_ supported: String) -> Problem {
        Problem(
            "unsupported-media-type",
            status: 415,
            title: "The content type is not supported",
            detail: "Send \(supported)."
        )
    }

    package static func queryCost(_ detail: String) -> Problem {
        Problem(
            "query-too-large",
            status: 422,
            title: "The answer would be too large",
            detail: detail
        )
    }

    package static func precondition(_ detail: String) -> Problem {
        Problem("precondition", status: 409, title: "Refused as things stand", detail: detail)
    }

    package static func keptNoLonger(_ detail: String) -> Problem {
        Problem("kept-no-longer", status: 410, title: "Kept no longer", detail: detail)
    }

    package static func busy(_ detail: String, retryAfter: Int) -> Problem {
        Problem(
            "busy",
            status: 429,
            title: "Too much at once; try again",
            detail: detail,
            retryAfter: retryAfter
        )
    }

    package static func unavailable(_ detail: String, retryAfter: Int = 5) -> Problem {
        Problem(
            "unavailable",
            status: 503,
            title: "Not available now",
            detail: detail,
            retryAfter: retryAfter
        )
    }

    package static let internalError = Problem(
        "internal",
        status: 500,
        title: "The server failed",
        detail: "Nothing was acknowledged. The server's log says more under this time."
    )
}
