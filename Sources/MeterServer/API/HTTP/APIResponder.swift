internal import HTTPTypes
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
    /// What a portal token grants now.
    func grant(of token: String) throws(PortalTokenRefusal) -> PortalGrant
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
    let crossOrigin: CrossOrigin
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
                if let tag = answer.entityTag, let named = request.headers[.ifNoneMatch],
                    tag.isNamed(in: named)
                {
                    answer.status = 304
                    answer.body = []
                }
            case .otherMethods(let routes):
                if request.method == .options, routes.contains(where: \.isForPortals) {
                    let allowed = try preflight(request, routes)
                    counters.answered(
                        route: routes.first?.path ?? "other",
                        status: allowed.status.code,
                        in: clock.now - start
                    )
                    return allowed
                }
                answer = .problem(.wrongMethod, instance: path)
                answer.allow = routes.map(\.method.rawValue).joined(separator: ", ")
            case .none:
                throw .notFound
            }
        } catch {
            answer = Self.answer(to: error, match, path, request)
            if error.status >= 500 {
                context.logger.error(
                    "request failed",
                    metadata: ["problem": "\(error.name)", "path": "\(path)"]
                )
            }
        }
        var pattern = "other"
        var further = HTTPFields()
        if case .route(let route, _) = match {
            pattern = route.path
            if route.isForPortals, door == .network {
                further = crossOrigin.fields(for: request.headers[.origin])
            }
        }
        counters.answered(route: pattern, status: answer.status, in: clock.now - start)
        return Self.response(answer, further, to: request)
    }

    /// As the route answers what failed.
    private static func answer(
        to problem: Problem,
        _ match: RouteTable.Match,
        _ path: String,
        _ request: Request
    ) -> APIAnswer {
        guard case .route(let route, _) = match, let failure = route.failure else {
            return .problem(problem, instance: path)
        }
        return failure(problem, path, mediaType(of: request))
    }

    /// The media type in lower case without parameters; empty if none was sent.
    private static func mediaType(of request: Request) -> String {
        let type = request.headers[.contentType] ?? ""
        return (type.split(separator: ";").first ?? "").trimmingSpaces.lowercased()
    }

    /// Answers a browser that asks whether a page of another origin may send a request.
    private func preflight(
        _ request: Request,
        _ routes: [APIRoute]
    ) throws(Problem) -> Response {
        let fields = crossOrigin.preflight(
            for: request.headers[.origin],
            methods: routes.filter(\.isForPortals).map(\.method)
        )
        guard door == .network, fields[.accessControlAllowOrigin] != nil else {
            throw .foreignOrigin
        }
        return Response(status: .noContent, headers: fields)
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
        let body = try await body(of: request, for: route)
        return APICall(
            caller: caller,
            path: path,
            parts: parts,
            query: items,
            contentType: Self.mediaType(of: request),
            accept: request.headers[.accept] ?? "",
            isStillAllowed: { (try? self.caller(request, for: route)) != nil },
            body: body
        )
    }

    /// Knows the caller and refuses one that may not use the route, before the body is read.
    private func caller(_ request: Request, for route: APIRoute) throws(Problem) -> Caller {
        if route.scopes.isEmpty { return known(request) }
        let caller: Caller
        if let shown = request.headers[.authorization] {
            caller = try bearer(shown)
        } else if door == .administrationSocket {
            caller = .localAdministrator
        } else if let insecure = access.insecureCredential, route.scopes == .ingest {
            caller = .holder(insecure)
        } else {
            throw .unauthenticated
        }
        if case .portal = caller, !route.isForPortals { throw .portalToken }
        guard caller.has(route.scopes) else {
            throw .scope(route.scopes.names.joined(separator: ", "))
        }
        return caller
    }

    /// Who asks for what is open to everybody: nobody is refused for the key that they show.
    private func known(_ request: Request) -> Caller {
        if let shown = request.headers[.authorization] {
            return (try? bearer(shown)) ?? .anonymous
        }
        return door == .administrationSocket ? .localAdministrator : .anonymous
    }

    /// Who shows a key or a portal token.
    private func bearer(_ shown: String) throws(Problem) -> Caller {
        let parts = shown.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw .unauthenticated }
        let text = parts[1].trimmingSpaces
        guard text.hasPrefix(PortalTokens.prefix) else { return .holder(try credential(text)) }
        do throws(PortalTokenRefusal) {
            return .portal(try access.grant(of: text))
        } catch {
            counters.keyRefused(error.rawValue)
            throw .unauthenticated
        }
    }

    private func credential(_ text: String) throws(Problem) -> Credential {
        let key: KeyText
        do throws(KeyTextError) {
            key = try KeyText(parsing: text)
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

    private func body(of request: Request, for route: APIRoute) async throws(Problem) -> [UInt8] {
        let limit = route.bodyByteCountMax
        switch request.headers[.contentEncoding]?.lowercased() {
        case nil, "identity": return try await sentBody(of: request, upTo: limit)
        case "gzip" where route.takesGzip:
            let sent = try await sentBody(of: request, upTo: limit)
            do throws(Gzip.Failure) {
                return try Gzip.inflate(sent, upTo: limit)
            } catch {
                switch error {
                case .damaged: throw .badBody("The body is not one whole gzip stream.")
                case .tooLarge: throw .tooLarge(limit)
                }
            }
        default:
            throw .mediaType(
                route.takesGzip
                    ? "the body as it is, or with Content-Encoding: gzip"
                    : "the body as it is, without Content-Encoding"
            )
        }
    }

    private func sentBody(
        of request: Request,
        upTo limit: Int
    ) async throws(Problem) -> [UInt8] {
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

    private static func response(
        _ answer: APIAnswer,
        _ further: HTTPFields,
        to request: Request
    ) -> Response {
        var headers: HTTPFields = [
            .contentType: answer.contentType, .xContentTypeOptions: "nosniff",
            .cacheControl: "no-store",
        ]
        headers.append(contentsOf: further)
        if let tag = answer.entityTag {
            headers[.eTag] = tag.text
            // Kept by the caller alone, and shown again only after asking whether it still holds.
            headers[.cacheControl] = "private, no-cache"
            headers.append(HTTPField(name: .vary, value: "Authorization, Accept"))
        }
        if let freshness = answer.freshness { headers.append(contentsOf: freshness.fields) }
        if let seconds = answer.retryAfter { headers[.retryAfter] = String(seconds) }
        if let allow = answer.allow { headers[.allow] = allow }
        if answer.status == 401 { headers[.wwwAuthenticate] = "Bearer realm=\"meter\"" }
        // What is left of a body that nobody reads would be taken for the next request.
        if answer.status == 408 || answer.status == 413 { headers[.connection] = "close" }
        let response = Response(
            status: HTTPResponse.Status(code: answer.status),
            headers: headers,
            body: body(of: answer, to: request)
        )
        return request.method == .head ? response.createHeadResponse() : response
    }

    private static func body(of answer: APIAnswer, to request: Request) -> ResponseBody {
        guard let next = answer.pieces else {
            return ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body))
        }
        return ResponseBody { writer in
            // A caller that goes away ends the stream at once, not only when it is next written to.
            try await request.body.consumeWithCancellationOnInboundClose { _ in
                while let piece = await next() {
                    try await writer.write(ByteBuffer(bytes: piece))
                }
            }
            try await writer.finish(nil)
        }
    }
}
