internal import ArgumentParser
internal import MeterWaldur

/// A statement as a person reads it. What is signed are the bytes that `statement render` gives.
struct StatementShow: Verb {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract:
            "One tenant's statement to be read: figures, carries, adjustments, what is accepted.",
        discussion: """
            Metered amounts are in the smallest unit, what was told in the one that Waldur measures. \
            Amounts in money are at the quoted price: Waldur's invoice decides.

              meterctl statement show acme --period 2026-11
              meterctl statement show acme --period 2026-11 --revision 1
            """
    )

    @Argument(help: "The tenant.", completion: KnownNames.completion(.tenants))
    var tenant: String
    @Option(help: "The month, such as 2026-11.")
    var period: String
    @Option(help: "Which revision; the newest otherwise.")
    var revision: UInt32?
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws(CommandFailure) {
        let answer = try await server.call(
            .get,
            "/admin/v1/statements/\(ServerClient.encode(period))/\(ServerClient.encode(tenant))",
            query: revision.map { [("revision", "\($0)")] } ?? []
        )
        let statement = answer.json["statement"] ?? .null
        let lines = Table("lines", Self.lines, of: statement.list("lines"))
        // Programs get the document, spreadsheets the lines.
        guard output.output == .table else { return output.show(lines, document: answer.text) }
        output.show(Self.head(statement, signature: answer.json["signature"] ?? .null))
        for (title, table) in [
            ("lines", lines),
            ("carries", Table("carries", Self.carries, of: statement.list("carries"))),
            (
                "adjustments",
                Table("adjustments", Self.adjustments, of: statement.list("adjustments"))
            ),
            (
                "usage without a resource",
                Table("unassigned", Self.unassigned, of: statement.list("unassigned"))
            ),
            ("accepted gaps", Table("acceptedGaps", Self.gaps, of: statement.list("acceptedGaps"))),
            ("incidents", Table("incidents", Self.incidents, of: statement.list("incidents"))),
        ] where !table.isEmpty {
            Terminal.line("\n\(title)")
            output.show(table)
        }
    }

    private static func head(_ statement: JSONValue, signature: JSONValue) -> Table {
        var table = Table("statement", [.text("what"), .value("value")])
        table.add("tenant", statement.cell("tenant"))
        table.add("period", "\(statement.cell("from")) to \(statement.cell("to"))")
        table.add("revision", statement.cell("revision"))
        if !statement.cell("previous").isEmpty {
            table.add("previous", statement.cell("previous"))
        }
        table.add("SHA-256", signature.cell("sha256"))
        table.add("signed with", signature.cell("publicKey"))
        table.add(
            "exact at",
            "journal position \(statement.cell("exactAt.position")), "
                + "decision \(statement.cell("exactAt.bookEntry"))"
        )
        table.add("amount", statement.cell("amount"))
        table.add("rows", statement.cell("rows.count"))
        table.add("rows SHA-256", statement.cell("rows.sha256"))
        return table
    }

    private static let resource = Column.text("resource").forProgramsOnly

    private static let lines: [Column] = [
        .text("agents"), resource, .text("component"), .number("metered"),
        .text("class").forProgramsOnly, .number("adjusted").forProgramsOnly,
        .number("carried in", "carriedIn").forProgramsOnly,
        .number("carried out", "carriedOut").forProgramsOnly,
        .number("residue").forProgramsOnly,
        .number("told", "confirmed"), .text("of", "reportedUnit"), .number("price"),
        .number("amount"),
    ]
    private static let carries: [Column] = [
        .text("number"), .text("direction").forWideScreens, .state("state"), .text("cause"),
        .text("agents"), resource, .text("component"), .number("amount"), .number("price"),
    ]
    private static let adjustments: [Column] = [
        .text("number"), .text("kind"),
        .text("agents") { line in
            line.cell(line.cell("agents").isEmpty ? "agent" : "agents")
        }, resource, .text("component"), .number("amount"), .text("author"), .prose("reason"),
    ]
    private static let unassigned: [Column] = [
        .text("agent"), .text("component"), .number("metered"), .state("reason"), .text("since"),
    ]
    private static let gaps: [Column] = [
        .text("source").forWideScreens, .text("host"), .state("cause"), .number("events"),
        .prose("reason"),
    ]
    private static let incidents: [Column] = [
        .state("kind"), resource, .text("component"), .number("quantity"),
        .text("frozen at", "frozenPrice"), .text("should be", "duePrice"), .number("difference"),
    ]
}
