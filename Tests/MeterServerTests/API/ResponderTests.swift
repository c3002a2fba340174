import HTTPTypes
import Hummingbird
import Logging
import Meter
import MeterWaldur
import MeterWire
import NIOCore
import NIOEmbedded
import Testing

@testable import MeterServer

/// Requests through the whole HTTP layer, without a socket.
struct ResponderTests {
    private struct FakeAccess: APIAccess {
        let holders: [String: Credential]
        var insecureCredential: Credential?
        var tokens: [String: PortalGrant] = [:]

        func grant(of token: String) throws(PortalTokenRefusal) -> PortalGrant {
            guard let known = tokens[token] else { throw .forged }
            return known
        }

        func credential(for key: KeyText) throws(KeyRefusal) -> Credential {
            guard let known = holders[key.text] else { throw .unknownKey }
            return known
        }
    }

    private static func key(_ id: UInt64) -> KeyText {
        KeyText(
            kind: .http,
            id: KeyID(rawValue: id),
            secret: Secret([UInt8](repeating: 9, count: 32))
        )
    }

    private static let token = PortalTokens.prefix + "x.y"
    private static let page = "https://portal.example"

    private func responder(
        _ door: APIDoor,
        isInsecure: Bool = false,
        limits: LimitRules = LimitRules(),
        route: APIRoute? = nil
    ) -> APIResponder {
        var holders: [String: Credential] = [:]
        for (id, scopes) in [(1, KeyScopes.ingest), (2, .usage), (4, .admin)]
            as [(UInt64, KeyScopes)]
        {
            holders[Self.key(id).text] = Credential(
                key: KeyID(rawValue: id),
                principal: Principal(
                    id: PrincipalID(rawValue: id),
                    kind: .tenant("acme"),
                    label: ""
                ),
                scopes: scopes
            )
        }
        let insecure = Credential(
            key: KeyID(rawValue: 0),
            principal: Principal(id: .insecureLoopback, kind: .platformForAll, label: ""),
            scopes: .ingest
        )
        @Sendable func echo(_ call: APICall) -> APIAnswer {
            .text(
                "\(call.parts.sorted { $0.key < $1.key }.map(\.value)) \(call.body.count) "
                    + call.contentType
            )
        }
        let routes: [APIRoute] = [
            APIRoute(.get, "/open") { call throws(Problem) in echo(call) },
            APIRoute(.get, "/broken") { _ throws(Problem) in throw .internalError },
            APIRoute(.post, "/ingest", scopes: .ingest, bodyByteCountMax: 100) {
                call throws(Problem) in echo(call)
            },
            APIRoute(.get, "/usage/{tenant}/of/{agent}", scopes: .usage, isForPortals: true) {
                call throws(Problem) in echo(call)
            },
            APIRoute(.get, "/figures", scopes: .usage, isForPortals: true) {
                call throws(Problem) in
                .usage(
                    [JSONMember("value", .string(try call.query.one("value") ?? "1"))],
                    Freshness(
                        position: 7,
                        asOf: Timestamp(milliseconds: 0),
                        completeThrough: nil,
                        reconciledThrough: Timestamp(milliseconds: 60_000)
                    )
                )
            },
            APIRoute(.post, "/figures", scopes: .usage, bodyByteCountMax: 10) {
                call throws(Problem) in echo(call)
            },
            APIRoute(.put, "/admin/{what}", scopes: .admin) { call throws(Problem) in echo(call) },
            APIRoute(.delete, "/admin/{what}", scopes: .admin) { call throws(Problem) in echo(call)
            },
            APIRoute(.get, "/me") { call throws(Problem) in
                .text(call.caller.has(.admin) ? "administrator" : "somebody")
            },
        ]
        return APIResponder(
            door: door,
            table: RouteTable(routes + (route.map { [$0] } ?? [])),
            access: FakeAccess(
                holders: holders,
                insecureCredential: isInsecure ? insecure : nil,
                tokens: [
                    Self.token: PortalGrant(
                        issuer: KeyID(rawValue: 2),
                        tenant: "acme",
                        expires: Timestamp(milliseconds: .max)
                    )
                ]
            ),
            counters: APICounters(),
            limits: RequestLimits(
                limiters: Limiters(limits, burstMilliseconds: 1_000, tenantCountMax: 10),
                now: { Timestamp(milliseconds: 1_795_343_400_125) }
            ),
            crossOrigin: CrossOrigin(origins: [Self.page]),
            bodyTimeout: .milliseconds(200)
        )
    }

