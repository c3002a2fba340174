internal import AsyncHTTPClient
internal import MeterWaldur
internal import NIOCore
internal import NIOHTTP1

/// Talks to one server: JSON in, JSON out, problem documents turned into failures.
struct ServerClient {
    enum Method: String { case get = "GET", post = "POST", put = "PUT", delete = "DELETE" }

    let address: ServerAddress
    /// Usage answers are at most 100,000 rows.
    private static let answerByteCountMax = 64 << 20

    /// An answer: the bytes as they came, and what they say.
    struct Answer {
        let bytes: [UInt8]
        let json: JSONValue
    }

    /// Sends a request and reads its answer.
    ///
    /// - Throws: ``CommandFailure`` for any answer that is not 2xx, by what the problem document says.
    func call(
        _ method: Method,
        _ path: String,
        query: [(String, String)] = [],
        body: String? = nil,
        contentType: String = "application/json"
    ) async throws(CommandFailure) -> Answer {
        let (status, bytes) = try await send(method, path, query, body, contentType)
        let json = try? JSONParser.parse(bytes)
        guard (200..<300).contains(status) else { throw Self.failure(status, json, address) }
        guard let json else {
            throw CommandFailure(
                .failed,
                "\(address.text) did not answer JSON",
                next: "check that the address is a Meter server: meterctl status"
            )
        }
        return Answer(bytes: bytes, json: json)
    }

    private func send(
        _ method: Method,
        _ path: String,
        _ query: [(String, String)],
        _ body: String?,
        _ contentType: String
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
            request.headers.add(name: "content-type", value: contentType)
            request.body = .bytes(ByteBuffer(string: body))
        }
        do {
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
            let buffer = try await response.body.collect(upTo: Self.answerByteCountMax)
            return (Int(response.status.code), Array(buffer.readableBytesView))
        } catch {
            throw CommandFailure(
                .unavailable,
                "no server answers at \(address.text) (\(Self.cause(error)))",
                next: "start it: MeterServer --data DIRECTORY; or name it: --data, --socket, --url"
            )
        }
    }

    private static func cause(_ error: any Error) -> String {
        if let error = error as? HTTPClientError { return error.shortDescription }
        let text = "\(error)"
        return text.count > 120 ? "\(type(of: error))" : text
    }

    /// What a problem document means for the exit code.
    static func failure(
        _ status: Int,
        _ json: JSONValue?,
        _ address: ServerAddress
    ) -> CommandFailure {
        let title = json?["title"]?.string ?? "the server answered \(status)"
        let detail = json?["detail"]?.string
        let exit: ExitStatus =
            switch status {
            case 409: .precondition
            case 429, 500...599, 408: .unavailable
            default: .failed
            }
        return CommandFailure(exit, title.prefix(1).lowercased() + title.dropFirst(), next: detail)
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
