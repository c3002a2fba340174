internal import ArgumentParser

struct ExportVerb: Verb {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        /// A line for each row of Waldur's usage.
        case csv
        /// The same with every term, and the position at which it is exact.
        case json
        /// FOCUS 1.2 usage columns.
        case focus
    }

    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "A month's lines for spreadsheets and cost tools.",
        discussion: """
            csv and json have a line for each row of Waldur's usage: metered, adjusted, carried, told, \
            confirmed. focus has the usage columns of FOCUS 1.2 as CSV, with ChargeClass Correction for \
            carries and late adjustments; no cost, since Meter has no prices of its own. Text that a \
            spreadsheet would take for a formula gets an apostrophe.

              meterctl export --period 2026-11 > 2026-11.csv
              meterctl export --period 2026-11 --format focus > focus-2026-11.csv
              meterctl export --period 2026-11 --format json --tenant acme
            """
    )

    @Option(help: "The month, such as 2026-11.")
    var period: String
    @Option(help: "csv, json or focus.")
    var format = Format.csv
    @Option(help: "Only this tenant.", completion: KnownNames.completion(.tenants))
    var tenant: String?
    @OptionGroup var waldur: WaldurOption
    @OptionGroup var server: ServerOptions

    func perform() async throws(CommandFailure) {
        let bytes = try await server.document(
            "/admin/v1/export",
            query: [("period", period), ("format", format.rawValue)]
                + (tenant.map { [("tenant", $0)] } ?? []) + waldur.query
        )
        Terminal.data(String(decoding: bytes, as: UTF8.self))
    }
}
