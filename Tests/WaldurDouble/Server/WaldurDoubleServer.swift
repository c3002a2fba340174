import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// The double on a port of the loopback interface.
struct WaldurDoubleServer: Sendable {
    let state: DoubleState
    private let api: API
    private let admin: AdminRoutes

    /// Bodies beyond this are cut off with 413.
    private static let largestBody = 4 << 20

    init(state: DoubleState) {
        self.state = state
        api = API(state: state)
        admin = AdminRoutes(state: state)
    }

    /// Serves until the task is cancelled; `onListening` gets the port once.
    ///
    /// The server is built without Hummingbird's `Application`, which would overwrite the `Date`
    /// header with the system's time.
    func run(port: Int, onListening: @escaping @Sendable (Int) async -> Void) async throws {
        let responder = router().buildResponder()
        var logger = Logger(label: "waldur-double")
        // A cancelled server says so as an error; nothing else is logged below that.
        logger.logLevel = .critical
        let contextLogger = logger
        let server = try HTTPServerBuilder.http1().buildServer(
            configuration: ServerConfiguration(address: .hostname("127.0.0.1", port: port)),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: logger
        ) { request, writer, channel in
            let context = BasicRequestContext(
                source: ApplicationRequestContextSource(channel: channel, logger: contextLogger)
            )
            var response: Response
            do {
                response = try await responder.respond(to: request, context: context)
            } catch {
                response = Response(status: .notFound)
            }
            if let due = response.headers[Self.lost].flatMap({ Int64($0) }) {
                await hold(channel, until: Moment(micros: due))
                return
            }
            // What the router itself answered, on an unknown path or an over-long body.
            if response.headers[.date] == nil {
                let code = response.status.code
                let page = code == 404 ? Page.notFound : Page.text("Error (\(code))", "")
                response = self.response(Answer(status: code, body: .html(page)), to: "GET")
            }
            let body = response.body
            try await writer.write(response: response.head, body: body)
        } onServerRunning: { channel in
            await onListening(channel.localAddress?.port ?? port)
        }
        try await server.run()
    }

    /// Marks a response that is not sent: when, by the double's clock, the connection is closed.
    private static let lost = HTTPField.Name("X-Double-Lost") ?? .date

    /// Holds a connection until its client leaves or the time is over.
    private func hold(_ channel: any Channel, until due: Moment) async {
        while channel.isActive, state.now < due, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(20))
        }
        try? await channel.close()
    }

    private func router() -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self)
        let methods: [HTTPRequest.Method] = [
            .get, .head, .post, .put, .patch, .delete, .options,
        ]
        for endpoint in Endpoint.all {
            for method in methods {
                router.on(RouterPath(endpoint.path), method: method) { request, context in
                    let call = try await self.read(request)
                    let key = context.parameters.get("uuid") ?? ""
                    let answer = await self.api.answer(call, at: endpoint, key: key)
                    return self.response(answer, to: call.method)
                }
            }
        }
        for path in AdminRoutes.paths {
            for method in [HTTPRequest.Method.get, .post] {
                router.on("/double/\(path)", method: method) { request, _ in
                    let call = try await self.read(request)
                    let answer = self.admin.answer(call.method, path, Data(call.body))
                    return self.response(answer, to: call.method)
                }
            }
        }
        return router
    }

    private func read(_ request: Request) async throws -> APIRequest {
        let buffer = try await request.body.collect(upTo: Self.largestBody)
        return APIRequest(
            method: request.method.rawValue,
            path: request.uri.path,
            query: APIRequest.query(request.uri.query ?? ""),
            authorization: request.headers[.authorization],
            host: request.head.authority ?? "127.0.0.1",
            body: Array(buffer.readableBytesView)
        )
    }

    private func response(_ answer: Answer, to method: String) -> Response {
        var headers = HTTPFields()
        func set(_ name: String, _ value: String) {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        if case .lost(let due) = answer.delivery {
            headers[Self.lost] = String(due.micros)
            return Response(status: .ok, headers: headers)
        }
        set("Server", "waldur-double")
        set("Date", state.now.httpDate)
        for (name, value) in answer.headers { set(name, value) }
        set("Vary", "Accept, Accept-Language, Cookie")
        set("X-Frame-Options", "DENY")
        set("Content-Language", "en")
        let text: String
        switch answer.body {
        case .empty: text = ""
        case .json(let json):
            text = json.text
            set("Content-Type", "application/json")
        case .html(let html):
            text = html
            set("Content-Type", "text/html; charset=utf-8")
        }
        set("Content-Length", String(text.utf8.count))
        let body = method == "HEAD" ? ByteBuffer() : ByteBuffer(string: text)
        return Response(
            status: HTTPResponse.Status(code: answer.status),
            headers: headers,
            body: method == "HEAD" ? ResponseBody() : ResponseBody(byteBuffer: body)
        )
    }
}
