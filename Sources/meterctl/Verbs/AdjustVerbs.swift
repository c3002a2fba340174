internal import ArgumentParser
internal import MeterWaldur

struct AdjustVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adjust",
        abstract:
            "Corrections of what was metered: append-only, looked at before they are applied.",
        subcommands: [
            List.self, Show.self, Amend.self, VoidEvents.self, Backfill.self, Revert.self,
        ],
        defaultSubcommand: List.self
    )

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Every correction, and whether it is in force.",
            discussion: """
                  meterctl adjust list
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("number"), .text("kind"), .state("state"), .text("tenants"),
            .number("lines", "lineCount"), .text("reverts"), .text("author"), .text("made"),
            .prose("reason"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/adjustments")
            output.show(answer, "adjustments", Self.columns, nothing: "nothing was corrected")
        }
    }

    struct Show: Verb {
        static let configuration = CommandConfiguration(
            abstract: "One correction, line by line.",
            discussion: """
                  meterctl adjust show 17
                """
        )
        @Argument(help: "The adjustment's number.")
        var number: UInt64
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("tenant"), .text("agent"), .text("access"), .text("resource"), .text("month"),
            .text("component"), .text("at"), .number("amount"), .text("outcome"), .text("way"),
        ]

        /// Of a file: what each tenant has in it.
        static let fileColumns: [Column] = [.text("tenant"), .text("component"), .number("amount")]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/adjustments/\(number)")
            let file = answer.json.cell("file")
            output.show(
                answer,
                "lines",
                file.isEmpty ? Self.columns : Self.fileColumns,
                nothing: "no lines"
            )
            if !file.isEmpty {
                Terminal.talk(
                    "\(answer.json.cell("name")), \(answer.json.cell("events")) events, sha256 \(file)"
                )
            }
            let (kind, state) = (answer.json.cell("kind"), answer.json.cell("state"))
            Terminal.talk(
                "\(kind), \(state), by \(answer.json.cell("author")): \(answer.json.cell("reason"))"
            )
        }
    }

    struct Amend: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Says how much more or less an agent used of a component.",
            discussion: """
                In smallest units, in the minute in which it was used. What takes away lowers the totals of \
                the same resource down to zero; in a month that is cut it becomes a carry. Shows the effect \
                first; a dry run gives the digest with which a script applies exactly what was looked at.

                  meterctl adjust amend acme researcher input_tokens --amount -5000 \\
                      --at 2026-11-03T10:15:00Z --reason "ticket 311" --dry-run
                """
        )
        @Argument(help: "The tenant.")
        var tenant: String
        @Argument(help: "The agent.")
        var agent: String
        @Argument(help: "The component.")
        var component: String
        @Option(
            parsing: .unconditional, help: "How much in smallest units: 500 more, or -500 less.")
        var amount: String
        @Option(help: "The minute in which it was used.")
        var at: String
        @Option(help: "The access that the events named; none otherwise.")
        var access: String?
        @OptionGroup var applying: AdjustmentOptions
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let line = RequestBody.object([
                ("tenant", RequestBody.string(tenant)), ("agent", RequestBody.string(agent)),
                ("access", RequestBody.string(access)),
                ("component", RequestBody.string(component)), ("at", RequestBody.string(at)),
                ("amount", RequestBody.string(amount)),
            ])
            try await applying.perform(
                applying.request([("kind", RequestBody.string("amend")), ("lines", "[\(line)]")]),
                confirmation,
                server,
                output
            )
        }
    }

    struct Revert: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Takes a correction back, once, or all of a backfill.",
            discussion: """
                  meterctl adjust revert 17 --reason "ticket 311 was about another agent"
                """
        )
        @Argument(help: "The adjustment's number.")
        var number: UInt64
        @OptionGroup var applying: AdjustmentOptions
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            try await applying.perform(
                applying.request([("kind", RequestBody.string("revert")), ("reverts", "\(number)")]
                ),
                confirmation,
                server,
                output
            )
        }
    }
}
