internal import ArgumentParser
internal import Meter
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
        .text("step"), .text("what"), .number("amount"), .text("unit"), .number("events"),
        .prose("detail"),
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
        output.show(
            Self.steps(answer.json, isForPeople: output.output == .table),
            document: answer.text,
            nothing: "nothing was metered"
        )
        for damage in answer.json.list("sources.damage") {
            Terminal.talk("damage: \(damage.cell)")
        }
    }

    /// The walk as rows, from the figure down.
    ///
    /// - Parameter isForPeople: Submissions that were confirmed and followed by others are one row.
    static func steps(_ found: JSONValue, isForPeople: Bool) -> Table {
        var table = Table("steps", columns)
        let unit = found.cell("unit")
        table.add(
            "metered", found.cell("component"), found.cell("metered"), unit, found.cell("events"),
            "\(found.cell("period")) of \(found.cell("tenant"))/\(found.cell("agent"))"
        )
        for row in found.list("rows") {
            add(row, of: found, to: &table)
            add(submissions: row, isForPeople: isForPeople, to: &table)
        }
        for usage in found.list("unassigned") {
            table.add(
                "unassigned", usage.cell("reason"), usage.cell("metered"), unit, "",
                "since \(usage.cell("since")); meterctl map set"
            )
        }
        for correction in found.list("corrections") {
            table.add(
                "correction", "", correction.cell("amount"), unit, "",
                "access \(correction.cell("access")), resource \(correction.cell("resource"))"
            )
        }
        for part in found.list("outcomes") {
            table.add(
                "of which", part.cell("component"), part.cell("metered"), unit,
                part.cell("events"), ""
            )
        }
        for day in found.list("days") {
            let bound = day.cell("resource")
            table.add(
                "day", day.cell("day"), day.cell("metered"), unit, day.cell("events"),
                bound.isEmpty
                    ? day.cell("unassigned")
                    : "\(day.cell("class")), access \(day.cell("boundAccess")), resource \(bound)"
            )
        }
        for file in found.list("files") {
            table.add(
                "file", file.cell("file"), file.cell("metered"), unit, file.cell("events"),
                file.cell("from").isEmpty
                    ? ""
                    : "journal [\(file.cell("from")), \(file.cell("to"))), minutes "
                        + "\(file.cell("firstMinute")) to \(file.cell("lastMinute"))"
            )
        }
        for source in found.list("sources.lines") { add(source: source, unit, to: &table) }
        return table
    }

    private static func add(_ row: JSONValue, of found: JSONValue, to table: inout Table) {
        let name = row.cell("class")
        let resource = "resource \(row.cell("resource"))"
        guard !row.cell("planPeriod").isEmpty else {
            return table.add(
                "row", name.isEmpty ? "not read yet" : name, row.cell("metered"),
                found.cell("unit"), "", resource
            )
        }
        let plan = row.cell("plan").isEmpty ? row.cell("planPeriod") : row.cell("plan")
        let unit = row.cell("unit")
        let told = row.cell("reportedUnit")
        var detail = [resource]
        if row.cell("toldAs") != found.cell("component") {
            detail.append("told as \(row.cell("toldAs"))")
        }
        if row.cell("rowMetered") != row.cell("metered") {
            detail.append("all agents together \(Readable.grouped(row.cell("rowMetered"))) \(unit)")
        }
        let confirmed = row.cell("confirmed")
        detail.append(
            "to tell \(Readable.grouped(row.cell("toTell"))) \(told), confirmed "
                + (confirmed.isEmpty ? "nothing" : Readable.grouped(confirmed))
        )
        table.add(
            "row", "plan \(plan)", row.cell("metered"), found.cell("unit"), "",
            detail.joined(separator: "; ")
        )
        let terms = row["terms"]?.object ?? [:]
        for term in terms.keys.sorted(by: isBefore) {
            table.add(
                incoming.contains(term) ? "term in" : "term out", term, terms[term]?.cell ?? "",
                unit, "", ""
            )
        }
        for adjustment in row.list("adjustments") {
            table.add(
                "adjustment", adjustment.cell("number"), adjustment.cell("amount"), unit, "",
                "\(adjustment.cell("kind")) by \(adjustment.cell("author")), "
                    + "\(adjustment.cell("made")): \(adjustment.cell("reason"))"
            )
        }
        for carry in row.list("carries") {
            let target = carry.cell("landsIn")
            let isOut = carry.cell("direction") == "out" && !target.isEmpty
            table.add(
                "carry \(carry.cell("direction"))", carry.cell("number"), carry.cell("amount"),
                unit, "",
                "\(carry.cell("cause")) of \(carry.cell("month")), \(carry.cell("state"))"
                    + (isOut ? " in \(target)" : "")
            )
        }
    }

    /// Terms that with what was metered make up what the others have of it.
    private static let incoming: [String] = [LedgerTerm.opening, .adjusted, .carriedIn].map {
        "\($0)"
    }

    private static func isBefore(_ one: String, _ other: String) -> Bool {
        let (first, second) = (incoming.firstIndex(of: one), incoming.firstIndex(of: other))
        guard first == nil, second == nil else {
            return first ?? incoming.count < second ?? incoming.count
        }
        return one < other
    }

    /// What is always shown of the submissions that were confirmed.
    private static let confirmedShownMax = 3

    private static func add(
        submissions row: JSONValue,
        isForPeople: Bool,
        to table: inout Table
    ) {
        let all = row.list("submissions")
        let confirmed = all.filter { $0.cell("outcome") == "confirmed" }
        let earlier = isForPeople ? confirmed.dropLast(confirmedShownMax) : []
        // One alone is told as shortly as that it is left out.
        let folded = Set((earlier.count > 1 ? earlier : []).map { $0.cell("number") })
        if let first = earlier.first, let last = earlier.last, !folded.isEmpty {
            table.add(
                "submission", "\(first.cell("number")) to \(last.cell("number"))",
                last.cell("amount"), row.cell("reportedUnit"), "",
                "\(folded.count) earlier totals up to this one, all confirmed; each: -o csv"
            )
        }
        for told in all where !folded.contains(told.cell("number")) {
            table.add(
                "submission", told.cell("number"), told.cell("amount"), row.cell("reportedUnit"),
                "",
                "of \(Readable.grouped(told.cell("total"))) metered; intended "
                    + "\(told.cell("intended")), \(told.cell("outcome")) \(told.cell("settled"))"
            )
        }
    }

    private static func add(source: JSONValue, _ unit: String, to table: inout Table) {
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
            source.cell("metered"), unit, source.cell("events"), detail.joined(separator: "; ")
        )
    }
}
