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
            abstract: "What would be told now; nothing is sent.",
            discussion: """
                  meterctl report preview
                  meterctl report preview -o csv > preview.csv
                """
        )
        @OptionGroup var waldur: WaldurOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(
                .get,
                "/admin/v1/report/preview",
                query: waldur.query
            )
            output.show(
                answer,
                "rows",
                ReportVerbs.columns,
                nothing: "no binding is live: nothing would be told"
            )
            ReportVerbs.remark(on: answer.json)
        }
    }

    struct Submit: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Tells Waldur now, and reads it back.",
            discussion: """
                Totals are absolute: telling the same again changes nothing, and figures that Waldur has \
                already are skipped. Exits 5 where it is not known what became of a call, 4 where \
                something could not be told.

                  meterctl report submit --dry-run
                  meterctl report submit
                """
        )
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var waldur: WaldurOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(
                dryRun.dryRun ? .get : .post,
                dryRun.dryRun ? "/admin/v1/report/preview" : "/admin/v1/report/submit",
                query: waldur.query
            )
            output.show(answer, "rows", ReportVerbs.columns, nothing: "nothing was to be told")
            ReportVerbs.remark(on: answer.json)
            if dryRun.dryRun { return dryRun.remark() }
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
        static let configuration = CommandConfiguration(
            abstract: "How reporting stands.",
            discussion: """
                  meterctl report status
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("waldur"), .state("state"), .text("last success"),
            .number("open", "openIntents"), .number("unknown", "unknownIntents"),
            .number("incidents"),
            .prose("detail"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/report/status")
            output.show(
                answer,
                "reporting",
                Self.columns,
                nothing: "the server reports to no Waldur"
            )
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
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var waldur: WaldurOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(
                .post,
                "/admin/v1/report/resume",
                body: RequestBody.object([
                    ("month", RequestBody.string(month)),
                    ("waldur", RequestBody.string(waldur.waldur)), dryRun.member,
                ])
            )
            output.done(
                answer,
                dryRun.said(
                    "reporting goes on in \(month)",
                    instead: "reporting would go on in \(month)"
                )
            )
            dryRun.remark()
        }
    }

    static let columns: [Column] = [
        .text("tenants"), .text("resource"), .text("plan period").forProgramsOnly, .text("month"),
        .text("component"), .number("ledger", "ours"), .number("waldur shows", "shown"),
        .state("state"),
    ]

    /// What stands beside the rows: whether anything may be sent now, and what keeps figures back.
    static func remark(on answer: JSONValue) {
        Terminal.talk("reporting window: \(answer.cell("window"))")
        for finding in answer.list("findings") { Terminal.talk(finding.cell) }
    }
}
