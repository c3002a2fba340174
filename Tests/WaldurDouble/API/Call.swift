import Foundation

/// One request as the API sees it, without any HTTP library in it.
struct APIRequest: Sendable {
    var method: String
    /// The path as sent, undecoded.
    var path: String
    /// Decoded query parameters in the order they came.
    var query: [(name: String, value: String)]
    var authorization: String?
    /// The host that answers link to.
    var host: String
    var body: [UInt8]

    /// Reads the query string, with `+` for a space.
    static func query(_ text: String) -> [(name: String, value: String)] {
        text.split(separator: "&").map { part in
            let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let decode = { (half: Substring) -> String in
                let spaced = half.replacing("+", with: " ")
                return spaced.removingPercentEncoding ?? String(spaced)
            }
            return (decode(halves[0]), halves.count > 1 ? decode(halves[1]) : "")
        }
    }
}

/// A request whose endpoint, user and time are known.
struct Call: Sendable {
    var request: APIRequest
    /// nil on endpoints that are open to all.
    var user: User?
    var now: Moment
    /// What stands for `{uuid}` in the path.
    var key: String

    /// The last value of a query parameter, as Django takes it.
    func parameter(_ name: String) -> String? {
        request.query.last { $0.name == name }?.value
    }

    func parameters(_ name: String) -> [String] {
        request.query.filter { $0.name == name }.map(\.value)
    }

    /// The body as JSON; an empty one is an empty object.
    func json() throws(Refusal) -> JSON {
        if request.body.isEmpty { return [:] }
        do {
            return try JSONParser.parse(request.body)
        } catch {
            throw .invalid(["detail": .string("JSON parse error - \(error)")])
        }
    }

    /// Who calls; every endpoint with a user goes through this.
    func caller() throws(Refusal) -> User {
        guard let user else {
            throw .unauthenticated("Authentication credentials were not provided.")
        }
        return user
    }
}

/// An answer before it is put on the wire.
struct Answer: Sendable {
    enum Body: Sendable {
        case empty
        case json(JSON)
        case html(String)
    }

    /// What becomes of it on the connection.
    enum Delivery: Equatable, Sendable {
        case sent
        /// Nothing is sent, and the connection is closed at that time.
        case lost(until: Moment)
    }

    var status: Int
    var headers: [(name: String, value: String)] = []
    var body: Body = .empty
    var delivery = Delivery.sent

    static func ok(_ json: JSON) -> Answer { Answer(status: 200, body: .json(json)) }

    static func created(_ json: JSON) -> Answer { Answer(status: 201, body: .json(json)) }

    init(
        status: Int,
        headers: [(name: String, value: String)] = [],
        body: Body = .empty,
        delivery: Delivery = .sent
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.delivery = delivery
    }

    init(_ refusal: Refusal) {
        switch refusal {
        case .invalid(let json): self.init(status: 400, body: .json(json))
        case .unauthenticated(let detail):
            self.init(
                status: 401,
                headers: [("WWW-Authenticate", "Token")],
                body: .json(["detail": .string(detail)])
            )
        case .forbidden:
            self.init(
                status: 403,
                body: .json(["detail": "You do not have permission to perform this action."])
            )
        case .notFound(let kind):
            self.init(
                status: 404,
                body: .json(["detail": .string("No \(kind) matches the given query.")])
            )
        case .missing(let detail):
            self.init(status: 404, body: .json(["detail": .string(detail)]))
        case .methodNotAllowed(let method):
            self.init(
                status: 405,
                body: .json(["detail": .string("Method \"\(method)\" not allowed.")])
            )
        case .conflict(let detail):
            self.init(status: 409, body: .json(["detail": .string(detail)]))
        case .conflictMessage(let text):
            self.init(status: 409, body: .json(["error_message": .string(text)]))
        case .server:
            self.init(status: 500, body: .html(Page.text("Server Error (500)", "")))
        }
    }
}

/// Django's bare error pages.
enum Page {
    static func text(_ title: String, _ message: String) -> String {
        """

        <!doctype html>
        <html lang="en">
        <head>
          <title>\(title)</title>
        </head>
        <body>
          <h1>\(title)</h1><p>\(message)</p>
        </body>
        </html>

        """
    }

    static let notFound = text(
        "Not Found",
        "The requested resource was not found on this server."
    )
}
