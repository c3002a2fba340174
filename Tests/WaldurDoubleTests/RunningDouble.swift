import Foundation
import FoundationNetworking
import Synchronization

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

    private static let session = URLSession(
        configuration: .ephemeral,
        delegate: NoRedirects(),
        delegateQueue: nil
    )

    /// Sends one request over a real socket. `target` is the path with its query.
    func send(
        _ method: String,
        _ target: String,
        token: String? = nil,
        body: String? = nil,
        headers: [String: String] = [:],
        timeout: TimeInterval = 20
    ) async throws -> HTTPAnswer {
        guard let url = URL(string: "http://127.0.0.1:\(port)\(target)") else {
            throw URLError(.badURL)
        }
        var request = URLRequest(url: url)
        request.httpMethod = method
        request.timeoutInterval = timeout
        request.httpBody = body.map { Data($0.utf8) }
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        if let token { request.setValue("Token \(token)", forHTTPHeaderField: "Authorization") }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let (data, response) = try await Self.session.data(for: request)
        guard let http = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
        var fields: [String: String] = [:]
        for (name, value) in http.allHeaderFields {
            if let name = name as? String, let value = value as? String {
                fields[name.lowercased()] = value
            }
        }
        return HTTPAnswer(
            status: http.statusCode,
            headers: fields,
            text: String(decoding: data, as: UTF8.self)
        )
    }

    func setClock(_ moment: Moment) {
        state.with { $0.clock.set(moment, ticking: false) }
    }
}

/// Leaves redirects to the caller, as they are part of what is compared.
private final class NoRedirects: NSObject, URLSessionTaskDelegate {
    func urlSession(
        _ session: URLSession,
        task: URLSessionTask,
        willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest,
        completionHandler: @escaping (URLRequest?) -> Void
    ) {
        completionHandler(nil)
    }
}
