internal import ArgumentParser
internal import MeterWaldur

struct CountingVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "counting",
        abstract: "Whose spans of OpenTelemetry are the count, and whose are advisory.",
        subcommands: [List.self, Declare.self],
        defaultSubcommand: List.self
    )

    private static let columns: [Column] = [
        .text("tenant"), .text("agent"), .text("counts"), .text("from"), .state("state"),
        .prose("reason"), .text("author"), .text("decided"),
    ]

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "What was declared; without a declaration spans are advisory.",
            discussion: """
                  meterctl counting list
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/counting")
            output.show(
                answer,
                "declarations",
                CountingVerbs.columns,
                nothing: "frames and CloudEvents count, spans are advisory"
            )
        }
    }

    struct Declare: Verb {
        static let configuration = CommandConfiguration(
            abstract:
                "Says which way of a tenant's or agent's usage counts, from a quarter hour on.",
            discussion: """
                Of an agent one way counts at a time: frames and CloudEvents (native), or spans (otlp) \
                where somebody answers for it that none is sampled away. The other is advisory: kept, \
                shown by usage --class advisory, never billed. Both may tell of the same calls, so they \
                are never added up.

                An agent's own declaration stands before its tenant's. The earliest quarter hour, and \
                the default, is the next one that no event can be of yet: what was counted stays so. A \
                later declaration takes an earlier one back.

                  meterctl counting declare otlp --tenant acme \\
                      --reason "exports every span, their ticket 311"
                  meterctl counting declare native --tenant acme --agent batch-bot \\
                      --from 2026-12-01T00:00:00Z --reason "sends CloudEvents"
                """
        )
        @Argument(
            help: ArgumentHelp("What counts: otlp or native.", valueName: "way"),
            completion: .list(["otlp", "native"])
        )
        var way: String
        @Option(help: "Whose usage.", completion: KnownNames.completion(.tenants))
        var tenant: String
        @Option(
            help: "Only this agent's.",
            completion: KnownNames.completion(.agents)
        )
        var agent: String?
        @Option(help: "The first minute, of a quarter hour: RFC 3339.")
        var from: String?
        @Option(help: "Who answers for it, and why; kept in the book.")
        var reason: String
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(
                .post,
                "/admin/v1/counting",
                body: RequestBody.object([
                    ("tenant", RequestBody.string(tenant)),
                    ("agent", RequestBody.string(agent)),
                    ("counts", RequestBody.string(way)),
                    ("from", RequestBody.string(from)),
                    ("reason", RequestBody.string(reason)), dryRun.member,
                ])
            )
            output.show(
                Table("declarations", CountingVerbs.columns, of: [answer.json]),
                document: answer.text
            )
            dryRun.remark()
        }
    }
}