    private struct Reply {
        var status: Int
        var headers: HTTPFields
        var body: String
    }

    private func send(
        _ method: String,
        _ target: String,
        key: String? = nil,
        body: String? = nil,
        headers: [HTTPField.Name: String] = [:],
        to responder: APIResponder
    ) async throws -> Reply {
        var fields = HTTPFields()
        for (name, value) in headers { fields[name] = value }
        if let key { fields[.authorization] = "Bearer \(key)" }
        let request = Request(
            head: HTTPRequest(
                method: try #require(HTTPRequest.Method(method)),
                scheme: nil,
                authority: nil,
                path: target,
                headerFields: fields
            ),
            body: RequestBody(buffer: ByteBuffer(string: body ?? ""))
        )
        let context = BasicRequestContext(
            source: ApplicationRequestContextSource(
                channel: EmbeddedChannel(),
                logger: Logger(label: "test")
            )
        )
        let response = try await responder.respond(to: request, context: context)
        let collector = BodyCollector()
        try await response.body.write(collector)
        return Reply(
            status: response.status.code,
            headers: response.headers,
            body: collector.text
        )
    }

    // MARK: -

    @Test func `open routes know who administers, and nobody else`() async throws {
        for (door, key, expected) in [
            (.network, nil, "somebody"), (.network, 4, "administrator"), (.network, 1, "somebody"),
            (.administrationSocket, nil, "administrator"), (.administrationSocket, 1, "somebody"),
            (.network, 9, "somebody"),
        ] as [(APIDoor, UInt64?, String)] {
            let key = key.map { Self.key($0).text }
            let reply = try await send("GET", "/me", key: key, to: responder(door))
            #expect(reply.body == expected)
        }
    }

    @Test func `one request more than a principal may have at once is told to come again`()
        async throws
    {
        var limits = LimitRules()
        limits.principal[.requests] = 1
        let gate = AsyncStream<Void>.makeStream()
        let started = AsyncStream<Void>.makeStream()
        let network = responder(
            .network,
            limits: limits,
            route: APIRoute(.get, "/slow", scopes: .usage) { _ throws(Problem) in
                started.continuation.yield()
                for await _ in gate.stream { break }
                return .text("done")
            }
        )
        async let first = send("GET", "/slow", key: Self.key(2).text, to: network)
        for await _ in started.stream { break }
        let usage = "/usage/a/of/b"
        let second = try await send("GET", usage, key: Self.key(2).text, to: network)
        #expect(second.status == 429)
        #expect(second.headers[.retryAfter] == "1")
        #expect(second.body.contains("urn:meter:problem:over-limit"))
        #expect(second.body.contains(#""limit":"requests""#))
        // Others have places of their own, and a place is given back.
        let other = try await send("POST", "/ingest", key: Self.key(1).text, body: "x", to: network)
        #expect(other.status == 200)
        gate.continuation.yield()
        #expect(try await first.status == 200)
        #expect(try await send("GET", usage, key: Self.key(2).text, to: network).status == 200)
    }

    @Test func `queries that ran for too long make their principal wait`() async throws {
        var limits = LimitRules()
        limits.principal[.queryMilliseconds] = 1
        let network = responder(
            .network,
            limits: limits,
            route: APIRoute(.get, "/slow", scopes: .usage) { _ throws(Problem) in
                try? await Task.sleep(for: .milliseconds(20))
                return .text("done")
            }
        )
        #expect(try await send("GET", "/slow", key: Self.key(2).text, to: network).status == 200)
        let again = try await send("GET", "/usage/a/of/b", key: Self.key(2).text, to: network)
        #expect(again.status == 429)
        let seconds = try #require(again.headers[.retryAfter].flatMap { Int($0) })
        #expect(seconds >= 19)
        #expect(again.body.contains("query-ms-per-second"))
    }

