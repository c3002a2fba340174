internal import ArgumentParser
internal import MeterWaldur

struct UsageVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "What was used: totals or a series of one component.",
        discussion: """
            Periods are half-open, [from, to): usage at `to` is not in it. Without --from the period \
            begins with this month, without --to it ends now.

              meterctl usage input_tokens --by tenant
              meterctl usage output_tokens --tenant acme --window DAY --zone Europe/Berlin
              meterctl usage --tenant acme --agent support-bot        (all components)
            """
    )

    @Argument(help: "The component; may be left out where one --tenant and one --agent are named.")
    var component: String?

    @Option(help: "The first minute: RFC 3339, such as 2026-11-01T00:00:00Z.")
    var from: String?
    @Option(help: "The minute after the last.")
    var to: String?
    @Option(help: ArgumentHelp("MINUTE, HOUR, DAY or MONTH.", valueName: "size"))
    var window: String?
    @Option(help: "The IANA zone in which days and months are cut; UTC otherwise.")
    var zone: String?
    @Option(help: "Only this tenant; may be repeated.")
    var tenant: [String] = []
    @Option(help: "Only this agent; may be repeated.")
    var agent: [String] = []
    @Option(
        help: ArgumentHelp(
            "Keep apart by tenant, agent or access; may be repeated.",
            valueName: "what"
        )
    )
    var by: [String] = []

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard component != nil || tenant.count == 1 && agent.count == 1 else {
            throw ValidationError("Name a component, or one --tenant and one --agent.")
        }
    }

    func perform() async throws(CommandFailure) {
        var query: [(String, String)] = []
        for (name, value) in [
            ("from", from), ("to", to), ("windowSize", window), ("windowTimeZone", zone),
        ] {
            if let value { query.append((name, value)) }
        }
        let client = ServerClient(address: try server.address())
        let answer: ServerClient.Answer
        if let component {
            query += tenant.map { ("tenant", $0) } + agent.map { ("subject", $0) }
            query += by.map { ("groupBy", $0) }
            answer = try await client.call(
                .get,
                "/api/v1/meters/\(ServerClient.encode(component))/query",
                query: query
            )
            answer.show(output.output, nothing: "nothing was used in the period") { Self.rows($0) }
        } else {
            answer = try await client.call(
                .get,
                "/api/v1/tenants/\(ServerClient.encode(tenant[0]))/agents/"
                    + "\(ServerClient.encode(agent[0]))/usage",
                query: query
            )
            answer.show(output.output, nothing: "nothing was used in the period") {
                Self.components($0)
            }
        }
        Terminal.talk(Self.freshness(answer.json))
    }

    static func rows(_ answer: JSONValue) -> Table {
        let data = answer.list("data")
        let dimensions = ["tenant", "agent", "access", "component"].filter { name in
            data.contains { $0["groupBy"]?[name] != nil }
        }
        var table = Table(columns: ["from", "to"] + dimensions + [">value", ">count"])
        for row in data {
            table.add(
                [row.cell("windowStart"), row.cell("windowEnd")]
                    + dimensions.map { row["groupBy"]?.cell($0) ?? "" }
                    + [row.number("value"), row.number("count")]
            )
        }
        return table
    }

    static func components(_ answer: JSONValue) -> Table {
        var table = Table("component", "from", "to", ">value", ">count")
        for component in answer.list("components") {
            let name = component.cell("component")
            for window in component.list("series") {
                table.add(
                    name,
                    window.cell("windowStart"),
                    window.cell("windowEnd"),
                    window.number("value"),
                    window.number("count")
                )
            }
            table.add(
                name,
                answer.cell("from"),
                answer.cell("to"),
                component.number("total"),
                component.number("count")
            )
        }
        return table
    }

    static func freshness(_ answer: JSONValue) -> String {
        "as of \(answer["asOf"]?.cell("time") ?? "-"); complete through "
            + "\(answer.cell("completeThrough")); reconciled through "
            + answer.cell("reconciledThrough")
    }
}
