internal import ArgumentParser
internal import MeterWaldur
internal import MeterWire

struct OfferingVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "offering",
        abstract: "In which units Waldur's offerings measure, and what feeds their components.",
        subcommands: [Sync.self, List.self]
    )

    struct Sync: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Reads an offering and books how each of its components is fed.",
            discussion: """
                A component is fed by Meter's of the same name, with the factor that the names of the \
                units tell (1 ktok = 1000 token, 1 h = 3600000 ms) or that `components set` declared. \
                What no name tells is asked for, never guessed. Calls with every outcome are billed unless \
                --bill says which. What was told once never changes.

                  meterctl offering sync 72925fae9a244fb88ffd23c31b572006 --dry-run
                  meterctl offering sync 72925fae9a244fb88ffd23c31b572006 \\
                      --feed tokens=input_tokens,output_tokens:500
                  meterctl offering sync 72925fae9a244fb88ffd23c31b572006 \\
                      --feed credits=input_tokens:7/3
                  meterctl offering sync 72925fae9a244fb88ffd23c31b572006 \\
                      --bill input_tokens=ok,cached

                After the colon: how many smallest units make one of the offering's. Exits 2 where a \
                component that is billed by usage would not be told as things are.
                """
        )
        @Argument(help: "The offering's uuid.")
        var offering: String
        @Option(
            name: .customLong("feed"),
            help: ArgumentHelp(
                "What makes up a component: COMPONENT=ONE[:UNITS],ANOTHER[:UNITS].",
                valueName: "feed"
            )
        )
        var feeds: [String] = []
        @Option(
            name: .customLong("bill"),
            help: ArgumentHelp(
                "Which calls a component bills: COMPONENT=ok[,error][,refused][,cached].",
                valueName: "outcomes"
            )
        )
        var bills: [String] = []
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var waldur: WaldurOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("component"), .text("billing", "billingType"),
            .text("measured unit"), .text("fed by", "fedBy", OfferingVerbs.feeds),
            .text("bills", "bills", OfferingVerbs.bills), .state("state"), .prose("detail"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(
                .post,
                "/admin/v1/offerings/\(ServerClient.encode(offering))/sync",
                query: waldur.query,
                body: RequestBody.object([
                    ("feeds", RequestBody.strings(feeds)),
                    ("bills", RequestBody.strings(bills)), dryRun.member,
                ])
            )
            let feeding = answer.json.list("components").filter { $0.cell("state") == "refused" }
                .flatMap { $0.list("fedBy") }.map { $0.cell("component") }
            await server.hint(feeding.map { .component($0) })
            output.show(
                answer,
                "components",
                Self.columns,
                nothing: "the offering has no components"
            )
            dryRun.remark()
            let bad: Swift.Set<String> = ["not-fed", "unit-unknown", "refused"]
            let untold = answer.json.list("components").count { bad.contains($0.cell("state")) }
            guard untold == 0 else {
                throw CommandFailure(
                    .differences,
                    "\(untold) \(untold == 1 ? "component" : "components") would not be told"
                )
            }
        }
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "What is booked of every offering's components.",
            discussion: """
                  meterctl offering list
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("waldur"), .text("offering"), .text("component"), .text("measured unit"),
            .text("fed by", "fedBy", OfferingVerbs.feeds),
            .text("bills", "bills", OfferingVerbs.bills),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/offerings")
            output.show(
                answer,
                "components",
                Self.columns,
                nothing: "no offering yet; read one: meterctl offering sync"
            )
        }
    }

    /// `input_tokens:1000 + output_tokens:1000`.
    @Sendable static func feeds(_ row: JSONValue) -> String {
        row.list("fedBy")
            .map { "\($0.cell("component")):\($0.cell("unitsPerMeasured"))" }
            .joined(separator: " + ")
    }

    /// `ok, cached`; of all outcomes nothing need be said.
    @Sendable static func bills(_ row: JSONValue) -> String {
        let outcomes = row.list("bills").map(\.cell)
        return outcomes.count == Outcome.allCases.count ? "all" : outcomes.joined(separator: ", ")
    }
}
