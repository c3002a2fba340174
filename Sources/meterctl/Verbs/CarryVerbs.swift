internal import ArgumentParser
internal import MeterWaldur

struct CarryVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "carry",
        abstract: "Usage that could not be told in its own plan or billing period.",
        subcommands: [List.self, Show.self, Settle.self],
        defaultSubcommand: List.self
    )

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Every carry, or those in one state.",
            discussion: """
                A carry lands by itself at the same plan, price and customer. One that waits needs a \
                person: its own price and the present one stand beside each other. Exits 4 where any does.

                  meterctl carry list --state waits
                """
        )
        @Option(help: "waits, lands, landed, credit-request, credited or written-off.")
        var state: String?
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("number"), .state("state"), .text("cause").forWideScreens,
            .text("month").forWideScreens, .text("agents"), .text("resource").forWideScreens,
            .text("component"), .number("quantity"), .number("price"),
            .number("price now", "presentPrice"), .number("difference").forWideScreens,
            .text("obstacle").forWideScreens,
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(
                .get,
                "/admin/v1/carries",
                query: state.map { [("state", $0)] } ?? []
            )
            output.show(answer, "carries", Self.columns, nothing: "no carries")
            let waits = answer.json.list("carries").filter { $0.cell("state") == "waits" }
            let waiting = waits.count { !$0.cell("obstacle").isEmpty }
            if waits.count > waiting {
                Terminal.talk(
                    "\(waits.count - waiting) land by themselves when Waldur has turned the month, unless a "
                        + "price changes with it"
                )
            }
            guard waiting == 0 else {
                throw CommandFailure(
                    .precondition,
                    "\(waiting) \(waiting == 1 ? "carry waits" : "carries wait") for a decision",
                    next:
                        "meterctl carry settle NUMBER --land|--credit-request|--write-off --reason"
                )
            }
        }
    }

    struct Show: Verb {
        static let configuration = CommandConfiguration(
            abstract: "One carry, with both prices and where it would land.",
            discussion: """
                  meterctl carry show 17
                """
        )
        @Argument(help: "The carry's number.")
        var number: UInt64
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/carries/\(number)")
            output.show(CarryVerbs.figures(answer.json), document: answer.text)
        }
    }

    struct Settle: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Decides about a carry that waits; it cannot be taken back.",
            discussion: """
                  meterctl carry settle 17 --land --reason "cheaper than a credit" --dry-run
                  meterctl carry settle 17 --land --reason "cheaper than a credit"
                  meterctl carry settle 18 --credit-request \\
                      --reason "resource moved, ticket 311"
                """
        )
        @Argument(help: "The carry's number.")
        var number: UInt64
        @Flag(help: "Tell it in the present row, at that row's price.")
        var land = false
        @Flag(help: "Waldur's staff put it right by hand.")
        var creditRequest = false
        @Flag(help: "Nobody will be billed for it.")
        var writeOff = false
        @Option(help: "Why; it stands in the book for ever.")
        var reason: String
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let chosen = [
                (land, "landed"), (creditRequest, "credit-request"), (writeOff, "written-off"),
            ].filter(\.0).map(\.1)
            guard chosen.count == 1, let settlement = chosen.first else {
                throw CommandFailure(
                    .usage,
                    "say one of --land, --credit-request and --write-off"
                )
            }
            try dryRun.confirm(
                confirmation,
                "Carry \(number) will be \(settlement) for ever; this cannot be taken back."
            )
            let answer = try await server.call(
                .post,
                "/admin/v1/carries/\(number)/settle",
                body: RequestBody.object([
                    ("settlement", RequestBody.string(settlement)),
                    ("reason", RequestBody.string(reason)), dryRun.member,
                ])
            )
            output.show(CarryVerbs.figures(answer.json), document: answer.text)
            dryRun.remark()
        }
    }

    private static func figures(_ carry: JSONValue) -> Table {
        Table(
            figures: [
                ("number", "number"), ("state", "state"), ("cause", "cause"), ("waldur", "waldur"),
                ("resource", "resource"), ("customer", "customer"), ("month", "month"),
                ("plan period", "planPeriod"), ("component", "component"),
                ("quantity", "quantity"), ("own price", "price"),
                ("present price", "presentPrice"), ("difference", "difference"),
                ("obstacle", "obstacle"), ("lands in", "landsIn"), ("made", "made"),
                ("reason", "reason"),
            ],
            of: carry
        )
    }
}
