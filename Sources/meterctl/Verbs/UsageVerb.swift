internal import ArgumentParser
internal import MeterWaldur

struct UsageVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "What was used: totals or a series.",
        discussion: """
            Periods are half-open, [from, to): usage at `to` is not in it. Without --from the period \
            begins with this month, without --to it ends now. Without a component all of one agent's \
            are shown.

              meterctl usage input_tokens --by tenant
              meterctl usage output_tokens --tenant acme --window DAY \\
                  --zone Europe/Berlin --from 2026-11-01T00:00:00Z
              meterctl usage --tenant acme --agent support-bot
              meterctl usage agent_calls --by tenant --by agent -o csv > calls.csv
            """
    )

    @Argument(
        help: "The component; may be left out where one --tenant and one --agent are named.",
        completion: KnownNames.completion(.components)
    )
    var component: String?

    @Option(help: "The first minute: RFC 3339, such as 2026-11-01T00:00:00Z.")
    var from: String?
    @Option(help: "The minute after the last.")
    var to: String?
    @Option(
        help: ArgumentHelp("MINUTE, HOUR, DAY or MONTH.", valueName: "size"),
        completion: .list(["MINUTE", "HOUR", "DAY", "MONTH"])
    )
    var window: String?
    @Option(help: "The IANA zone in which days and months are cut; UTC otherwise.")
    var zone: String?
    @Option(
        help: "Only this tenant; may be repeated.",
        completion: KnownNames.completion(.tenants)
    )
    var tenant: [String] = []
    @Option(
        help: "Only this agent; may be repeated.",
        completion: KnownNames.completion(.agents)
    )
    var agent: [String] = []
    @Option(
        help: ArgumentHelp(
            "Keep apart by tenant, agent or access; may be repeated.",
            valueName: "what"
        ),
        completion: .list(["tenant", "agent", "access"])
    )
    var by: [String] = []

    @Option(
        name: .customLong("class"),
        help: ArgumentHelp(
            "counted, or advisory: what is kept beside it (`meterctl help counting`).",
            valueName: "class"
        ),
        completion: .list(["counted", "advisory"])
    )
    var usageClass: String?

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
            ("class", usageClass),
        ] {
            if let value { query.append((name, value)) }
        }
        let answer: Answer
        if let component {
            query += tenant.map { ("tenant", $0) } + agent.map { ("subject", $0) }
            query += by.map { ("groupBy", $0) }
            answer = try await server.call(
                .get,
                "/api/v1/meters/\(ServerClient.encode(component))/query",
                query: query
            )
            let data = answer.json.list("data")
            output.show(answer, "data", Self.columns(data), nothing: Self.nothing)
        } else {
            answer = try await server.call(
                .get,
                "/api/v1/tenants/\(ServerClient.encode(tenant[0]))/agents/"
                    + "\(ServerClient.encode(agent[0]))/usage",
                query: query
            )
            output.show(Self.table(answer.json), document: answer.text, nothing: Self.nothing)
        }
        Terminal.talk(Self.freshness(answer.json))
        if !Self.hasUsage(answer.json) { await hint() }
    }

    /// Of several windows or components any.
    private static func hasUsage(_ answer: JSONValue) -> Bool {
        (answer.list("data") + answer.list("components")).contains { $0.cell("count") != "0" }
    }

    /// A name that was mistyped has no usage, and no error either.
    private func hint() async {
        var typed = component.map { [KnownNames.Typed.component($0)] } ?? []
        typed += tenant.map { .tenant($0) }
        if let tenant = tenant.first { typed += agent.map { .agent($0, of: tenant) } }
        await server.hint(typed)
    }

    private static let nothing = "nothing was used in the period"

    /// Of one component: a column for each name by which rows are kept apart.
    static func columns(_ data: [JSONValue]) -> [Column] {
        let names = ["tenant", "agent", "access", "component"].filter { name in
            data.contains { $0.at("groupBy.\(name)") != nil }
        }
        return [.text("from", "windowStart"), .text("to", "windowEnd")]
            + names.map { .text($0, "groupBy.\($0)") } + [.number("value"), .number("count")]
    }

    /// Of one agent: a component's windows, then its total.
    static func table(_ answer: JSONValue) -> Table {
        var table = Table(
            "components",
            [
                .text("component"), .text("from"), .text("to"), .number("value"),
                .number("count"),
            ]
        )
        for component in answer.list("components") {
            let name = component.cell("component")
            for window in component.list("series") {
                table.add(
                    name,
                    window.cell("windowStart"),
                    window.cell("windowEnd"),
                    window.cell("value"),
                    window.cell("count")
                )
            }
            table.add(
                name,
                answer.cell("from"),
                answer.cell("to"),
                component.cell("total"),
                component.cell("count")
            )
        }
        return table
    }

    static func freshness(_ answer: JSONValue) -> String {
        func time(_ path: String) -> String {
            let cell = answer.cell(path)
            return cell.isEmpty ? "unknown" : cell
        }
        return "as of \(time("asOf.time")); complete through \(time("completeThrough")); "
            + "reconciled through \(time("reconciledThrough"))"
    }
}
