internal import ArgumentParser
internal import MeterWaldur

struct ComponentsVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "components",
        abstract: "What is metered, and in which units.",
        subcommands: [Set.self, List.self]
    )

    struct Set: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Declares a component.",
            discussion: """
                Events carry the smallest unit; Waldur is told whole and hundredth reported units. The \
                units never change once usage was told.

                  meterctl components set input_tokens --unit token
                  meterctl components set tool_seconds --unit ms \\
                      --reported-unit s --units-per-reported 1000
                """
        )
        @Argument(
            help: "The component's name, as events and the Waldur offering have it.",
            completion: KnownNames.completion(.components)
        )
        var component: String
        @Option(help: "The smallest unit, in which events carry it.")
        var unit: String
        @Option(help: "The unit in which Waldur is told; otherwise the same.")
        var reportedUnit: String?
        @Option(
            help: ArgumentHelp(
                "How many smallest units make one reported unit.",
                valueName: "number"
            )
        )
        var unitsPerReported: UInt64 = 1
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(
                .put,
                "/admin/v1/components/\(ServerClient.encode(component))",
                body: RequestBody.object([
                    ("unit", RequestBody.string(unit)),
                    ("reportedUnit", RequestBody.string(reportedUnit)),
                    ("unitsPerReported", RequestBody.string(String(unitsPerReported))),
                    dryRun.member,
                ])
            )
            output.show(answer, ComponentsVerbs.columns)
            dryRun.remark()
        }
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Every declared component.",
            discussion: """
                  meterctl components list
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/components")
            output.show(
                answer,
                "components",
                ComponentsVerbs.columns,
                nothing: "no components yet; declare one: meterctl components set"
            )
        }
    }

    static let columns: [Column] = [
        .text("component"), .text("unit"), .text("reported unit"), .number("units per reported"),
    ]
}
