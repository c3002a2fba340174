internal import ArgumentParser
internal import MeterWaldur

struct KeysVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Keys: who may send and read what.",
        subcommands: [Create.self, List.self, Revoke.self]
    )

    struct Create: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Makes a key and shows it once.",
            discussion: """
                The key alone goes to stdout, so that it can go straight into a file:

                  meterctl keys create wire --platform all --label runtime > runtime.key
                  meterctl keys create http --tenant acme --scope usage > acme.key
                  meterctl keys create http --platform all --scope ingest --scope usage

                A second key for the same holder (rotation) names its principal: --principal 3
                """
        )
        @Argument(help: "wire (frames over UDP and TCP) or http.")
        var kind: String
        @Option(help: "The key is this tenant's own.")
        var tenant: String?
        @Option(
            help: "The key is a platform's that emits for this tenant, or all; may be repeated."
        )
        var platform: [String] = []
        @Option(help: "The key is another one of a principal that has keys already.")
        var principal: UInt64?
        @Option(
            help:
                "ingest, usage or admin; may be repeated. Otherwise ingest for wire, usage for http."
        )
        var scope: [String] = []
        @Option(help: "What people call it.")
        var label: String?
        @Option(help: "From then on the key opens nothing: RFC 3339.")
        var expires: String?
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            let holders =
                (tenant == nil ? 0 : 1) + (platform.isEmpty ? 0 : 1) + (principal == nil ? 0 : 1)
            guard holders == 1 else {
                throw ValidationError(
                    "Say who holds the key: --tenant, --platform or --principal, one of them."
                )
            }
        }

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(
                    .post,
                    "/admin/v1/keys",
                    body: RequestBody.object([
                        ("kind", RequestBody.string(kind)),
                        ("tenant", RequestBody.string(tenant)),
                        ("platform", RequestBody.strings(platform)),
                        ("principal", principal.map { String($0) }),
                        ("scopes", RequestBody.strings(scope)),
                        ("label", RequestBody.string(label)),
                        ("expires", RequestBody.string(expires)),
                    ])
                )
            switch output.output {
            case .json: Terminal.data(String(decoding: answer.bytes, as: UTF8.self))
            case .table:
                Terminal.line(answer.json.cell("key"))
                Terminal.talk(
                    "key \(answer.json.cell("id")), principal "
                        + "\(answer.json["principal"]?.cell("id") ?? ""), scopes "
                        + "\(answer.json.cell("scopes")). It is shown only this once."
                )
            }
        }
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(abstract: "Every key and its state.")
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(.get, "/admin/v1/keys")
            answer.show(output.output, nothing: "no keys yet; make one: meterctl keys create") {
                json in
                var table = Table(
                    "id",
                    "kind",
                    "state",
                    "scopes",
                    ">principal",
                    "for",
                    "label",
                    "created",
                    "expires"
                )
                for key in json.list("keys") {
                    let principal = key["principal"] ?? .null
                    let holder =
                        principal["tenant"].map { "tenant " + $0.cell }
                        ?? "platform " + principal.cell("platform")
                    table.add(
                        key.cell("id"),
                        key.cell("kind"),
                        key.cell("state"),
                        key.cell("scopes"),
                        principal.cell("id"),
                        holder,
                        key.cell("label"),
                        key.cell("created"),
                        key.cell("expires")
                    )
                }
                return table
            }
        }
    }

    struct Revoke: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Makes a key open nothing any more, at once."
        )
        @Argument(help: "The key's id: 16 hexadecimal digits.")
        var id: String
        @Option(help: "Why; kept in the book.")
        var reason: String?
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(
                    .delete,
                    "/admin/v1/keys/\(ServerClient.encode(id))",
                    query: reason.map { [("reason", $0)] } ?? []
                )
            answer.show(output.output, nothing: "key \(id) is revoked") { _ in Table() }
        }
    }
}
