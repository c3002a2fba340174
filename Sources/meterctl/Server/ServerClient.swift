internal import AsyncHTTPClient
internal import MeterWaldur
internal import NIOCore
internal import NIOHTTP1

/// Talks to one server: JSON in, JSON out, problem documents turned into failures.
struct ServerClient {
    enum Method: String { case get = "GET", post = "POST", put = "PUT", delete = "DELETE" }

    let address: ServerAddress
    /// How long an answer may take; reading back from a slow Waldur takes a while.
    var timeout = TimeAmount.seconds(60)
    /// One for the whole program. A connection that is refused is not tried again: nobody listens.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()
    /// Usage answers are at most 100,000 rows.
    private static let answerByteCountMax = 64 << 20

    /// Sends a request and reads its answer.
    ///
    /// - Throws: ``CommandFailure`` for any answer that is not 2xx, by what the problem document says.
    func call(
        _ method: Method,
        _ path: String,
        query: [(String, String)] = [],
        body: String? = nil
    ) async throws(CommandFailure) -> Answer {
        let bytes = try await document(method, path, query: query, body: body)
        guard let json = try? JSONParser.parse(bytes) else {
            throw CommandFailure(
                .failed,
                "\(address.text) did not answer JSON",
                next: "check that the address is a Meter server: meterctl status"
            )
        }
        return Answer(bytes: bytes, json: json)
    }

    /// The same where the answer need not be JSON.
    func document(
        _ method: Method,
        _ path: String,
        query: [(String, String)] = [],
        body: String? = nil
    ) async throws(CommandFailure) -> [UInt8] {
        let (status, bytes) = try await send(method, path, query, body)
        guard (200..<300).contains(status) else {
            throw Self.failure(status, try? JSONParser.parse(bytes), address)
        }
        return bytes
    }

    private func send(
        _ method: Method,
        _ path: String,
        _ query: [(String, String)],
        _ body: String?
    ) async throws(CommandFailure) -> (Int, [UInt8]) {
        var target = path
        for (index, item) in query.enumerated() {
            target += (index == 0 ? "?" : "&") + Self.encode(item.0) + "=" + Self.encode(item.1)
        }
        var request: HTTPClientRequest
        switch address {
        case .socket(let socket):
            request = HTTPClientRequest(url: "http+unix://" + Self.encode(socket) + target)
        case .network(let url, let key):
            request = HTTPClientRequest(url: url + target)
            if let key { request.headers.add(name: "authorization", value: "Bearer " + key) }
        }
        request.method = .RAW(value: method.rawValue)
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        do {
            let response = try await Self.http.execute(request, timeout: timeout)
            let buffer = try await response.body.collect(upTo: Self.answerByteCountMax)
            return (Int(response.status.code), Array(buffer.readableBytesView))
        } catch {
            throw Unreachable(address, error).failure
        }
    }

    /// What a problem document means for the exit code.
    static func failure(
        _ status: Int,
        _ json: JSONValue?,
        _ address: ServerAddress
    ) -> CommandFailure {
        let exit: ExitStatus =
            switch status {
            case 409, 410: .precondition
            case 429, 500...599, 408: .unavailable
            default: .failed
            }
        let title = json?["title"]?.string ?? "the server answered \(status)"
        let next: String? =
            switch (status, address) {
            case (401, _), (403, _): "use the administration socket (--data), or another --key-file"
            case (404, .network): "check the address: \(address.text)"
            default: nil
            }
        return CommandFailure(
            exit,
            // A person wrote arguments, not a query or a body.
            status == 400
                ? "the server does not take this"
                : title.prefix(1).lowercased() + title.dropFirst(),
            detail: json?["detail"]?.string,
            next: next
        )
    }

    /// Percent-encodes everything but the unreserved characters of RFC 3986.
    static func encode(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                encoded += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }
}
