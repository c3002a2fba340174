internal import AsyncHTTPClient
internal import Glibc
internal import Meter
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization

/// Carries requests over HTTP to one Waldur with one account's token.
///
/// No redirect is followed (the token would go wherever Waldur's answer says), no compression is asked
/// for (a small answer cannot unfold into a large one), and a request is never sent twice.
package final class HTTPTransport: WaldurTransport {
    private let base: String
    private let source: TokenSource
    private let client: HTTPClient
    private let token = Mutex<Secret?>(nil)

    /// Talks to the Waldur at `url`, such as `https://waldur.example.org` (a path in front of `/api/` is
    /// kept, `/api/` itself may be named or left out).
    ///
    /// Throws `WaldurError.notSent` where that is no http or https URL. The token is read at the first
    /// request. Call `shutdown()` before the last reference goes.
    package init(url: String, token source: TokenSource) throws(WaldurError) {
        base = try Self.normalized(url)
        self.source = source
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5), read: .seconds(60)),
            decompression: .disabled
        )
        configuration.httpVersion = .http1Only
        client = HTTPClient(
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            configuration: configuration
        )
    }

    /// Refuses what `init` would refuse, without making anything that has to be shut down.
    package static func check(url: String) throws(WaldurError) { _ = try normalized(url) }

    /// Closes the connections.
    package func shutdown() async { try? await client.shutdown() }

    /// Sends one request; a 401 makes the token be read again for the next one.
    package func send(_ request: WaldurRequest) async throws(WaldurError) -> WaldurResponse {
        var message = HTTPClientRequest(url: base + request.path)
        message.method = HTTPMethod(rawValue: request.method.rawValue)
        let secret = try currentToken()
        let text = String(decoding: secret.bytes, as: UTF8.self)
        message.headers.add(name: "Authorization", value: "Token \(text)")
        message.headers.add(name: "Accept", value: "application/json")
        message.headers.add(name: "User-Agent", value: "meter/1")
        if request.method == .post {
            message.headers.add(name: "Content-Type", value: "application/json")
            message.body = .bytes(ByteBuffer(string: request.body))
        }
        let response = try await Deadline.run(milliseconds: request.timeoutMilliseconds) {
            [client, message] in
            await Self.exchange(client, message, bodyBytesMax: request.bodyBytesMax)
        }
        if response.status == 401 { token.withLock { $0 = nil } }
        return response
    }

    private func currentToken() throws(WaldurError) -> Secret {
        if let known = token.withLock({ $0 }) { return known }
        let read = try source.token()
        token.withLock { $0 = read }
        return read
    }

    private static func exchange(
        _ client: HTTPClient,
        _ message: HTTPClientRequest,
        bodyBytesMax: Int
    ) async -> Result<WaldurResponse, WaldurError> {
        do {
            let response = try await client.execute(message, deadline: .distantFuture)
            var headers: [String: String] = [:]
            for header in response.headers { headers[header.name.lowercased()] = header.value }
            if let coding = headers["content-encoding"], coding != "identity" {
                return .failure(
                    .malformed("content coding \(coding.prefix(20)), which nobody asked for")
                )
            }
            let body = try await response.body.collect(upTo: bodyBytesMax)
            return .success(
                WaldurResponse(
                    status: Int(response.status.code),
                    headers: headers,
                    body: Array(buffer: body)
                )
            )
        } catch is NIOTooManyBytesError {
            return .failure(.tooLong(bytes: bodyBytesMax))
        } catch is CancellationError {
            return .failure(.cancelled)
        } catch {
            return .failure(classified(error))
        }
    }

    /// Only what fails before a connection stands was surely not sent.
    private static func classified(_ error: any Error) -> WaldurError {
        if error is NIOConnectionError { return .notSent("no connection (\(named(error)))") }
        // Nothing but connecting is answered with these.
        if let error = error as? IOError,
            [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH].contains(error.errnoCode)
        {
            return .notSent("no connection (\(named(error)))")
        }
        if let error = error as? HTTPClientError {
            switch error {
            case .connectTimeout, .invalidURL, .emptyHost, .getConnectionFromPoolTimeout,
                .tlsHandshakeTimeout:
                return .notSent(named(error))
            case .cancelled: return .cancelled
            default: return .connectionLost(named(error))
            }
        }
        return .connectionLost(named(error))
    }

    /// The error's kind; its text could repeat what was sent.
    private static func named(_ error: any Error) -> String {
        if let error = error as? HTTPClientError { return error.shortDescription }
        if let error = error as? NIOConnectionError {
            if error.dnsAError != nil || error.dnsAAAAError != nil {
                return "the name \(error.host) has no address"
            }
            return "\(error.host):\(error.port) refused or unreachable"
        }
        if let error = error as? IOError { return error.description }
        return String(describing: type(of: error))
    }

    private static func normalized(_ url: String) throws(WaldurError) -> String {
        var base = url[...]
        while base.hasSuffix("/") { base = base.dropLast() }
        if base.hasSuffix("/api") { base = base.dropLast(4) }
        let host = base.drop { $0 != ":" }.dropFirst(3)
        guard base.hasPrefix("http://") || base.hasPrefix("https://"), !host.isEmpty,
            !host.contains("@"),
            base.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), !base.contains("?"),
            !base.contains("#")
        else { throw .notSent("the Waldur URL must be http(s)://host[:port][/path]") }
        return String(base)
    }
}

/// Ends what does not end by itself.
enum Deadline {
    /// The result of `operation`, or `timedOut` once the time is over; the operation is then cancelled.
    static func run(
        milliseconds: Int64,
        _ operation: @escaping @Sendable () async -> Result<WaldurResponse, WaldurError>
    ) async throws(WaldurError) -> WaldurResponse {
        let result = await withTaskGroup(
            of: Result<WaldurResponse, WaldurError>?.self
        ) { group -> Result<WaldurResponse, WaldurError> in
            group.addTask { await operation() }
            group.addTask {
                do {
                    try await Task.sleep(for: .milliseconds(milliseconds))
                    return .failure(.timedOut(milliseconds: milliseconds))
                } catch {
                    return nil
                }
            }
            while let finished = await group.next() {
                guard let finished else { continue }
                group.cancelAll()
                return finished
            }
            return .failure(.cancelled)
        }
        return try result.get()
    }
}