    @Test func `a principal over its rates is answered before its body is read`() async throws {
        var limits = LimitRules()
        limits.principal[.eventsPerSecond] = 10
        let network = responder(.network, limits: limits)
        let body = String(repeating: "x", count: 1_000)
        // Too large: so it was looked at.
        let key = Self.key(1).text
        #expect(try await send("POST", "/ingest", key: key, body: body, to: network).status == 413)
        let limiters = network.limits.limiters
        for _ in 0..<3 {
            limiters.principal(PrincipalID(rawValue: 1)).take(
                events: 20,
                bytes: 1,
                at: Timestamp(milliseconds: 1_795_343_400_125)
            )
        }
        let reply = try await send("POST", "/ingest", key: key, body: body, to: network)
        #expect(reply.status == 429)
        #expect(reply.headers[.retryAfter] == "2")
        let usage = try await send("GET", "/usage/a/of/b", key: Self.key(2).text, to: network)
        #expect(usage.status == 200)
    }

    @Test func `each scope opens its own routes, on the network`() async throws {
        let network = responder(.network)
        let routes: [(method: String, target: String, owner: UInt64)] = [
            ("POST", "/ingest", 1), ("GET", "/usage/a/of/b", 2), ("PUT", "/admin/x", 4),
            ("DELETE", "/admin/x", 4),
        ]
        for route in routes {
            for id in [1, 2, 4] as [UInt64] {
                let reply = try await send(
                    route.method,
                    route.target,
                    key: Self.key(id).text,
                    to: network
                )
                #expect(reply.status == (id == route.owner ? 200 : 403), "\(route) with \(id)")
            }
            let nobody = try await send(route.method, route.target, to: network)
            #expect(nobody.status == 401)
            #expect(nobody.headers[.wwwAuthenticate] != nil)
        }
        #expect(try await send("GET", "/open", to: network).status == 200)
    }

    @Test func `a key that is wrong in any way gets one and the same answer`() async throws {
        let good = Self.key(2).text
        var wrong = [
            Self.key(3).text, "", "x", good + "x", String(good.dropLast()), "mtr_http_", " ",
            KeyText(kind: .wire, id: KeyID(rawValue: 2), secret: Self.key(2).secret).text,
        ]
        for index in stride(from: 0, to: good.count, by: 7) {
            var changed = Array(good)
            changed[index] = changed[index] == "A" ? "B" : "A"
            wrong.append(String(changed))
        }
        var answers: Set<String> = []
        for key in wrong {
            let reply = try await send("GET", "/usage/a/of/b", key: key, to: responder(.network))
            #expect(reply.status == 401, "\(key)")
            answers.insert(reply.body)
        }
        #expect(answers.count == 1)
        for header in [good, "Basic \(good)", "Bearer", "Bearer\(good)"] {
            let reply = try await send(
                "GET",
                "/usage/a/of/b",
                headers: [.authorization: header],
                to: responder(.network)
            )
            #expect(reply.status == 401)
        }
        let spaced = try await send(
            "GET",
            "/usage/a/of/b",
            headers: [.authorization: "bearer  \(good) "],
            to: responder(.network)
        )
        #expect(spaced.status == 200)
    }

    @Test func `the socket administers and reads, and sends no events`() async throws {
        let socket = responder(.administrationSocket)
        #expect(try await send("PUT", "/admin/x", to: socket).status == 200)
        #expect(try await send("GET", "/usage/a/of/b", to: socket).status == 200)
        #expect(try await send("POST", "/ingest", to: socket).status == 403)
        // A key that is shown counts, and nothing more.
        #expect(try await send("PUT", "/admin/x", key: Self.key(1).text, to: socket).status == 403)
        #expect(try await send("POST", "/ingest", key: Self.key(1).text, to: socket).status == 200)
    }

    @Test func `without authentication there is ingest and nothing else`() async throws {
        let open = responder(.network, isInsecure: true)
        #expect(try await send("POST", "/ingest", to: open).status == 200)
        #expect(try await send("GET", "/usage/a/of/b", to: open).status == 401)
        #expect(try await send("PUT", "/admin/x", to: open).status == 401)
    }

