internal import Hummingbird
internal import Logging
package import Meter
internal import NIOCore

/// Where requests come in, which decides how callers are known.
package enum APIDoor: Sendable {
    /// The unix socket: whoever can open it administers.
    case administrationSocket
    /// TCP: callers show keys.
    case network
}

/// What the HTTP layer needs to know about callers and to tell about itself.
package protocol APIAccess: Sendable {
    /// Whose key this is.
    func credential(for key: KeyText) throws(KeyRefusal) -> Credential
    /// Who ingests without a key under `--insecure-loopback`; nil while authentication is on.
    var insecureCredential: Credential? { get }
}

/// Answers HTTP requests from a table of routes: finds the route, knows the caller, checks scope and
/// size, runs the handler, and turns every error into a problem document.
struct APIResponder: HTTPResponder {
    typealias Context = BasicRequestContext

    let door: APIDoor
    let table: RouteTable
    let access: any APIAccess
    let counters: APICounters
    let limits: RequestLimits
    /// How long a caller may take to send its body.
    let bodyTimeout: Duration

    func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
        let clock = ContinuousClock()
        let start = clock.now
        let target = request.head.path ?? "/"
        let split = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = split.first.map(String.init) ?? "/"
        let match = table.match(method: request.method.rawValue, path: path)
        var answer: APIAnswer
        do throws(Problem) {
            switch match {
            case .route(let route, let parts):
                let caller = try caller(request, for: route)
                try limits.enter(caller, for: route.scopes)
                defer { limits.leave(caller, for: route.scopes, after: clock.now - start) }
                let call = try await call(
                    request,
                    route,
                    from: caller,
                    path: path,
                    parts: parts,
                    query: split.count > 1 ? String(split[1]) : ""
                )
                answer = try await route.handler(call)
            case .otherMethods(let methods):
                answer = .problem(.wrongMethod, instance: path)
                answer.allow = methods.map(\.rawValue).joined(separator: ", ")
            case .none:
                throw .notFound
            }
        } catch {
            answer = .problem(error, instance: path)
            if error.status >= 500 {
                context.logger.error(
                    "request failed",
                    metadata: ["problem": "\(error.name)", "path": "\(path)"]
                )
            }
        }
        var pattern = "other"
        if case .route(let route, _) = match { pattern = route.path }
        counters.answered(route: pattern, status: answer.status, in: clock.now - start)
        return Self.response(answer, isHead: request.method.rawValue == "HEAD")
    }

    private func call(
        _ request: Request,
        _ route: APIRoute,
        from caller: Caller,
        path: String,
        parts: [String: String],
        query: String
    ) async throws(Problem) -> APICall {
        let items = try QueryItems(query)
        let body = try await body(of: request, upTo: route.bodyByteCountMax)
        let type = request.headers[.contentType] ?? ""
        return APICall(
            caller: caller,
            path: path,
            parts: parts,
            query: items,
            contentType: (type.split(separator: ";").first ?? "").trimmingSpaces.lowercased(),
            body: body
        )
    }

    /// Knows the caller and refuses one that may not use the route, before the body is read.
    private func caller(_ request: Request, for route: APIRoute) throws(Problem) -> Caller {
        if route.scopes.isEmpty { return known(request) }
        let caller: Caller
        if let shown = request.headers[.authorization] {
            caller = .holder(try credential(shown))
        } else if door == .administrationSocket {
            caller = .localAdministrator
        } else if let insecure = access.insecureCredential, route.scopes == .ingest {
            caller = .holder(insecure)
        } else {
            throw .unauthenticated
        }
        guard caller.has(route.scopes) else {
            throw .scope(route.scopes.names.joined(separator: ", "))
        }
        return caller
    }

    /// Who asks for what is open to everybody: nobody is refused for the key that they show.
    private func known(_ request: Request) -> Caller {
        if let shown = request.headers[.authorization] {
            return (try? credential(shown)).map { .holder($0) } ?? .anonymous
        }
        return door == .administrationSocket ? .localAdministrator : .anonymous
    }

    private func credential(_ shown: String) throws(Problem) -> Credential {
        let parts = shown.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw .unauthenticated }
        let key: KeyText
        do throws(KeyTextError) {
            key = try KeyText(parsing: parts[1].trimmingSpaces)
        } catch {
            counters.keyRefused("not-a-key")
            throw .unauthenticated
        }
        do throws(KeyRefusal) {
            return try access.credential(for: key)
        } catch {
            // The caller is not told which of the reasons it was.
            counters.keyRefused(error.rawValue)
            throw .unauthenticated
        }
    }

    private func body(
        of request: Request,
        upTo limit: Int
    ) async throws(Problem) -> [UInt8] {
        if let encoding = request.headers[.contentEncoding], encoding != "identity" {
            throw .mediaType("the body as it is, without Content-Encoding")
        }
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit {
            throw limit == 0 ? .badBody("This route takes no body.") : .tooLarge(limit)
        }
        guard limit > 0 else { return [] }
        let body = request.body
        let timeout = bodyTimeout
        do {
            let buffer = try await withThrowingTaskGroup(of: ByteBuffer?.self) { group in
                group.addTask { try await body.collect(upTo: limit) }
                group.addTask {
                    try await Task.sleep(for: timeout)
                    return nil
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
            if let buffer { return Array(buffer.readableBytesView) }
        } catch is NIOTooManyBytesError {
            throw .tooLarge(limit)
        } catch {
            throw .badBody("The body ended before it was complete.")
        }
        throw Problem(
            "timeout",
            status: 408,
            title: "The body came too slowly",
            detail: "A request's body must be complete within \(timeout)."
        )
    }

    private static func response(_ answer: APIAnswer, isHead: Bool) -> Response {
        var headers: HTTPFields = [
            .contentType: answer.contentType, .xContentTypeOptions: "nosniff",
            .cacheControl: "no-store",
        ]
        if let seconds = answer.retryAfter { headers[.retryAfter] = String(seconds) }
        if let allow = answer.allow { headers[.allow] = allow }
        if answer.status == 401 { headers[.wwwAuthenticate] = "Bearer realm=\"meter\"" }
        // What is left of a body that nobody reads would be taken for the next request.
        if answer.status == 408 || answer.status == 413 { headers[.connection] = "close" }
        let body = ByteBuffer(bytes: answer.body)
        let response = Response(
            status: HTTPResponse.Status(code: answer.status),
            headers: headers,
            body: ResponseBody(byteBuffer: body)
        )
        return isHead ? response.createHeadResponse() : response
    }
}
