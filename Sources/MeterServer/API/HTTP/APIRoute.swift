package import Meter

/// One method of one path, and what a caller needs for it.
package struct APIRoute: Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case delete = "DELETE"
    }

    package typealias Handler = @Sendable (APICall) async throws(Problem) -> APIAnswer

    package let method: Method
    /// As in `openapi.yaml`: `/api/v1/meters/{component}/query`.
    package let path: String
    /// Empty for routes that are open to everybody.
    package let scopes: KeyScopes
    /// Whether portal tokens open it, and pages of the listed origins may read it.
    package let isForPortals: Bool
    /// Bytes that a body may have; 0 for none.
    package let bodyByteCountMax: Int
    /// Whether bodies may come with `Content-Encoding: gzip`; inflated they have the same limit.
    package let takesGzip: Bool
    /// The answer to a request that failed, by its path and content type, where it is no problem document.
    package let failure: (@Sendable (Problem, String, String) -> APIAnswer)?
    package let handler: Handler

    package init(
        _ method: Method,
        _ path: String,
        scopes: KeyScopes = [],
        isForPortals: Bool = false,
        bodyByteCountMax: Int = 0,
        takesGzip: Bool = false,
        failure: (@Sendable (Problem, String, String) -> APIAnswer)? = nil,
        handler: @escaping Handler
    ) {
        self.method = method
        self.path = path
        self.scopes = scopes
        self.isForPortals = isForPortals
        self.bodyByteCountMax = bodyByteCountMax
        self.takesGzip = takesGzip
        self.failure = failure
        self.handler = handler
    }
}

/// Every route, and which of them a request means.
///
/// Paths are matched part by part before they are decoded, so that an agent whose name has a slash in it
/// can be asked for (`%2F`).
package struct RouteTable: Sendable {
    package enum Match: Sendable {
        case route(APIRoute, parts: [String: String])
        /// The path is known, the method is not.
        case otherMethods([APIRoute])
        case none
    }

    package let routes: [APIRoute]
    private let patterns: [[Substring]]

    package init(_ routes: [APIRoute]) {
        self.routes = routes
        patterns = routes.map { $0.path.split(separator: "/", omittingEmptySubsequences: false) }
    }

    /// Finds the route of a request; costs a comparison with each route.
    package func match(method: String, path: String) -> Match {
        let given = path.split(separator: "/", omittingEmptySubsequences: false)
        var others: [APIRoute] = []
        for (route, pattern) in zip(routes, patterns) {
            guard let parts = Self.parts(given, pattern) else { continue }
            // HEAD is a GET whose body is not sent.
            if route.method.rawValue == method || route.method == .get && method == "HEAD" {
                return .route(route, parts: parts)
            }
            others.append(route)
        }
        return others.isEmpty ? .none : .otherMethods(others)
    }

    private static func parts(_ given: [Substring], _ pattern: [Substring]) -> [String: String]? {
        guard given.count == pattern.count else { return nil }
        var parts: [String: String] = [:]
        for (part, expected) in zip(given, pattern) {
            if expected.hasPrefix("{") {
                guard !part.isEmpty, let value = QueryItems.pathPart(part) else { return nil }
                parts[String(expected.dropFirst().dropLast())] = value
            } else if part != expected {
                return nil
            }
        }
        return parts
    }
}