    @Test func `paths are matched before they are decoded`() async throws {
        let key = Self.key(2).text
        let network = responder(.network)
        let reply = try await send("GET", "/usage/a%2Fb/of/%C3%BC?x=1", key: key, to: network)
        #expect(reply.body.hasPrefix("[\"ü\", \"a/b\"]"))
        for target in [
            "/usage/a/of/", "/usage//of/b", "/usage/a/of/b/", "/usage/a/of/%FF", "/usage/a/of/%",
            "/Open", "//open",
        ] {
            #expect(try await send("GET", target, key: key, to: network).status == 404, "\(target)")
        }
    }

    @Test func `errors are problem documents`() async throws {
        let network = responder(.network)
        let missing = try await send("GET", "/nowhere?secret=1", to: network)
        #expect(missing.status == 404)
        #expect(missing.headers[.contentType] == "application/problem+json")
        let json = try JSONParser.parse(Array(missing.body.utf8))
        #expect(json["type"]?.string == "urn:meter:problem:not-found")
        #expect(json["status"] == .number("404"))
        #expect(json["instance"]?.string == "/nowhere")
        #expect(json["title"]?.string != nil)
        #expect(json["detail"]?.string != nil)
        let method = try await send("POST", "/admin/x", to: network)
        #expect(method.status == 405)
        #expect(method.headers[.allow] == "PUT, DELETE")
        #expect(try await send("GET", "/broken", to: network).status == 500)
        let query = try await send("GET", "/open?a=%GG", to: network)
        #expect(query.status == 400)
    }

    @Test func `bodies are bounded, and taken only where they mean something`() async throws {
        let key = Self.key(1).text
        let network = responder(.network)
        let full = String(repeating: "x", count: 100)
        #expect(try await send("POST", "/ingest", key: key, body: full, to: network).status == 200)
        let over = try await send("POST", "/ingest", key: key, body: full + "x", to: network)
        #expect(over.status == 413)
        #expect(over.headers[.connection] == "close")
        let announced = try await send(
            "POST",
            "/ingest",
            key: key,
            headers: [.contentLength: "1073741824"],
            to: network
        )
        #expect(announced.status == 413)
        let packed = try await send(
            "POST",
            "/ingest",
            key: key,
            body: "x",
            headers: [.contentEncoding: "gzip"],
            to: network
        )
        #expect(packed.status == 415)
        let typed = try await send(
            "POST",
            "/ingest",
            key: key,
            body: "x",
            headers: [.contentType: "Application/JSON ; charset=utf-8"],
            to: network
        )
        #expect(typed.body.hasSuffix("1 application/json"))
    }

    @Test func `a body that never ends is given up`() async throws {
        let endless = AsyncStream<ByteBuffer> { $0.yield(ByteBuffer(string: "x")) }
        let request = Request(
            head: HTTPRequest(
                method: .post,
                scheme: nil,
                authority: nil,
                path: "/ingest",
                headerFields: [.authorization: "Bearer \(Self.key(1).text)"]
            ),
            body: RequestBody(asyncSequence: endless)
        )
        let context = BasicRequestContext(
            source: ApplicationRequestContextSource(
                channel: EmbeddedChannel(),
                logger: Logger(label: "test")
            )
        )
        let response = try await responder(.network).respond(to: request, context: context)
        #expect(response.status.code == 408)
    }

    // MARK: - Portals

    @Test func `a portal token opens the routes for portals and nothing else`() async throws {
        let network = responder(.network)
        for (method, target, status) in [
            ("GET", "/usage/a/of/b", 200), ("GET", "/figures", 200), ("POST", "/figures", 403),
            ("POST", "/ingest", 403), ("PUT", "/admin/x", 403), ("DELETE", "/admin/x", 403),
        ] {
            let reply = try await send(method, target, key: Self.token, to: network)
            #expect(reply.status == status, "\(method) \(target)")
        }
        let forged = try await send("GET", "/figures", key: Self.token + "z", to: network)
        let unknown = try await send("GET", "/figures", key: Self.key(9).text, to: network)
        #expect(forged.status == 401)
        #expect(forged.body == unknown.body)
    }

