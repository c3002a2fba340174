internal import ArgumentParser
internal import MeterWaldur

struct ReconcileVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Claims, ledger, Waldur's usage rows and invoice items, side by side.",
        discussion: """
            Reads a month from Waldur now, and changes nothing there. Quantities are in the component's \
            smallest unit, costs in Waldur's currency. Each difference is divided among its causes; those \
            that are so by a rule or a decision are counted by cause, and listed with --all, as is what \
            bills no usage, so that each invoice adds up. Claims are of all usage: they are compared once, \
            whichever Waldur it is told to. Exits 2 where a person has to act.

              meterctl reconcile
              meterctl reconcile --period 2026-11 --all
              meterctl reconcile --tenant acme --period 2026-11 -o csv > acme.csv
            """
    )

    @Option(help: "Only this tenant.", completion: KnownNames.completion(.tenants))
    var tenant: String?
    @Option(help: "The month, such as 2026-11; Waldur's present one otherwise.")
    var period: String?
    @Flag(help: "Show every figure, and items that bill no usage, too.")
    var all = false
    @OptionGroup var waldur: WaldurOption
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    /// - Parameter several: Lines of several Waldurs are in one table.
    static func columns(several: Bool) -> [Column] {
        let waldur = Column.text("waldur")
        return [
            .text("kind"), several ? waldur : waldur.forProgramsOnly, .text("tenants"),
            .text("resource"), .text("plan period").forProgramsOnly, .text("component"),
            .number("claimed"), .number("ledger"), .number("usage"), .number("billed"),
            .number("difference"), .text("unit"), .number("expected"), .number("cost"),
            .state("state"),
            .prose("cause", "causes") { line in
                line.list("causes").map(cause).joined(separator: "; ")
            },
        ]
    }

    static func invoiceColumns(several: Bool) -> [Column] {
        let waldur = Column.text("waldur")
        return [
            several ? waldur : waldur.forProgramsOnly, .text("customer"), .text("tenants"),
            .number("items"), .number("expected"), .number("usage"), .number("not usage"),
            .number("total"), .number("unexplained"),
        ]
    }

    func perform() async throws(CommandFailure) {
        let answer = try await server.call(
            .get,
            "/admin/v1/reconcile",
            query: waldur.query
                + [("tenant", tenant), ("period", period)].compactMap { name, value in
                    value.map { (name, $0) }
                },
            naming: tenant.map { [.tenant($0)] } ?? []
        )
        let found = answer.json.list("reconciliations")
        let claims = answer.json.list("claims")
        let compared = claims.flatMap { $0.list("lines") } + found.flatMap { $0.list("rows") }
        if let tenant, compared.isEmpty { await server.hint([.tenant(tenant)]) }
        let items = found.flatMap { $0.list("items") }
        let isForPeople = output.output == .table
        let hidden: Set<String> = all ? [] : isForPeople ? ["equal", "explained"] : ["equal"]
        output.show(
            Table(
                "lines",
                Self.columns(several: found.count > 1),
                of: compared.filter { !hidden.contains($0.cell("state")) }
                    + (all || output.output == .csv ? items : [])
            ),
            document: answer.text,
            nothing: "nothing needs a look"
        )
        let invoices = found.flatMap { $0.list("invoices") }
        if isForPeople, !invoices.isEmpty {
            output.show(
                Table("invoices", Self.invoiceColumns(several: found.count > 1), of: invoices))
        }
        for comparison in claims {
            let whose = claims.count > 1 ? ", \(comparison.cell("waldurs"))" : ""
            Self.say("claims", whose, comparison, "lines")
        }
        for reconciliation in found {
            Self.say(reconciliation.cell("waldur"), "", reconciliation, "rows")
        }
        if found.contains(where: { !$0.isTrue("seesItems") }) {
            Terminal.talk(
                "the account sees no invoice items, so nothing is said of what is billed; make it owner "
                    + "or manager of the provider"
            )
        }
        try conclude(found, compared)
    }

    /// How the lines of one comparison stand, beside the table.
    private static func say(
        _ subject: String,
        _ whose: String,
        _ found: JSONValue,
        _ lines: String
    ) {
        let counts = found["counts"] ?? .null
        let explained = found.list(lines).filter { $0.cell("state") == "explained" }
            .flatMap { Set($0.list("causes").map { $0.cell("cause") }) }
        let causes = Dictionary(grouping: explained) { $0 }.sorted { $0.key < $1.key }
            .map { "\($0.key) \($0.value.count)" }.joined(separator: ", ")
        Terminal.talk(
            "\(subject), \(found.cell("month"))\(whose): \(counts.cell("equal")) equal, "
                + "\(counts.cell("explained")) explained"
                + (causes.isEmpty ? "" : " (\(causes))")
                + ", \(counts.cell("in-flight")) in flight, "
                + "\(counts.cell("differs")) differ"
        )
    }

    private func conclude(
        _ found: [JSONValue],
        _ lines: [JSONValue]
    ) throws(CommandFailure) {
        let open = lines.flatMap { $0.list("causes") }.filter { $0.cell("standing") == "open" }
        for cause in Set(open.map { $0.cell("cause") }).sorted() {
            guard let advice = DifferenceCause(rawValue: cause)?.advice else { continue }
            Terminal.talk("\(cause): \(advice)")
        }
        let unseen = found.flatMap { $0.list("unseen") }
        guard unseen.isEmpty else {
            throw CommandFailure(
                .differences,
                "the account does not see " + unseen.map(\.cell).joined(separator: ", "),
                next: "check the uuids and the account's role: meterctl map check"
            )
        }
        let count = lines.count { $0.cell("state") == "differs" }
        guard count == 0 else {
            throw CommandFailure(
                .differences,
                "\(count) \(count == 1 ? "figure differs" : "figures differ")",
                next: "what each cause means: Documentation/Finance.md"
            )
        }
    }

    /// `rounding 7`, `price-frozen-before-turn 0 (30.00): item …`.
    private static func cause(_ cause: JSONValue) -> String {
        let quantity = cause.cell("quantity")
        let money = cause.cell("money")
        let note = cause.cell("note")
        return cause.cell("cause") + " " + (quantity.isEmpty ? "unknown" : quantity)
            + (money.contains { $0 != "0" && $0 != "." } ? " (\(money))" : "")
            + (note.isEmpty ? "" : ": \(note)")
    }
}
