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
                  meterctl components set tool_seconds --unit ms --reported-unit s --units-per-reported 1000
                """
        )
        @Argument(help: "The component's name, as events and the Waldur offering have it.")
        var component: String
        @Option(help: "The smallest unit, in which events carry it.")
        var unit: String
        @Option(help: "The unit in which Waldur is told; otherwise the same.")
        var reportedUnit: String?
        @Option(help: "How many smallest units make one reported unit.")
        var unitsPerReported: UInt64 = 1
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(
                    .put,
                    "/admin/v1/components/\(ServerClient.encode(component))",
                    body: RequestBody.object([
                        ("unit", RequestBody.string(unit)),
                        ("reportedUnit", RequestBody.string(reportedUnit)),
                        ("unitsPerReported", RequestBody.string(String(unitsPerReported))),
                    ])
                )
            answer.show(output.output, nothing: "") { ComponentsVerbs.table([$0]) }
        }
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(abstract: "Every declared component.")
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(.get, "/admin/v1/components")
            answer.show(
                output.output,
                nothing: "no components yet; declare one: meterctl components set"
            ) { ComponentsVerbs.table($0.list("components")) }
        }
    }

    static func table(_ components: [JSONValue]) -> Table {
        var table = Table("component", "unit", "reported unit", ">units per reported")
        for component in components {
            table.add(
                component.cell("component"),
                component.cell("unit"),
                component.cell("reportedUnit"),
                component.number("unitsPerReported")
            )
        }
        return table
    }
}
