internal import Meter
internal import MeterWaldur
internal import MeterWire

/// `/admin/v1/book`: the newest decisions, as the audit log has them, and how far it goes.
struct BookRoutes {
    let context: ServerContext
    let signingKey: SigningKeyFile

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/book", scopes: .admin) { call throws(Problem) in
                try tail(call)
            },
            APIRoute(.get, "/admin/v1/book/head", scopes: .admin) { call throws(Problem) in
                try head(call)
            },
        ]
    }

    /// The last decision's number and hash, signed: kept elsewhere, it shows that none was cut off.
    private func head(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow([])
        // The key's own decision, where it is the first, is in the head.
        let key = try signingKey.signer(context.book, for: call.caller)
        let head = context.book.state.head
        guard let signed = SignedBookHead(head, at: context.clock.now(), key: key) else {
            throw .unavailable("The head could not be signed.")
        }
        return APIAnswer(body: signed.bytes)
    }

    /// Reads the book's files anew: a rare question, and one that the files themselves should answer.
    private func tail(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow(["last"])
        guard let last = Int(try call.query.one("last") ?? "20"), (1...1_000).contains(last) else {
            throw .badQuery("`last` is a number from 1 to 1000.")
        }
        var newest: [BookEntry] = []
        do throws(DiskError) {
            let disk = try POSIXDisk(path: context.configuration.dataDirectory)
            _ = try Book.read(disk) { entry in
                newest.append(entry)
                if newest.count >= 2 * last { newest.removeFirst(newest.count - last) }
            }
        } catch {
            throw .unavailable("The book could not be read: \(error).")
        }
        // The entry's own JSON is what its hash covers.
        let entries = newest.suffix(last).map { entry -> JSONOutput in
            [
                "number": .decimal(entry.number), "time": .string(RFC3339.text(entry.time)),
                "hash": .string("\(entry.hash)"), "entry": .written(Array(entry.json.utf8)),
            ]
        }
        return .json(["entries": .array(entries)])
    }
}
