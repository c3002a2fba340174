internal import ArgumentParser
internal import Meter
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

                Another key for the same holder names its principal; to replace a key, rotate it.

                  meterctl keys create wire --principal 3 --label runtime-2027
                """
        )
        @Argument(help: "For frames over UDP and TCP, or for HTTP.")
        var kind: KeyText.Kind
        @Option(
            help: "The key is this tenant's own.",
            completion: KnownNames.completion(.tenants)
        )
        var tenant: String?
        @Option(
            help: ArgumentHelp(
                "The key is a platform's that emits for this tenant, or all; may be repeated.",
                valueName: "tenant"
            )
        )
        var platform: [String] = []
        @Option(
            help: ArgumentHelp(
                "The key is another one of a principal that has keys already.",
                valueName: "number"
            )
        )
        var principal: UInt64?
        @Option(
            help: ArgumentHelp(
                "\(KeyScopes.known); may be repeated. Otherwise ingest for wire, usage for http."
            )
        )
        var scope: [String] = []
        @Option(help: "What people call it.")
        var label: String?
        @Option(help: ArgumentHelp("From then on it opens nothing: RFC 3339.", valueName: "time"))
        var expires: String?
        @OptionGroup var dryRun: DryRunOption
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
            let named = (tenant.map { [$0] } ?? []) + platform.filter { $0 != "all" }
            await server.hint(named.map { .tenant($0) })
            let answer = try await server.call(
                .post,
                "/admin/v1/keys",
                body: RequestBody.object([
                    ("kind", RequestBody.string(kind.rawValue)),
                    ("tenant", RequestBody.string(tenant)),
                    ("platform", RequestBody.strings(platform)),
                    ("principal", principal.map { String($0) }),
                    ("scopes", RequestBody.strings(scope)),
                    ("label", RequestBody.string(label)),
                    ("expires", RequestBody.string(expires)), dryRun.member,
                ])
            )
            KeysVerbs.show(answer, output, dryRun)
        }
    }

    struct Rotate: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Makes a key that takes another one's place, and shows it once.",
            discussion: """
                The new key has the holder, scopes and label of the old one. Both are good until the old \
                one ends by itself: after 62 days for wire keys, 72 hours for http keys, since what was \
                sealed or sent with it may still come for so long. A key that leaked is not rotated but \
                revoked.

                  meterctl keys rotate 3f2a90c41b7d5e68 > runtime.key.new
                  meterctl keys rotate 3f2a90c41b7d5e68 --overlap-hours 24 > acme.key.new
                """
        )
        @Argument(
            help: "The old key's id: 16 hexadecimal digits.",
            completion: KnownNames.keyCompletion
        )
        var id: String
        @Option(
            help: ArgumentHelp(
                "When the old key ends; at most 1488 for wire keys, 72 for http keys.",
                valueName: "hours"
            )
        )
        var overlapHours: UInt64?
        @Option(
            help: ArgumentHelp(
                "From then on the new key opens nothing: RFC 3339; otherwise as the old one.",
                valueName: "time"
            )
        )
        var expires: String?
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(
                .post,
                "/admin/v1/keys/\(ServerClient.encode(id))/rotate",
                body: RequestBody.object([
                    ("overlapHours", overlapHours.map { String($0) }),
                    ("expires", RequestBody.string(expires)), dryRun.member,
                ]),
                naming: [.key(id)]
            )
            KeysVerbs.show(answer, output, dryRun)
            if let old = answer.json["replaces"] {
                let ends = dryRun.said("ends", instead: "would end")
                Terminal.talk("key \(old.cell("id")) \(ends) at \(old.cell("ends")).")
            }
        }
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Every key and its state.",
            discussion: """
                  meterctl keys list
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("id"), .text("kind"), .state("state"), .text("scopes"),
            .text("principal", "principal.id"),
            .text("for") { key in
                key.at("principal.tenant").map { "tenant " + $0.cell }
                    ?? "platform " + key.cell("principal.platform")
            },
            .text("label"), .text("created"), .text("ends"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/keys")
            output.show(
                answer,
                "keys",
                Self.columns,
                nothing: "no keys yet; make one: meterctl keys create"
            )
        }
    }

    struct Revoke: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Makes a key open nothing any more, at once.",
            discussion: """
                A key that is revoked stays so. What it sent before stays counted.

                  meterctl keys revoke baecf27a167d011e --reason "machine sold"
                """
        )
        @Argument(
            help: "The key's id: 16 hexadecimal digits.",
            completion: KnownNames.keyCompletion
        )
        var id: String
        @Option(help: "Why; kept in the book.")
        var reason: String?
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            try dryRun.confirm(
                confirmation,
                "Whoever uses key \(id) is shut out at once, and it cannot be made valid again."
            )
            let answer = try await server.call(
                .delete,
                "/admin/v1/keys/\(ServerClient.encode(id))",
                query: (reason.map { [("reason", $0)] } ?? []) + dryRun.query,
                naming: [.key(id)]
            )
            output.done(
                answer,
                "key \(id) " + dryRun.said("is revoked", instead: "would be revoked")
            )
            dryRun.remark()
        }
    }
}

extension KeysVerbs {
    /// A new key: in a table it alone, so that it can go straight into a file; the rest is talk.
    fileprivate static func show(
        _ answer: Answer,
        _ output: OutputOptions,
        _ dryRun: DryRunOption
    ) {
        if output.output == .table, dryRun.dryRun {
            let scopes = answer.json.cell("scopes")
            Terminal.talk("a key with scopes \(scopes) would be made")
        } else if output.output == .table {
            Terminal.line(answer.json.cell("key"))
        } else {
            output.show(
                answer,
                [
                    .text("id"), .text("kind"), .text("key"), .text("scopes"),
                    .text("principal", "principal.id"), .text("label"), .text("expires"),
                ]
            )
        }
        if dryRun.dryRun { return dryRun.remark() }
        Terminal.talk(
            "key \(answer.json.cell("id")), principal \(answer.json.cell("principal.id")), "
                + "scopes \(answer.json.cell("scopes")). It is shown only this once."
        )
    }
}

extension KeyText.Kind: ExpressibleByArgument {}
