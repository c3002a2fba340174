package import MeterWire

/// How long and how much is waited for and read.
package struct WaldurLimits: Sendable {
    /// One call, from sending to the answer's last byte.
    package var callMilliseconds: Int64 = 30_000
    /// All pages of one list together.
    package var listMilliseconds: Int64 = 120_000
    /// One answer.
    package var bodyBytesMax = 16 << 20
    /// Rows of one list.
    package var rowsMax = 200_000

    package init() {}
}

/// One account of one Waldur (7.3): typed calls, one request at a time.
///
/// Every answer measures Waldur's clock. No call is repeated here: what an unknown outcome means is for
/// the reporter to find out.
package final class WaldurClient: Sendable {
    private let transport: any WaldurTransport
    private let limits: WaldurLimits
    private let now: @Sendable () -> Timestamp
    private let gate = RequestGate()
    let measured: MeasuredClock

    /// `now` is our own clock, which Waldur's is compared with; the accounts of one Waldur share `measured`.
    package init(
        transport: any WaldurTransport,
        limits: WaldurLimits = WaldurLimits(),
        measured: MeasuredClock = MeasuredClock(),
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.transport = transport
        self.limits = limits
        self.measured = measured
        self.now = now
    }

    /// Waldur's clock; nil before the first answer with a date.
    package var clock: WaldurClock? { measured.clock }

    /// Sends one request in its turn and checks the status.
    func call(
        _ method: WaldurRequest.Method,
        _ path: String,
        body: String = "",
        success: Set<Int> = [200],
        timeoutMilliseconds: Int64? = nil
    ) async throws(WaldurError) -> WaldurResponse {
        guard await gate.enter() else { throw .notSent("given up while waiting for its turn") }
        defer { gate.leave() }
        let request = WaldurRequest(
            method: method,
            path: path,
            body: body,
            timeoutMilliseconds: min(timeoutMilliseconds ?? .max, limits.callMilliseconds),
            bodyBytesMax: limits.bodyBytesMax
        )
        let sent = now()
        let response = try await transport.send(request)
        let received = now()
        if let date = response.headers["date"].flatMap({ WaldurTime.parseHTTPDate($0) }) {
            measured.update(with: WaldurClock(date: date, sent: sent, received: received))
        }
        guard success.contains(response.status) else {
            throw .status(
                response.status,
                message: Self.message(of: response),
                retryAfterMilliseconds: Self.retryAfter(response, at: received)
            )
        }
        return response
    }

    /// Calls and reads the answer's JSON.
    func json(_ path: String) async throws(WaldurError) -> JSONValue {
        try Self.parsed(try await call(.get, path))
    }

    /// All rows of a list, each once.
    ///
    /// Waldur's pages have no unique order, so a row can stand on two of them and another on none: rows
    /// are told apart by uuid and their number is compared with `X-Result-Count`. Where rows are missing
    /// the list is read again in pages of another size, whose borders fall elsewhere.
    func list<Row, Identifier: Hashable>(
        _ path: String,
        _ read: (JSONValue) throws(WaldurError) -> Row,
        by identifier: (Row) -> Identifier
    ) async throws(WaldurError) -> [Row] {
        var rows: [Row] = []
        var places: [Identifier: Int] = [:]
        var count = 0
        let deadline = now().advanced(byMilliseconds: limits.listMilliseconds)
        for size in Self.pageSizes {
            var page = 1
            var isLast: Bool
            repeat {
                let left = deadline.milliseconds - now().milliseconds
                guard left > 0 else { throw .timedOut(milliseconds: limits.listMilliseconds) }
                let separator = path.contains("?") ? "&" : "?"
                let response = try await call(
                    .get,
                    "\(path)\(separator)page=\(page)&page_size=\(size)",
                    timeoutMilliseconds: left
                )
                guard let elements = try Self.parsed(response).array else {
                    throw .malformed("a list that is no array")
                }
                for element in elements {
                    let row = try read(element)
                    // The newer reading of a row counts.
                    if let place = places[identifier(row)] {
                        rows[place] = row
                    } else {
                        places[identifier(row)] = rows.count
                        rows.append(row)
                    }
                }
                guard let total = response.headers["x-result-count"].flatMap({ Int($0) }) else {
                    throw .malformed("a list without X-Result-Count")
                }
                guard total <= limits.rowsMax else { throw .tooLong(bytes: limits.bodyBytesMax) }
                count = total
                isLast = elements.isEmpty || page * size >= total
                page += 1
            } while !isLast
            if rows.count == count { return rows }
        }
        throw .incomplete(expected: count, found: rows.count)
    }

    /// The most that Waldur puts on a page is 300; larger wishes are cut in silence.
    private static let pageSizes = [300, 283, 251]

    private static func parsed(_ response: WaldurResponse) throws(WaldurError) -> JSONValue {
        guard response.headers["content-type"]?.hasPrefix("application/json") == true else {
            throw .malformed("content type is not JSON")
        }
        do {
            return try JSONParser.parse(response.body)
        } catch {
            throw .malformed("\(error)")
        }
    }

    /// What a refusal says, shortened, without control characters; an HTML page says only that it is one.
    private static func message(of response: WaldurResponse) -> String {
        guard response.headers["content-type"]?.hasPrefix("application/json") == true else {
            return response.body.isEmpty ? "no text" : "a page, not JSON"
        }
        let text = String(decoding: response.body.prefix(300), as: UTF8.self)
        let cleaned = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }
        var message = ""
        message.unicodeScalars.append(contentsOf: cleaned)
        return message
    }

    /// Seconds or an HTTP date, at most a day.
    private static func retryAfter(_ response: WaldurResponse, at now: Timestamp) -> Int64? {
        guard let text = response.headers["retry-after"] else { return nil }
        let day: Int64 = 86_400_000
        if let seconds = Int64(text), seconds >= 0 { return min(seconds, day / 1000) * 1000 }
        return WaldurTime.parseHTTPDate(text).map {
            min(max(0, $0.milliseconds - now.milliseconds), day)
        }
    }
}
