internal import ArgumentParser
internal import MeterWaldur

struct DetailsVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "details",
        abstract: "Details: what is kept by model, user and outcome; erasing a user's.",
        subcommands: [Status.self, Erase.self],
        defaultSubcommand: Status.self
    )

    struct Status: Verb {
        static let configuration = CommandConfiguration(
            abstract: "What details hold, which tenants are beyond a limit, what is missing.",
            discussion: """
                A tenant with more models, users or combinations of them than the limits allow \
                (--limits-detail-models and its like) is listed with the calls that were counted under \
                __other__ since the server's start. Sums are exact all the same.

                  meterctl details status
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/details")
            output.show(Self.table(answer.json), document: answer.text)
        }

        static func table(_ details: JSONValue) -> Table {
            var table = Table(
                figures: [
                    ("files", "files"), ("bytes", "bytes"), ("rows", "rows"), ("calls", "calls"),
                    ("bytes in memory", "memoryBytes"),
                ],
                of: details
            )
            for tenant in details.list("folded") {
                for limit in ["models", "users", "keys"] where tenant.cell(limit) != "0" {
                    table.add(
                        "calls folded by \(limit), tenant \(tenant.cell("tenant"))",
                        tenant.cell(limit)
                    )
                }
            }
            for missing in details.list("missing") { table.add("missing", missing.cell) }
            for erasure in details.list("erasuresPending") {
                table.add(
                    "erasure pending, tenant \(erasure.cell("tenant"))",
                    erasure.cell("user")
                )
            }
            return table
        }
    }

    struct Erase: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Erases a user's name from the details of a tenant.",
            discussion: """
                The decision is booked with your name and the reason. From then on no answer has the \
                user's name; files are rewritten within seconds (`meterctl details` lists what is \
                pending). The calls stay, under __erased__; usage and what is billed never had the name. \
                The journal and copies of it have the name until their files are removed, and events \
                that name the user later are counted under it again.

                  meterctl details erase --tenant acme --user u-4711 --reason "request of 12 March"
                """
        )
        @Option(help: "Whose user it is.", completion: KnownNames.completion(.tenants))
        var tenant: String
        @Option(help: "The user as events name it.")
        var user: String
        @Option(help: "Why; it is kept in the book.")
        var reason: String
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            await server.hint([.tenant(tenant)])
            let answer = try await server.call(
                .post,
                "/admin/v1/details/erase",
                body: RequestBody.object([
                    ("tenant", RequestBody.string(tenant)),
                    ("user", RequestBody.string(user)),
                    ("reason", RequestBody.string(reason)), dryRun.member,
                ])
            )
            let columns: [Column] = [.number("entry"), .text("tenant"), .text("user")]
            output.show(Table("erasures", columns, of: [answer.json]), document: answer.text)
            dryRun.remark()
        }
    }
}
