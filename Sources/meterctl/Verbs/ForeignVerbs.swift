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
            discussion: """
                Exits 4 where there are any.

                  meterctl report foreign list
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("resource"), .text("month"), .text("plan period"), .text("component"),
            .number("waldur shows", "shown"), .number("confirmed"), .text("since"),
            .state("state"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/foreign")
            output.show(answer, "foreign", Self.columns, nothing: "no foreign figures")
            let count = answer.json.list("foreign").count
            guard count == 0 else {
                throw CommandFailure(
                    .precondition,
                    "\(count) \(count == 1 ? "figure in Waldur is" : "figures in Waldur are") not Meter's",
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

                  meterctl report foreign accept 9f3c27d1a0b94e6f8d5c1b2a3f4e5d6c \\
                      input_tokens --reason "goodwill, ticket 12"
                """
        )
        @OptionGroup var row: ForeignRow
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            try row.dryRun.confirm(
                confirmation,
                "Waldur's figure of \(row.component) on resource \(row.resource) will stand, and the "
                    + "difference be booked as an adjustment."
            )
            try await row.decide("accept", server, output)
        }
    }

    struct Reassert: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Meter's figure is sent again with the next cycle, though it may be lower.",
            discussion: """
                  meterctl report foreign reassert 9f3c27d1a0b94e6f8d5c1b2a3f4e5d6c \\
                      input_tokens --reason "written by mistake, ticket 12"
                """
        )
        @OptionGroup var row: ForeignRow
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            try row.dryRun.confirm(
                confirmation,
                "Waldur's figure of \(row.component) on resource \(row.resource) will be overwritten "
                    + "with Meter's."
            )
            try await row.decide("reassert", server, output)
        }
    }
}

/// Which foreign figure, and why.
struct ForeignRow: ParsableArguments {
    @Argument(help: "Waldur's resource.", completion: KnownNames.completion(.resources))
    var resource: String
    @Argument(help: "The component.", completion: KnownNames.completion(.components))
    var component: String
    @Option(help: "The plan period, where several have a foreign figure.")
    var planPeriod: String?
    @Option(help: "Why; it stands in the book for ever.")
    var reason: String
    @OptionGroup var dryRun: DryRunOption

    func decide(
        _ verdict: String,
        _ server: ServerOptions,
        _ output: OutputOptions
    ) async throws(CommandFailure) {
        let answer = try await server.call(
            .post,
            "/admin/v1/foreign/decide",
            body: RequestBody.object([
                ("resource", RequestBody.string(resource)),
                ("component", RequestBody.string(component)),
                ("planPeriod", RequestBody.string(planPeriod)),
                ("verdict", RequestBody.string(verdict)),
                ("reason", RequestBody.string(reason)), dryRun.member,
            ]),
            naming: [.resource(resource), .component(component)]
        )
        let adjustment = answer.json.cell("adjustment")
        output.done(
            answer,
            dryRun.said("decided: ", instead: "would be decided: ") + verdict
                + (adjustment.isEmpty ? "" : ", an adjustment of \(adjustment)")
        )
        dryRun.remark()
    }
}
