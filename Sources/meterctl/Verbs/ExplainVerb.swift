internal import ArgumentParser
internal import MeterWaldur

struct ExplainVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract:
            "Walks one figure down: told, carried, by day, in which files, from which sources.",
        discussion: """
            Rows, days and files each add up to what was metered; sources are read from the kept journal. \
            Where that is kept no longer it is refused with the date, exit code 4; --without-sources \
            explains the rest.

              meterctl explain acme/researcher/input_tokens --period 2026-11
              meterctl explain acme/researcher/agent_calls --without-sources -o json
            """
    )

    @Argument(help: "TENANT/AGENT/COMPONENT; an agent may have slashes in its name.")
    var figure: String
    @Option(help: "The month, such as 2026-11; the present one otherwise.")
    var period: String?
    @Flag(help: "Without the sources of its events: does not read the journal.")
    var withoutSources = false
    @OptionGroup var waldur: WaldurOption
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    static let columns: [Column] = [
        .text("step"), .text("what"), .number("amount"), .number("events"), .prose("detail"),
    ]

    func perform() async throws(CommandFailure) {
        let parts = figure.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 3, let tenant = parts.first, let component = parts.last,
            !parts.contains("")
        else {
            throw CommandFailure(
                .usage,
                "'\(figure)' is no TENANT/AGENT/COMPONENT",
                next: "meterctl explain acme/researcher/input_tokens --period 2026-11"
            )
        }
        let agent = parts.dropFirst().dropLast().joined(separator: "/")
        let answer = try await server.call(
            .get,
            "/admin/v1/explain",
            query: [("tenant", tenant), ("agent", agent), ("component", component)]
                + (period.map { [("period", $0)] } ?? [])
                + (withoutSources ? [("sources", "false")] : []) + waldur.query,
            naming: [.tenant(tenant), .agent(agent, of: tenant)]
        )
        output.show(Self.steps(answer.json), document: answer.text, nothing: "nothing was metered")
        for damage in answer.json.list("sources.damage") {
            Terminal.talk("damage: \(damage.cell)")
        }
    }

    /// The walk as rows, from the figure down.
    static func steps(_ found: JSONValue) -> Table {
        var table = Table("steps", columns)
        let unit = found.cell("unit")
        table.add(
            "metered",
            found.cell("component"),
            found.cell("metered"),
            found.cell("events"),
            "\(found.cell("period")) of \(found.cell("tenant"))/\(found.cell("agent")), in \(unit)"
        )
        for row in found.list("rows") { add(row, to: &table) }
        for usage in found.list("unassigned") {
            table.add(
                "unassigned", usage.cell("reason"), usage.cell("metered"), "",
                "since \(usage.cell("since")); meterctl map set"
            )
        }
        for correction in found.list("corrections") {
            table.add(
                "correction", "", correction.cell("amount"), "",
                "access \(correction.cell("access")), resource \(correction.cell("resource"))"
            )
        }
        for part in found.list("outcomes") {
            table.add(
                "of which", part.cell("component"), part.cell("metered"), part.cell("events"), ""
            )
        }
        for day in found.list("days") {
            let bound = day.cell("resource")
            table.add(
                "day", day.cell("day"), day.cell("metered"), day.cell("events"),
                bound.isEmpty
                    ? day.cell("unassigned")
                    : "\(day.cell("class")), access \(day.cell("boundAccess")), resource \(bound)"
            )
        }
        for file in found.list("files") {
            table.add(
                "file", file.cell("file"), file.cell("metered"), file.cell("events"),
                file.cell("from").isEmpty
                    ? ""
                    : "journal [\(file.cell("from")), \(file.cell("to"))), minutes "
                        + "\(file.cell("firstMinute")) to \(file.cell("lastMinute"))"
            )
        }
        for source in found.list("sources.lines") { add(source: source, to: &table) }
        return table
    }

    private static func add(_ row: JSONValue, to table: inout Table) {
        let name = row.cell("class")
        guard !row.cell("planPeriod").isEmpty else {
            return table.add(
                "row", name.isEmpty ? "not read yet" : name, row.cell("metered"), "",
                "resource \(row.cell("resource"))"
            )
        }
        let plan = row.cell("plan").isEmpty ? row.cell("planPeriod") : row.cell("plan")
        table.add(
            "row", "plan \(plan)", row.cell("metered"), "",
            "of \(row.cell("rowMetered")) \(row.cell("unit")) of \(row.cell("toldAs")) on resource "
                + "\(row.cell("resource")); to tell \(row.cell("toTell")), confirmed "
                + (row.cell("confirmed").isEmpty ? "nothing" : row.cell("confirmed"))
        )
        for (term, amount) in (row["terms"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
            table.add("term", term, amount.cell, "", row.cell("unit"))
        }
        for adjustment in row.list("adjustments") {
            table.add(
                "adjustment", adjustment.cell("number"), adjustment.cell("amount"), "",
                "\(adjustment.cell("kind")) by \(adjustment.cell("author")), "
                    + "\(adjustment.cell("made")): \(adjustment.cell("reason"))"
            )
        }
        for carry in row.list("carries") {
            let target = carry.cell("landsIn")
            table.add(
                "carry \(carry.cell("direction"))", carry.cell("number"), carry.cell("amount"), "",
                "\(carry.cell("cause")) of \(carry.cell("month")), \(carry.cell("state"))"
                    + (target.isEmpty ? "" : ", in \(target)")
            )
        }
        for told in row.list("submissions") {
            table.add(
                "submission", told.cell("number"), told.cell("amount"), "",
                "total \(told.cell("total")), intended \(told.cell("intended")), "
                    + "\(told.cell("outcome")) \(told.cell("settled"))"
            )
        }
    }

    private static func add(source: JSONValue, to table: inout Table) {
        let id = source.cell("source")
        var detail: [String] = []
        if !source.cell("firstNumber").isEmpty {
            detail.append("numbers \(source.cell("firstNumber")) to \(source.cell("lastNumber"))")
        }
        if !source.cell("firstPosition").isEmpty {
            detail.append(
                "journal \(source.cell("firstPosition")) to \(source.cell("lastPosition"))"
            )
        }
        if source.cell("refused") != "0" { detail.append("\(source.cell("refused")) not counted") }
        if !source.cell("claimed").isEmpty {
            detail.append(
                "claims \(source.cell("claimed")) events in all, \(source.cell("missing")) missing, "
                    + "\(source.cell("givenUp")) given up"
                    + (source.isTrue("isLast") ? ", ended" : "")
            )
        }
        table.add(
            "source", id.isEmpty ? "HTTP, principal \(source.cell("principal"))" : id,
            source.cell("metered"), source.cell("events"), detail.joined(separator: "; ")
        )
    }
}
