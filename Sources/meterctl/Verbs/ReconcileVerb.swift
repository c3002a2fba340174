internal import ArgumentParser
internal import MeterWaldur

struct ReconcileVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Our figures beside Waldur's, read now.",
        discussion: """
            Exits 2 where they differ and no call is under way that explains it.

              meterctl reconcile
              meterctl reconcile --tenant acme --all -o csv > acme.csv
            """
    )

    @Option(help: "Only this tenant.", completion: KnownNames.completion(.tenants))
    var tenant: String?
    @Flag(help: "Show equal figures, too.")
    var all = false
    @OptionGroup var waldur: WaldurOption
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    static let columns: [Column] = [
        .text("tenants"), .text("resource"), .text("plan period").forProgramsOnly, .text("month"),
        .text("component"), .number("ours"),
        .number("waldur", "shown"), .number("diff", "difference"), .state("state"),
        .prose("cause", "causes"),
    ]

    func perform() async throws(CommandFailure) {
        let answer = try await server.call(
            .get,
            "/admin/v1/reconcile",
            query: (tenant.map { [("tenant", $0)] } ?? []) + waldur.query,
            naming: tenant.map { [.tenant($0)] } ?? []
        )
        if let tenant, answer.json.list("rows").isEmpty { await server.hint([.tenant(tenant)]) }
        let rows = answer.json.list("rows").filter { all || $0.cell("state") != "equal" }
        output.show(
            Table("rows", Self.columns, of: rows),
            document: answer.text,
            nothing: "no differences"
        )
        let counts = answer.json["counts"] ?? .null
        Terminal.talk(
            "\(counts.cell("equal")) equal, \(counts.cell("in-flight")) in flight, "
                + "\(counts.cell("not-told")) not told on purpose, "
                + "\(counts.cell("differs")) differ"
        )
        let unseen = answer.json.list("unseen")
        guard unseen.isEmpty else {
            throw CommandFailure(
                .differences,
                "the account does not see " + unseen.map(\.cell).joined(separator: ", "),
                next: "check the uuids and the account's role: meterctl map check"
            )
        }
        guard counts.cell("differs") == "0" else {
            throw CommandFailure(
                .differences,
                "\(counts.cell("differs")) figures differ",
                next: "see what would be told: meterctl report preview"
            )
        }
    }
}
