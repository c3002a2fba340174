internal import ArgumentParser
internal import MeterWaldur

struct CreditVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credit",
        abstract: "What Waldur's staff are asked to put right by hand.",
        subcommands: [List.self, Export.self, Settle.self],
        defaultSubcommand: List.self
    )

    private static let columns: [Column] = [
        .text("number"), .state("state"), .text("customer"), .text("resource"), .text("month"),
        .text("component"), .number("quantity"), .number("price"), .number("amount"),
        .text("item"), .prose("reason"),
    ]

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Every credit request, and the invoice item that granted it.",
            discussion: """
                Exits 4 where any is not granted.

                  meterctl credit list --state credit-request
                """
        )
        @Option(help: "credit-request or credited.")
        var state: String?
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(
                .get,
                "/admin/v1/credits",
                query: state.map { [("state", $0)] } ?? []
            )
            output.show(answer, "credits", CreditVerbs.columns, nothing: "no credit requests")
            let open = answer.json.list("credits").count { $0.cell("state") == "credit-request" }
            guard open == 0 else {
                throw CommandFailure(
                    .precondition,
                    "\(open) \(open == 1 ? "credit is" : "credits are") requested and not granted",
                    next: "meterctl credit export > credits.csv, and then credit settle"
                )
            }
        }
    }

    struct Export: Verb {
        static let configuration = CommandConfiguration(
            abstract: "The requests that are not granted, as signed CSV for Waldur's staff.",
            discussion: """
                Whoever gets the file checks it with what `statement keys export` gave:

                  meterctl credit export > credits.csv
                  meterctl verify --public-key meter.pub credits.csv
                """
        )
        @Option(help: "Only this one.")
        var number: UInt64?
        @OptionGroup var server: ServerOptions

        func perform() async throws(CommandFailure) {
            let bytes = try await server.document(
                "/admin/v1/credits/export",
                query: number.map { [("number", "\($0)")] } ?? []
            )
            Terminal.data(String(decoding: bytes, as: UTF8.self))
        }
    }

    struct Settle: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Books the invoice item that granted a credit; it cannot be taken back.",
            discussion: """
                  meterctl credit settle 18 --item 4f1c27d1a0b94e6f8d5c1b2a3f4e5d6c --price -1.20
                """
        )
        @Argument(help: "The request's number: that of its carry.")
        var number: UInt64
        @Option(help: "The uuid of the invoice item.")
        var item: String
        @Option(parsing: .unconditional, help: "What the item comes to.")
        var price: String?
        @Option(help: "Anything to remember.")
        var reason: String?
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            try dryRun.confirm(
                confirmation,
                "Credit request \(number) will be settled by invoice item \(item) for ever."
            )
            let answer = try await server.call(
                .post,
                "/admin/v1/credits/\(number)/settle",
                body: RequestBody.object([
                    ("item", RequestBody.string(item)), ("price", RequestBody.string(price)),
                    ("reason", RequestBody.string(reason)), dryRun.member,
                ])
            )
            output.show(answer, CreditVerbs.columns)
            dryRun.remark()
        }
    }
}