    @Test func `pages of listed origins may read what portals may, and nothing else`() async throws
    {
        let network = responder(.network)
        let allow = HTTPField.Name.accessControlAllowOrigin
        func ask(
            _ method: String,
            _ target: String,
            from origin: String,
            to responder: APIResponder
        ) async throws -> Reply {
            try await send(
                method,
                target,
                key: method == "OPTIONS" ? nil : Self.token,
                headers: [.origin: origin, .accessControlRequestMethod: "GET"],
                to: responder
            )
        }
        let preflight = try await ask("OPTIONS", "/figures", from: Self.page, to: network)
        #expect(preflight.status == 204)
        #expect(preflight.headers[allow] == Self.page)
        #expect(preflight.headers[.accessControlAllowMethods] == "GET")
        #expect(preflight.headers[.accessControlAllowHeaders]?.contains("Authorization") == true)
        #expect(preflight.headers[.accessControlAllowCredentials] == nil)
        let read = try await ask("GET", "/figures", from: Self.page, to: network)
        #expect(read.headers[allow] == Self.page)
        #expect(read.headers[.accessControlExposeHeaders]?.contains("ETag") == true)
        #expect(read.headers[.accessControlAllowCredentials] == nil)
        // A refusal can be read too.
        let refused = try await send(
            "GET",
            "/figures",
            headers: [.origin: Self.page],
            to: network
        )
        #expect(refused.status == 401)
        #expect(refused.headers[allow] == Self.page)
        for origin in [
            "https://evil.example", "http://portal.example", "https://portal.example:8443",
            "null", "*", "https://portal.example.evil.example", "",
        ] {
            let asked = try await ask("OPTIONS", "/figures", from: origin, to: network)
            #expect(asked.status == 403, "\(origin)")
            let read = try await ask("GET", "/figures", from: origin, to: network)
            #expect(read.headers[allow] == nil, "\(origin)")
            #expect(read.headers[.vary]?.contains("Origin") == true)
        }
        for (method, target) in [("OPTIONS", "/ingest"), ("OPTIONS", "/admin/x")] {
            let asked = try await ask(method, target, from: Self.page, to: network)
            #expect(asked.status == 405)
            #expect(asked.headers[allow] == nil)
        }
        let socket = responder(.administrationSocket)
        #expect(try await ask("GET", "/figures", from: Self.page, to: socket).headers[allow] == nil)
    }

    @Test func `content that is known already is not sent again`() async throws {
        let network = responder(.network)
        let key = Self.key(2).text
        let first = try await send("GET", "/figures", key: key, to: network)
        let tag = try #require(first.headers[.eTag])
        #expect(first.headers[.cacheControl] == "private, no-cache")
        #expect(first.headers[.vary]?.contains("Authorization") == true)
        #expect(first.body.contains(#""value":"1","asOf":{"position":"7""#))
        for named in [tag, "\"x\", " + tag, "*", String(tag.dropFirst(2))] {
            let again = try await send(
                "GET",
                "/figures",
                key: key,
                headers: [.ifNoneMatch: named],
                to: network
            )
            #expect(again.status == 304, "\(named)")
            #expect(again.body.isEmpty)
            #expect(again.headers[.eTag] == tag)
            let asOf = try #require(HTTPField.Name("Meter-As-Of"))
            #expect(again.headers[asOf] == "1970-01-01T00:00:00Z")
            let complete = try #require(HTTPField.Name("Meter-Complete-Through"))
            #expect(again.headers[complete] == nil)
        }
        for (target, named) in [
            ("/figures?value=2", tag), ("/figures", "W/\"0\""), ("/figures", ""),
        ] {
            let other = try await send(
                "GET",
                target,
                key: key,
                headers: [.ifNoneMatch: named],
                to: network
            )
            #expect(other.status == 200)
        }
        let nobody = try await send("GET", "/figures", headers: [.ifNoneMatch: tag], to: network)
        #expect(nobody.status == 401)
        #expect(nobody.headers[.cacheControl] == "no-store")
    }

    @Test func `HEAD is a GET without its body`() async throws {
        let reply = try await send("HEAD", "/open", to: responder(.network))
        #expect(reply.status == 200)
        #expect(reply.body.isEmpty)
    }
}
