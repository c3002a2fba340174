internal import ArgumentParser
internal import MeterWaldur

struct StatusVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Health, position, sources and reporting at a glance.",
        discussion: """
            Exits 4 where the server is not ready.

              meterctl status
              meterctl status -o json
            """
    )

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws(CommandFailure) {
        let answer = try await server.call(.get, "/admin/v1/status")
        output.show(Self.table(answer.json), document: answer.text)
        for reason in answer.json.list("reasons") {
            Terminal.talk("\(reason.cell("reason")): \(reason.cell("detail"))")
        }
        guard answer.json.isTrue("ready") else {
            throw CommandFailure(
                .precondition,
                "the server is not ready",
                next: "see what to do: meterctl doctor"
            )
        }
    }

    static func table(_ status: JSONValue) -> Table {
        var table = Table("status", [.text("what"), .value("value")])
        func add(_ what: String, _ value: String) { table.add(what, value) }
        add("version", status.cell("version"))
        add("time", status.cell("time"))
        add("ready", status.cell("ready"))
        add("journal bytes on disk", status.cell("journal.durable"))
        add("journal bytes received", status.cell("journal.appended"))
        if let bytes = UInt64(status.cell("kept.bytes")) {
            var kept = "\(Readable.bytes(bytes)) of at most "
            kept += UInt64(status.cell("kept.limitBytes")).map { Readable.bytes($0) } ?? "any size"
            let since = status.cell("kept.since")
            kept += since.isEmpty ? ", all that ever came" : ", from \(since) on"
            if let growth = UInt64(status.cell("kept.growthBytesPerDay")) {
                kept += ", \(Readable.bytes(growth)) more a day"
            }
            let days = status.cell("kept.daysUntilLimit")
            if !days.isEmpty { kept += ", the limit in \(days) days" }
            add("journal kept", kept)
        }
        for (title, name) in [
            ("received", "received"), ("accepted", "accepted"), ("refused", "refused"),
            ("in conflict", "inConflict"), ("duplicate", "duplicate"), ("deferred", "deferred"),
        ] {
            add("events \(title)", status.cell("events.\(name)"))
        }
        add("events conserved", status.cell("events.conserved"))
        add(
            "sources",
            "\(status.cell("sources.total")), of which "
                + "\(status.cell("sources.unclean")) without a last claim, "
                + "\(status.cell("sources.incomplete")) with holes, "
                + "\(status.cell("sources.quarantined")) quarantined"
        )
        add(
            "details",
            "\(status.cell("details.folded")) calls folded of "
                + "\(status.cell("details.foldedTenants")) tenants, "
                + "\(status.cell("details.missing")) spans missing"
        )
        add("complete through", status.cell("completeThrough"))
        add("reconciled through", status.cell("reconciledThrough"))
        add("decisions", status.cell("book.entries"))
        for reporting in status.list("reporting") {
            add(
                "reporting to \(reporting.cell("waldur"))",
                "\(reporting.cell("state")): \(reporting.cell("detail"))"
            )
        }
        return table
    }
}
