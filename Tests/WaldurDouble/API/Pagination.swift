import Foundation

/// Pages as `LinkHeaderPagination` makes them: ten rows, at most 300, a bare array, the rest in
/// headers. Parameters in links come sorted by name, as Django's helper writes them.
struct Pagination {
    static func answer<Row>(
        _ rows: [Row],
        _ call: Call,
        _ serialize: (Row) -> JSON
    ) throws(Refusal) -> Answer {
        let size =
            call.parameter("page_size").flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
            .map { min($0, 300) } ?? 10
        let pages = max(1, (rows.count + size - 1) / size)
        let wanted = call.parameter("page") ?? "1"
        guard let page = wanted == "last" ? pages : Int(wanted), page >= 1, page <= pages else {
            throw .missing("Invalid page.")
        }
        let slice = rows.dropFirst((page - 1) * size).prefix(size)
        var links = ["<\(link(call, page: 1))>; rel=\"first\""]
        if page > 1 { links.append("<\(link(call, page: page - 1))>; rel=\"prev\"") }
        if page < pages { links.append("<\(link(call, page: page + 1))>; rel=\"next\"") }
        links.append("<\(link(call, page: pages))>; rel=\"last\"")
        return Answer(
            status: 200,
            headers: [
                ("X-Result-Count", String(rows.count)), ("Link", links.joined(separator: ", ")),
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
