import Foundation

/// Pages as `LinkHeaderPagination` makes them: ten rows, at most 300, a bare array, the rest in
/// headers. Parameters in links come sorted by name, as Django's helper writes them.
struct Pagination {
    static func answer<Row>(
        _ rows: [Row],
        _ call: Call,
        _ serialize: (Row) -> JSON
    ) throws(Refusal) -> Answer {
        try answer(count: rows.count, { _ in rows }, call, serialize)
    }

    /// Pages of a list whose order is not told by its keys alone, so that each page is cut from an order
    /// of its own: a row can stand on two pages, and another on none. On one page nothing is lost.
    ///
    /// - Parameter groups: The rows in order; those of one group come in any order.
    static func answer<Row>(
        unordered groups: [[Row]],
        _ call: Call,
        _ serialize: (Row) -> JSON
    ) throws(Refusal) -> Answer {
        let count = groups.map(\.count).reduce(0, +)
        return try answer(
            count: count,
            { last in
                groups.flatMap { group -> [Row] in
                    guard last < count || group.count < 2 else { return group }
                    // Another order for each page, and the same one each time.
                    return group.enumerated()
                        .map { (key: mixed($0.offset &* 31 &+ last), row: $0.element) }
                        .sorted { $0.key < $1.key }.map(\.row)
                }
            },
            call,
            serialize
        )
    }

    /// SplitMix64's output function.
    private static func mixed(_ value: Int) -> UInt64 {
        var z = UInt64(bitPattern: Int64(value)) &* 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// `rows` gives the rows in the order from which a page that ends at a place is cut.
    private static func answer<Row>(
        count: Int,
        _ rows: (Int) -> [Row],
        _ call: Call,
        _ serialize: (Row) -> JSON
    ) throws(Refusal) -> Answer {
        let size =
            call.parameter("page_size").flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
            .map { min($0, 300) } ?? 10
        let pages = max(1, (count + size - 1) / size)
        let wanted = call.parameter("page") ?? "1"
        guard let page = wanted == "last" ? pages : Int(wanted), page >= 1, page <= pages else {
            throw .missing("Invalid page.")
        }
        let slice = rows(page * size).dropFirst((page - 1) * size).prefix(size)
        var links = ["<\(link(call, page: 1))>; rel=\"first\""]
        if page > 1 { links.append("<\(link(call, page: page - 1))>; rel=\"prev\"") }
        if page < pages { links.append("<\(link(call, page: page + 1))>; rel=\"next\"") }
        links.append("<\(link(call, page: pages))>; rel=\"last\"")
        return Answer(
            status: 200,
            headers: [
                ("X-Result-Count", String(count)), ("Link", links.joined(separator: ", ")),
            ],
            body: .json(.array(slice.map(serialize)))
        )
    }

    private static func link(_ call: Call, page: Int) -> String {
        var parameters = call.request.query.filter { $0.name != "page" }
        if page > 1 { parameters.append((name: "page", value: String(page))) }
        // Stable in Swift: the values of one name keep their order.
        parameters.sort { $0.name < $1.name }
        let query = parameters.map { encode($0.name) + "=" + encode($0.value) }
            .joined(separator: "&")
        return "http://\(call.request.host)\(call.request.path)"
            + (query.isEmpty ? "" : "?" + query)
    }

    private static func encode(_ text: String) -> String {
        let safe = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~ "
        )
        return (text.addingPercentEncoding(withAllowedCharacters: safe) ?? text)
            .replacing(" ", with: "+")
    }
}

extension Call {
    /// The members that `field=` names, in the answer's own order; all when it names none.
    func select(_ json: JSON) -> JSON {
        let wanted = Set(parameters("field"))
        guard !wanted.isEmpty, case .object(let members) = json else { return json }
        return .object(members.filter { wanted.contains($0.key) })
    }
}
