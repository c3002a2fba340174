internal import ArgumentParser
internal import MeterWaldur

struct KeysVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Keys: who may send and read what.",
        subcommands: [Create.self, List.self, Rotate.self, Revoke.self]
    )

    struct Create: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Makes a key and shows it once.",
            discussion: """
                The key alone goes to stdout, so that it can go straight into a file:

                  meterctl keys create wire --platform all --label runtime > runtime.key
                  meterctl keys create http --tenant acme --scope usage > acme.key
                  meterctl keys create http --platform all --scope ingest --scope usage

                Another key for the same holder names its principal: --principal 3. To replace a key,
                use keys rotate.
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
                "ingest, usage, usage-users, finance or admin; may be repeated. Otherwise ingest for wire, usage for http."
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
            answer.showKey(output.output)
        }
    }

    struct Rotate: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Makes a key that takes another one's place, and shows it once.",
            discussion: """
                The new key has the holder, scopes and label of the old one. Both are good until the old
                one ends by itself: after 62 days for wire keys, 72 hours for http keys, since what was
                sealed or sent with it may still come for so long. A key that leaked is not rotated but
                revoked: meterctl keys revoke.

                  meterctl keys rotate 3f2a90c41b7d5e68 > runtime.key.new
                  meterctl keys rotate 3f2a90c41b7d5e68 --overlap-hours 24 > acme.key.new
                """
        )
        @Argument(help: "The old key's id: 16 hexadecimal digits.")
        var id: String
        @Option(help: "Hours until the old key ends; at most 1488 for wire keys, 72 for http keys.")
        var overlapHours: UInt64?
        @Option(
            help: """
                From then on the new key opens nothing: RFC 3339. Otherwise it lives as long as the old \
                one was made to live.
                """
        )
        var expires: String?
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(
                    .post,
                    "/admin/v1/keys/\(ServerClient.encode(id))/rotate",
                    body: RequestBody.object([
                        ("overlapHours", overlapHours.map { String($0) }),
                        ("expires", RequestBody.string(expires)),
                    ])
                )
            answer.showKey(output.output)
            if output.output != .json, let old = answer.json["replaces"] {
                Terminal.talk("key \(old.cell("id")) ends at \(old.cell("ends")).")
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
                    "ends"
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
                        key.cell("ends")
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

extension ServerClient.Answer {
    /// A new key: it alone on stdout, so that it can go straight into a file; the rest is talk.
    fileprivate func showKey(_ format: OutputFormat) {
        guard format != .json else {
            Terminal.data(String(decoding: bytes, as: UTF8.self))
            return
        }
        Terminal.line(json.cell("key"))
        Terminal.talk(
            "key \(json.cell("id")), principal \(json["principal"]?.cell("id") ?? ""), scopes "
                + "\(json.cell("scopes")). It is shown only this once."
        )
    }
}
