import Foundation
import HTTPTypes
import Hummingbird
import Logging
import Meter
import MeterTesting
import MeterWaldur
import MeterWire
import NIOCore
import NIOEmbedded

@testable import MeterServer

/// Engine, book and routes of a server in this process, without its listeners.
final class TestServer: Sendable {
    let directory = try? TemporaryDirectory()
    let context: ServerContext
    let api: API
    private let committer: Committer
    private let watchdog: Watchdog

    /// - Parameters:
    ///   - disk: Puts something between engine and files, such as faults.
    ///   - change: Makes the engine's limits others than the operator could set.
    ///   - reporting: What the administration asks of Waldurs.
    init(
        _ arguments: [String] = [],
        disk wrapped: (POSIXDisk) -> any Disk = { $0 },
        options change: (inout EngineOptions) -> Void = { _ in },
        reporting: (ServerContext) -> (any ReportingControl)? = { _ in nil }
    ) async throws {
        let path = (directory?.path ?? "") + "/data"
        let keyFile = (directory?.path ?? "") + "/master.key"
        try Data((String(repeating: "5a", count: 32) + "\n").utf8)
            .write(to: URL(filePath: keyFile))
        let configuration = try ServerConfiguration(
            try await ConfigurationValues(
                arguments: ["--data", path, "--master-key-file", keyFile] + arguments,
                environment: [:]
            )
        )
        let disk = try POSIXDisk(path: path)
        let (book, state, _) = try Book.open(disk)
        let clock = ServerClock(offsetSeconds: 0)
        let policy = BookStore.policy(
            of: state,
            at: clock.now(),
            masterKey: configuration.masterKey,
            isInsecure: false
        )
        var random = SystemRandomNumberGenerator()
        var options = EngineOptions(configuration)
        change(&options)
        let (engine, _) = try Engine.open(
            disk: wrapped(disk),
            policy: policy,
            options: options,
            random: &random
        )
        let metrics = ServerMetrics()
        let readiness = Readiness()
        let store = BookStore(
            book: book,
            engine: engine,
            masterKey: configuration.masterKey,
            isInsecure: false,
            clock: clock,
            metrics: metrics,
            readiness: readiness
        )
        context = ServerContext(
            configuration: configuration,
            clock: clock,
            engine: engine,
            book: store,
            waiters: DurableWaiters(durable: engine.durable),
            metrics: metrics,
            readiness: readiness,
            logger: Logger(label: "test")
        )
        api = try API(context, reporting: reporting(context))
        committer = Committer(context: context) {}
        try committer.start()
        watchdog = Watchdog(context: context, manager: nil)
        try watchdog.start()
    }

    deinit {
        watchdog.stop()
        committer.stop()
    }

    struct Reply {
        var status: Int
        var text: String
        var json: JSONValue
        var headers: [String: String] = [:]
        var bytes: [UInt8] = []
    }

    /// One request; over the socket where no key is shown.
    func call(
        _ method: String,
        _ target: String,
        _ body: String = "",
        key: String? = nil,
        type: String = "application/json"
    ) async throws -> Reply {
        try await call(method, target, bytes: Array(body.utf8), key: key, type: type)
    }

    /// - Parameter door: Where it comes in, if that does not follow from the key.
    func call(
        _ method: String,
        _ target: String,
        bytes body: [UInt8],
        key: String? = nil,
        type: String,
        encoding: String? = nil,
        door: APIDoor? = nil
    ) async throws -> Reply {
        var headers: HTTPFields = [.contentType: type]
        headers[.contentEncoding] = encoding
        if let key { headers[.authorization] = "Bearer \(key)" }
        let request = Request(
            head: HTTPRequest(
                method: HTTPRequest.Method(method) ?? .get,
                scheme: nil,
                authority: nil,
                path: target,
                headerFields: headers
            ),
            body: RequestBody(buffer: ByteBuffer(bytes: body))
        )
        let responder = api.responder(
            for: door ?? (key == nil ? .administrationSocket : .network)
        )
        let response = try await responder.respond(
            to: request,
            context: BasicRequestContext(
                source: ApplicationRequestContextSource(
                    channel: EmbeddedChannel(),
                    logger: context.logger
                )
            )
        )
        let collector = BodyCollector()
        try await response.body.write(collector)
        let text = collector.text
        return Reply(
            status: response.status.code,
            text: text,
            json: (try? JSONParser.parse(Array(text.utf8))) ?? .null,
            headers: Dictionary(
                response.headers.map { ($0.name.canonicalName, $0.value) },
                uniquingKeysWith: { first, _ in first }
            ),
            bytes: collector.bytes
        )
    }

    /// Makes a key and returns its text.
    func makeKey(_ body: String) async throws -> String {
        let reply = try await call("POST", "/admin/v1/keys", body)
        return reply.json["key"]?.string ?? "refused: \(reply.text)"
    }

    /// The data directory.
    var data: String { context.configuration.dataDirectory }

    /// The time of the moment as events have it.
    var now: String { RFC3339.text(context.clock.now()) }
}

/// Takes a response's body.
final class BodyCollector: ResponseBodyWriter {
    // Written by one task only.
    nonisolated(unsafe) private var buffer = ByteBuffer()

    func write(_ more: ByteBuffer) async throws {
        var more = more
        unsafe buffer.writeBuffer(&more)
    }

    func finish(_ trailers: HTTPFields?) async throws {}

    var text: String { unsafe String(buffer: buffer) }

    var bytes: [UInt8] { unsafe Array(buffer.readableBytesView) }
}
