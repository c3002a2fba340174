internal import ArgumentParser
internal import MeterWaldur

struct StatusVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Health, position, sources and reporting at a glance.",
        discussion: "Exits 4 where the server is not ready."
    )

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws(CommandFailure) {
        let answer = try await ServerClient(address: try server.address())
            .call(.get, "/admin/v1/status")
        answer.show(output.output, nothing: "") { Self.table($0) }
        let isReady = answer.json["ready"]?.isTrue ?? false
        for reason in answer.json.list("reasons") {
            Terminal.talk("\(reason.cell("reason")): \(reason.cell("detail"))")
        }
        guard isReady else {
            throw CommandFailure(.precondition, "the server is not ready")
        }
    }

    static func table(_ status: JSONValue) -> Table {
        var table = Table("what", "value")
        table.add("version", status.cell("version"))
        table.add("time", status.cell("time"))
        table.add("ready", status.cell("ready"))
        if let journal = status["journal"] {
            table.add("durable", Table.grouped(journal.cell("durable")) + " bytes of journal")
            table.add("appended", Table.grouped(journal.cell("appended")))
        }
        if let events = status["events"] {
            for name in ["received", "accepted", "refused", "inConflict", "duplicate", "deferred"] {
                table.add("events \(name)", events.number(name))
            }
            table.add("events conserved", events.cell("conserved"))
        }
        if let sources = status["sources"] {
            table.add(
                "sources",
                "\(sources.cell("total")), \(sources.cell("unclean")) without a last claim, "
                    + "\(sources.cell("incomplete")) with holes, "
                    + "\(sources.cell("quarantined")) quarantined"
            )
        }
        table.add("complete through", status.cell("completeThrough"))
        table.add("reconciled through", status.cell("reconciledThrough"))
        if let book = status["book"] { table.add("decisions", book.number("entries")) }
        for reporting in status.list("reporting") {
            table.add(
                "reporting to \(reporting.cell("waldur"))",
                "\(reporting.cell("state")): \(reporting.cell("detail"))"
            )
        }
        return table
    }
}
