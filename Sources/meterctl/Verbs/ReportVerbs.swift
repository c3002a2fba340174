internal import ArgumentParser
internal import MeterWaldur

struct ReportVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "What Waldur is told.",
        subcommands: [
            Preview.self, Submit.self, Status.self, ForeignVerbs.self, Resume.self,
        ]
    )

    struct Preview: Verb {
        static let configuration = CommandConfiguration(
            abstract: "What would be told now; nothing is sent."
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(.get, "/admin/v1/report/preview")
            answer.show(output.output, nothing: "no binding is live: nothing would be told") {
                ReportVerbs.table($0)
            }
            ReportVerbs.remarks(answer.json)
        }
    }

    struct Submit: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Tells Waldur now, and reads it back.",
            discussion: """
                Totals are absolute: telling the same again changes nothing, and figures that Waldur has \
                already are skipped. Exits 5 where it is not known what became of a call.
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(.post, "/admin/v1/report/submit")
            answer.show(output.output, nothing: "nothing was to be told") { ReportVerbs.table($0) }
            ReportVerbs.remarks(answer.json)
            let states = answer.json.list("rows").map { $0.cell("state") }
            if states.contains("in-flight") || states.contains("unknown") {
                throw CommandFailure(
                    .unavailable,
                    "it is not known what became of some calls",
                    next: "nothing is repeated before it was read back; see: meterctl report status"
                )
            }
            if states.contains(where: { $0 != "unchanged" }) {
                throw CommandFailure(
                    .precondition,
                    "not everything could be told",
                    next: "see why: meterctl report preview; meterctl map check"
                )
            }
        }
    }

    struct Status: Verb {
        static let configuration = CommandConfiguration(abstract: "How reporting stands.")
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(.get, "/admin/v1/report/status")
            answer.show(output.output, nothing: "the server reports to no Waldur") { json in
                var table = Table(
                    "waldur",
                    "state",
                    "last success",
                    ">open",
                    ">unknown",
                    "detail"
                )
                for line in json.list("reporting") {
                    table.add(
                        line.cell("waldur"),
                        line.cell("state"),
                        line.cell("lastSuccess"),
                        line.cell("openIntents"),
                        line.cell("unknownIntents"),
                        line.cell("detail")
                    )
                }
                return table
            }
        }
    }

    struct Resume: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Says that Waldur has turned to a new month.",
            discussion: """
                Reporting goes on by itself once Waldur was seen to have turned the month. Only where that \
                cannot be seen and its monthly task ran, a person says so; a total that arrives before it \
                freezes the old price for all of the month:

                  meterctl report resume 2026-12
                """
        )
        @Argument(help: "The new month, such as 2026-12.")
        var month: String
        @Option(help: "Which Waldur, where there are several.")
        var waldur: String?
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(
                    .post,
                    "/admin/v1/report/resume",
                    body: RequestBody.object([
                        ("month", RequestBody.string(month)),
                        ("waldur", RequestBody.string(waldur)),
                    ])
                )
            answer.show(output.output, nothing: "reporting goes on in \(month)") { _ in Table() }
        }
    }

    static func table(_ answer: JSONValue) -> Table {
        var table = Table(
            "tenants",
            "resource",
            "month",
            "component",
            ">ledger",
            ">waldur shows",
            "state"
        )
        for row in answer.list("rows") {
            table.add(
                row.cell("tenants"),
                row.cell("resource"),
                row.cell("month"),
                row.cell("component"),
                row.cell("ours"),
                row.cell("shown"),
                row.cell("state")
            )
        }
        return table
    }

    static func remarks(_ answer: JSONValue) {
        Terminal.talk(answer.cell("window"))
        for finding in answer.list("findings") { Terminal.talk(finding.cell) }
    }
}
