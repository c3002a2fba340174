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
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(.get, "/admin/v1/details")
            answer.show(output.output, nothing: "no details") { json in
                var table = Table("what", ">value")
                for name in ["files", "bytes", "rows", "calls", "memoryBytes"] {
                    table.add(name, json.number(name))
                }
                for tenant in json.list("folded") {
                    for limit in ["models", "users", "keys"] {
                        table.add(
                            "folded by \(limit), tenant \(tenant.cell("tenant"))",
                            tenant.number(limit))
                    }
                }
                for missing in json.list("missing") {
                    table.add("missing", missing.string ?? "")
                }
                for erasure in json.list("erasuresPending") {
                    table.add(
                        "erasure pending, tenant \(erasure.cell("tenant"))",
                        erasure.cell("user"))
                }
                return table
            }
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
        @Option(help: "Whose user it is.")
        var tenant: String
        @Option(help: "The user as events name it.")
        var user: String
        @Option(help: "Why; it is kept in the book.")
        var reason: String
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(
                    .post,
                    "/admin/v1/details/erase",
                    body: RequestBody.object([
                        ("tenant", RequestBody.string(tenant)),
                        ("user", RequestBody.string(user)),
                        ("reason", RequestBody.string(reason)),
                    ])
                )
            answer.show(output.output, nothing: "nothing was decided") { json in
                var table = Table(">entry", "tenant", "user")
                table.add(json.number("entry"), json.cell("tenant"), json.cell("user"))
                return table
            }
        }
    }
}
