import Meter
@testable import MeterWaldur
import MeterWire
import Testing

/// Real sockets, and servers that misbehave on them.
@Suite(.serialized) struct HTTPTransportTests {
    private static let token = "0123456789abcdef0123456789abcdef01234567"

    private func ask(
        url: String,
        token: TokenSource = .value(Secret(Array(token.utf8))),
        limits: WaldurLimits = WaldurLimits()
    ) async -> Result<WaldurResponse, WaldurError> {
        do throws(WaldurError) {
            let transport = try HTTPTransport(url: url, token: token)
            let result: Result<WaldurResponse, WaldurError>
            do throws(WaldurError) {
                result = .success(
                    try await transport.send(
                        WaldurRequest(
                            method: .get,
                            path: "/api/version/",
                            body: "",
                            timeoutMilliseconds: limits.callMilliseconds,
                            bodyBytesMax: limits.bodyBytesMax
                        )
                    )
                )
            } catch {
                result = .failure(error)
            }
            await transport.shutdown()
            return result
        } catch {
            return .failure(error)
        }
    }

    @Test func `a redirect is not followed, so the token goes nowhere else`() async throws {
        let other = try await RawServer.start(["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
        let server = try await RawServer.start([
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:\(other.port)/\r\n"
                + "Content-Length: 0\r\n\r\n"
        ])
        let answer = try await ask(url: "http://127.0.0.1:\(server.port)/api/").get()
        #expect(answer.status == 307)
        #expect(other.requests.isEmpty)
        let request = try #require(server.requests.first)
        #expect(request.hasPrefix("GET /api/version/ HTTP/1.1"))
        #expect(request.contains("Authorization: Token \(Self.token)"))
        #expect(!request.lowercased().contains("accept-encoding"))
        try await server.stop()
        try await other.stop()
    }

    @Test func `an answer that drips is given up at its deadline`() async throws {
        let server = try await RawServer.start(
            ["HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"]
                + Array(repeating: "x", count: 1000),
            pauseMilliseconds: 50
        )
        var limits = WaldurLimits()
        limits.callMilliseconds = 400
        let clock = ContinuousClock()
        let begun = clock.now
        let answer = await ask(url: "http://127.0.0.1:\(server.port)", limits: limits)
        #expect(answer == .failure(.timedOut(milliseconds: 400)))
        #expect(clock.now - begun < .seconds(10))
        try await server.stop()
    }

    @Test func `an answer longer than the limit is not read to its end`() async throws {
        let server = try await RawServer.start([
            "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + String(repeating: "x", count: 5000)
        ])
        var limits = WaldurLimits()
        limits.bodyBytesMax = 1000
        let answer = await ask(url: "http://127.0.0.1:\(server.port)", limits: limits)
        #expect(answer == .failure(.tooLong(bytes: 1000)))
        try await server.stop()
    }

    @Test func `a connection that ends in the middle leaves the outcome unknown`() async throws {
        let server = try await RawServer.start(["HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"])
        let answer = await ask(url: "http://127.0.0.1:\(server.port)")
        guard case .failure(.connectionLost) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(WaldurError.connectionLost("").surelyNotRun == false)
        try await server.stop()
    }

    @Test func `a compressed answer is refused`() async throws {
        let server = try await RawServer.start([
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx"
        ])
        guard case .failure(.malformed) = await ask(url: "http://127.0.0.1:\(server.port)") else {
            Issue.record("read")
            return
        }
        try await server.stop()
    }

    @Test func `no listener and no address mean that nothing was sent`() async throws {
        let server = try await RawServer.start([])
        try await server.stop()
        for url in ["http://127.0.0.1:\(server.port)", "http://waldur.invalid"] {
            guard case .failure(let error) = await ask(url: url) else {
                Issue.record("\(url) answered")
                continue
            }
            #expect(error.surelyNotRun, "\(url): \(error)")
        }
    }

    @Test(arguments: [
        "waldur.example.org", "ftp://host", "http://", "https://user:pass@host", "http://h/?x=1",
        "",
    ])
    func `only an http URL without credentials is taken`(url: String) async {
        guard case .failure(.notSent) = await ask(url: url) else {
            Issue.record("\(url) was taken")
            return
        }
    }

    @Test func `a token that is none is not sent, and no token is ever printed`() async throws {
        for token in ["", "two words", "line\nbreak", "ü"] {
            let source = TokenSource.value(Secret(Array(token.utf8)))
            guard
                case .failure(.notSent(let reason)) = await ask(
                    url: "http://127.0.0.1:9",
                    token: source
                )
            else {
                Issue.record("sent")
                continue
            }
            #expect(token.isEmpty || !reason.contains(token))
        }
        let missing = await ask(url: "http://127.0.0.1:9", token: .file("/nonexistent/token"))
        guard case .failure(.notSent(let reason)) = missing else {
            Issue.record("sent")
            return
        }
        #expect(reason.contains("/nonexistent/token"))
        let source = TokenSource.value(Secret(Array(Self.token.utf8)))
        var dumped = ""
        dump(source, to: &dumped)
        #expect(!dumped.contains(Self.token) && !"\(source)".contains(Self.token))
    }
}
