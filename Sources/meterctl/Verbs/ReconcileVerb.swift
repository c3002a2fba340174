internal import ArgumentParser
internal import MeterWaldur

struct ReconcileVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Our figures beside Waldur's, read now.",
        discussion: """
            Exits 2 where they differ and no call is under way that explains it.

              meterctl reconcile
              meterctl reconcile --tenant acme --all -o json
            """
    )

    @Option(help: "Only this tenant.")
    var tenant: String?
    @Flag(help: "Show equal figures, too.")
    var all = false
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws(CommandFailure) {
        let answer = try await ServerClient(address: try server.address())
            .call(.get, "/admin/v1/reconcile", query: tenant.map { [("tenant", $0)] } ?? [])
        let counts = answer.json["counts"] ?? .null
        let differing = counts.cell("differs")
        answer.show(output.output, nothing: "no differences") { json in
            var table = Table(
                "tenants",
                "resource",
                "month",
                "component",
                ">ours",
                ">waldur",
                ">diff",
                "state",
                "cause"
            )
            for row in json.list("rows") where all || row.cell("state") != "equal" {
                table.add(
                    row.cell("tenants"),
                    row.cell("resource"),
                    row.cell("month"),
                    row.cell("component"),
                    row.cell("ours"),
                    row.cell("shown"),
                    row.cell("difference"),
                    row.cell("state"),
                    row.cell("causes")
                )
            }
            return table
        }
        Terminal.talk(
            "\(counts.cell("equal")) equal, \(counts.cell("in-flight")) in flight, "
                + "\(counts.cell("not-told")) not told on purpose, \(differing) differ"
        )
        let unseen = answer.json.list("unseen")
        guard unseen.isEmpty else {
            throw CommandFailure(
                .differences,
                "the account does not see " + unseen.map(\.cell).joined(separator: ", "),
                next: "check the uuids and the account's role: meterctl map check"
            )
        }
        guard differing == "0" else {
            throw CommandFailure(
                .differences,
                "\(differing) figures differ",
                next: "see what would be told: meterctl report preview"
            )
        }
    }
}
