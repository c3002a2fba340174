internal import ArgumentParser
internal import MeterWaldur

struct ForeignVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "foreign",
        abstract: "Figures in Waldur that Meter did not write.",
        subcommands: [List.self, Accept.self, Reassert.self],
        defaultSubcommand: List.self
    )

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract:
                "Every foreign figure of which nobody has decided, or that is to be overwritten.",
            discussion: "Exits 4 where there are any."
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(.get, "/admin/v1/foreign")
            answer.show(output.output, nothing: "no foreign figures") { json in
                var table = Table(
                    "resource",
                    "month",
                    "plan period",
                    "component",
                    ">waldur shows",
                    ">confirmed",
                    "since",
                    "state"
                )
                for row in json.list("foreign") {
                    table.add(
                        row.cell("resource"),
                        row.cell("month"),
                        row.cell("planPeriod"),
                        row.cell("component"),
                        row.cell("shown"),
                        row.cell("confirmed"),
                        row.cell("since"),
                        row.cell("state")
                    )
                }
                return table
            }
            let count = answer.json.list("foreign").count
            guard count == 0 else {
                throw CommandFailure(
                    .precondition,
                    "\(count) figures in Waldur are not Meter's",
                    next: "find who wrote them; then meterctl report foreign accept, or reassert"
                )
            }
        }
    }

    struct Accept: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Waldur's figure stands; Meter counts on from it.",
            discussion: """
                Booked as an adjustment `changed in Waldur` with the difference and the reason:

                  meterctl report foreign accept RESOURCE input_tokens --reason "goodwill, ticket 12"
                """
        )
        @OptionGroup var row: ForeignRow
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            try await row.decide("accept", server, output)
        }
    }

    struct Reassert: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Meter's figure is sent again with the next cycle, though it may be lower."
        )
        @OptionGroup var row: ForeignRow
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            try await row.decide("reassert", server, output)
        }
    }
}

/// Which foreign figure, and why.
struct ForeignRow: ParsableArguments {
    @Argument(help: "Waldur's resource.")
    var resource: String
    @Argument(help: "The component.")
    var component: String
    @Option(help: "The plan period, where several have a foreign figure.")
    var planPeriod: String?
    @Option(help: "Why; it stands in the book for ever.")
    var reason: String

    func decide(
        _ verdict: String,
        _ server: ServerOptions,
        _ output: OutputOptions
    ) async throws(CommandFailure) {
        let answer = try await ServerClient(address: try server.address())
            .call(
                .post,
                "/admin/v1/foreign/decide",
                body: RequestBody.object([
                    ("resource", RequestBody.string(resource)),
                    ("component", RequestBody.string(component)),
                    ("planPeriod", RequestBody.string(planPeriod)),
                    ("verdict", RequestBody.string(verdict)),
                    ("reason", RequestBody.string(reason)),
                ])
            )
        answer.show(output.output, nothing: "decided: \(verdict)") { _ in Table() }
    }
}
