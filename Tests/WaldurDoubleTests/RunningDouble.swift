import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

@testable import WaldurDouble

/// What came back over the socket.
struct HTTPAnswer: Sendable {
    var status: Int
    var headers: [String: String]
    var text: String

    /// The body; nil when it is not JSON.
    var json: JSON? { try? JSONParser.parse(Array(text.utf8)) }

    func header(_ name: String) -> String? { headers[name.lowercased()] }
}

/// A double that serves on a free port while `body` runs.
struct RunningDouble: Sendable {
    let state: DoubleState
    let port: Int

    static func with<Value: Sendable>(
        clock: DoubleClock,
        fixture: Fixture? = nil,
        _ body: @Sendable (RunningDouble) async throws -> Value
    ) async throws -> Value {
        let state = DoubleState(clock: clock)
        if let fixture { try state.load(fixture) }
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await WaldurDoubleServer(state: state).run(port: 0) { port in
                    continuation.yield(port)
                }
            }
            var iterator = ports.makeAsyncIterator()
            guard let port = await iterator.next() else { throw CancellationError() }
            let value = try await body(RunningDouble(state: state, port: port))
            group.cancelAll()
            return value
        }
    }

    /// Leaves redirects to the caller, as they are part of what is compared.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .minutes(10)),
            decompression: .disabled
        )
        configuration.httpVersion = .http1Only
        return HTTPClient(
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            configuration: configuration
        )
    }()

    /// Sends one request over a real socket. `target` is the path with its query. The time it may take is
    /// for a server that never answers; no test waits for it.
    func send(
        _ method: String,
        _ target: String,
        token: String? = nil,
        body: String? = nil,
        headers: [String: String] = [:]
    ) async throws -> HTTPAnswer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(target)")
        request.method = HTTPMethod(rawValue: method)
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        request.headers.add(name: "Content-Type", value: "application/json")
        if let token { request.headers.add(name: "Authorization", value: "Token \(token)") }
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        let response = try await Self.client.execute(request, timeout: .minutes(10))
        var fields: [String: String] = [:]
        for header in response.headers { fields[header.name.lowercased()] = header.value }
        let bytes = try await response.body.collect(upTo: 64 << 20)
        return HTTPAnswer(
            status: Int(response.status.code),
            headers: fields,
            text: String(buffer: bytes)
        )
    }

    /// Waits until the double has come so far, however long that takes.
    func wait(until isFarEnough: (DoubleState.Content) -> Bool) async throws {
        while !state.with({ isFarEnough($0) }) { try await Task.sleep(for: .milliseconds(5)) }
    }

    func setClock(_ moment: Moment) {
        state.with { $0.clock.set(moment, ticking: false) }
    }
}
