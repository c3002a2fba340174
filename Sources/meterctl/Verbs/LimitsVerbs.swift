internal import ArgumentParser
internal import MeterWaldur

struct LimitsVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limits",
        abstract: "How much tenants and principals may send and ask.",
        subcommands: [Set.self, List.self]
    )

    struct Set: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Gives one tenant or principal limits of its own, in force at once.",
            discussion: """
                What everybody has is in the server's settings (MeterServer --help: --limits-tenant-..., \
                --limits-principal-...). VALUE is a number, none, or default.

                  meterctl limits set --tenant acme --limit agents=500 --reason "contract 7"
                  meterctl limits set --principal 3 --limit ids=none --limit connections=default

                Of a tenant: events-per-second, bytes-per-second, agents, components, and of its portal \
                tokens requests, query-ms-per-second. Of a principal: events-per-second, \
                bytes-per-second, sources, connections, requests, ids, query-ms-per-second.
                """
        )
        @Option(
            help: "The tenant that gets limits.",
            completion: KnownNames.completion(.tenants)
        )
        var tenant: String?
        @Option(help: "The principal that gets limits; `meterctl keys list` shows them.")
        var principal: UInt64?
        @Option(help: "A limit and its value; may be repeated.")
        var limit: [String] = []
        @Option(help: "Why; kept in the book.")
        var reason: String?
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard (tenant == nil) != (principal == nil) else {
                throw ValidationError("Say whose limits: --tenant or --principal, one of them.")
            }
            guard !limit.isEmpty else {
                throw ValidationError("Name a limit, such as --limit events-per-second=5000.")
            }
            for text in limit { _ = try Self.member(text) }
        }

        func perform() async throws(CommandFailure) {
            let members = limit.compactMap { try? Self.member($0) }
            if let tenant { await server.hint([.tenant(tenant)]) }
            let answer = try await server.call(
                .put,
                "/admin/v1/limits",
                body: RequestBody.object([
                    ("tenant", RequestBody.string(tenant)),
                    ("principal", principal.map { String($0) }),
                    ("limits", RequestBody.object(members)),
                    ("reason", RequestBody.string(reason)), dryRun.member,
                ])
            )
            var table = LimitsVerbs.table()
            LimitsVerbs.add(answer.json, to: &table)
            output.show(table, document: answer.text, nothing: "as for all")
            dryRun.remark()
        }

        /// `NAME=VALUE` as a member of the request's object.
        private static func member(_ text: String) throws -> (String, String?) {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else {
                throw ValidationError("\(text): write NAME=VALUE, such as agents=500.")
            }
            switch parts[1] {
            case "none": return (parts[0], "0")
            case "default": return (parts[0], "null")
            default:
                guard let number = UInt64(parts[1]) else {
                    throw ValidationError(
                        "\(text): the value is a whole number, none, or default."
                    )
                }
                return (parts[0], String(number))
            }
        }
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Every limit, and how often who was held back since the server's start.",
            discussion: """
                  meterctl limits list
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/limits")
            let json = answer.json
            var table = LimitsVerbs.table()
            for kind in ["tenant", "principal"] {
                for (limit, value) in LimitsVerbs.limits(json["defaults"]?[kind]) {
                    table.add("every \(kind)", limit, value, "")
                }
            }
            for own in json.list("own") { LimitsVerbs.add(own, to: &table) }
            for hit in json.list("hits") {
                table.add(
                    LimitsVerbs.subject(hit),
                    hit.cell("limit"),
                    LimitsVerbs.shown(hit.cell("value")),
                    hit.cell("count")
                )
            }
            output.show(table, document: answer.text, nothing: "no limits")
        }
    }

    static func table() -> Table {
        Table("limits", [.text("for"), .text("limit"), .number("value"), .number("held back")])
    }

    static func add(_ json: JSONValue, to table: inout Table) {
        for (limit, value) in limits(json["limits"]) {
            table.add(subject(json), limit, value, "")
        }
    }

    private static func limits(_ json: JSONValue?) -> [(String, String)] {
        (json?.object ?? [:]).sorted { $0.key < $1.key }
            .map { ($0.key, shown($0.value.cell)) }
    }

    private static func subject(_ json: JSONValue) -> String {
        json["tenant"].map { "tenant " + $0.cell } ?? "principal " + json.cell("principal")
    }

    private static func shown(_ value: String) -> String { value == "0" ? "none" : value }
}
